//! `POST /token/refresh`: new tokens for a session.
//!
//! The session's counter is the only state: the live token is the one that carries it. Rotation is one conditional
//! statement, so of many requests with one token exactly one rotates. What the others get is decided by
//! [`classify_stale_token`](crate::domain::session::RefreshSeries::classify_stale_token): the immediate predecessor,
//! inside the grace window, gets the same successor again, byte for byte, since a token is a function of row and
//! counter. Anything older ends the session, and with it all copies of its tokens (RFC 9700 §4.14.2). The token before
//! a step-up never gets the one after it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::message::Message;
use crate::domain::opaque_token::{TokenBody, TokenKind};
use crate::domain::session::{ActiveSession, SessionKey, StaleToken};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::session_end;
use crate::flows::session::{TokenGrant, grant};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::sessions::{self, Rotation};
use crate::store::users;

/// The metric's outcome for a token that is not valid.
const INVALID: &str = "invalid";
/// The metric's outcome for a token that was exchanged for the next one.
const ROTATED: &str = "rotated";

/// The result of a refresh.
#[must_use]
pub enum Refresh {
    /// The session has new tokens.
    Granted(Box<TokenGrant>),
    /// The session refreshes so often that its client must be faulty.
    TooOften(TimeDelta),
    /// The token is not valid, for any reason.
    Invalid,
}

/// Metrics distinguish more outcomes of a refresh than the client learns.
impl Outcome for (Refresh, &'static str) {
    fn word(&self) -> &'static str {
        self.1
    }
}

/// A refreshed session with its account.
type RefreshedSession = (ActiveSession, User);

/// Exchanges a refresh token for new tokens.
pub async fn refresh(core: &Arc<Core>, refresh_token: &str, origin: RequestOrigin) -> Result<Refresh, Fault> {
    let ended = counted("refresh", exchange(core, refresh_token, origin).await)?;
    Ok(ended.0)
}

/// Exchanges the token. Also returns the outcome for metrics.
async fn exchange(
    core: &Arc<Core>,
    refresh_token: &str,
    origin: RequestOrigin,
) -> Result<(Refresh, &'static str), Fault> {
    let Some(token) = core.tokens.open(TokenKind::Refresh, refresh_token) else {
        return Ok((Refresh::Invalid, INVALID));
    };
    if let Some(wait) = core.rate_limits.session(token.session().session_id.uuid()) {
        return Ok((Refresh::TooOften(wait), "too_often"));
    }
    // A rotation without tokens in the answer would sign the client out.
    core.keys.current()?;
    let now = core.clock.now();
    let (refreshed, word) = match rotate(core, token, now).await? {
        Some(rotated) => (Some(rotated), ROTATED),
        None => repeat(core, token, origin, now).await?,
    };
    match refreshed {
        Some((session, user)) => {
            let grant = grant(core, session, &user, now)?;
            Ok((Refresh::Granted(Box::new(grant)), word))
        }
        None => Ok((Refresh::Invalid, word)),
    }
}

/// Rotates, if the token is the live one, together with what else waits for a connection.
async fn rotate(core: &Arc<Core>, token: TokenBody, now: DateTime<Utc>) -> Result<Option<RefreshedSession>, Fault> {
    // A batch that broke may have been committed. The next step detects that.
    Ok(core.batches.rotations.ask(wanted(core, token, now)).await?)
}

fn wanted(core: &Core, token: TokenBody, now: DateTime<Utc>) -> Rotation {
    Rotation {
        key: token.session(),
        presented: token.counter,
        idle: core.settings.lifetimes.idle,
        now,
    }
}

/// Handles a token that the batch did not rotate: in most cases, one that is not the live one.
async fn repeat(
    core: &Arc<Core>,
    token: TokenBody,
    origin: RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(Option<RefreshedSession>, &'static str), Fault> {
    core.transaction_at(now, "refresh.repeat", origin, move |tx| retry_or_reject(tx, token))
        .await
}

fn retry_or_reject(tx: &mut Tx<'_>, token: TokenBody) -> Result<(Option<RefreshedSession>, &'static str), Fault> {
    // A live token gets here if the batch could not rotate it: another transaction held the session, or it failed.
    if let Some(rotated) = sessions::rotate(tx.connection, &wanted(tx.core, token, tx.now))? {
        return Ok((Some(rotated), ROTATED));
    }
    let (session, word) = repeat_or_end(tx, token)?;
    let Some(session) = session else {
        return Ok((None, word));
    };
    let Some(user) = users::find_active(tx.connection, session.user_id)? else {
        return Ok((None, INVALID));
    };
    Ok((Some((session, user)), word))
}

fn repeat_or_end(tx: &mut Tx<'_>, token: TokenBody) -> Result<(Option<ActiveSession>, &'static str), Fault> {
    let key @ SessionKey {
        user_id,
        session_id: id,
    } = token.session();
    // The user's row before the session's, as everywhere: a reuse also removes what is pending on the account.
    users::lock_user(tx.connection, Some(user_id))?;
    // Locked, so that the session does not change between the classification and its effect.
    let Some(session) = sessions::find_live_for_update(tx.connection, key, tx.now)? else {
        // Recorded as expired by the first request that comes too late, so that the trail has exactly one row for it.
        if session_end::end(tx, key, EndCause::Expired)? {
            let event = AuditEvent::success(EventName::SessionExpired, user_id).because("refresh");
            tx.audit(&[event.in_session(id)])?;
        }
        return Ok((None, INVALID));
    };
    let grace = tx.core.settings.refresh_reuse_grace;
    match session.refresh.classify_stale_token(token.counter, grace, tx.now) {
        StaleToken::Predecessor => Ok((Some(session), "repeated")),
        StaleToken::SteppedUp => Ok((None, "stepped_up")),
        StaleToken::Unknown => Ok((None, INVALID)),
        StaleToken::Reused => {
            session_end::end(tx, key, EndCause::RefreshReuse)?;
            let event = AuditEvent::failure(EventName::TokenReuse, "refresh_reuse", Some(user_id));
            tx.audit(&[event.in_session(id)])?;
            if let Some(owner) = users::find_active(tx.connection, user_id)? {
                tx.notify(&owner, Message::RefreshTokenReused)?;
            }
            tracing::warn!(session_id = %id.uuid(), "a used refresh token was presented again; its session has ended");
            Ok((None, "reused"))
        }
    }
}
