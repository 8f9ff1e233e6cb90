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
use crate::domain::oauth::grant::PresentedClient;
use crate::domain::opaque_token::{TokenBody, TokenKind};
use crate::domain::session::{ActiveSession, SessionKey, StaleToken};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::session_end;
use crate::flows::session::{TokenGrant, grant};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::sessions::{self, Rotation};
use crate::store::users;

/// The metric's outcome for a token that is not valid.
const INVALID: &str = "invalid";
/// The metric's outcome for a token whose client has not shown the key of the session.
const WRONG_KEY: &str = "wrong_key";
/// The metric's outcome for a token whose successor was given out a moment ago, and is given out again.
const REPEATED: &str = "repeated";
/// The metric's outcome for a token that was exchanged for the next one.
const ROTATED: &str = "rotated";

/// The result of a refresh.
#[must_use]
pub enum Refresh {
    /// The session has new tokens.
    Granted(Box<TokenGrant>),
    /// The session refreshes so often that its client must be faulty.
    TooOften(TimeDelta),
    /// The session is bound to another key than the client has shown, or to none. Nothing has changed.
    WrongKey,
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
pub async fn refresh(
    core: &Arc<Core>,
    refresh_token: &str,
    shown: Option<VerifiedProof>,
    origin: RequestOrigin,
) -> Result<Refresh, Fault> {
    let Some(token) = core.tokens.open(TokenKind::Refresh, refresh_token) else {
        let (refused, _word) = counted("refresh", Ok((Refresh::Invalid, INVALID)))?;
        return Ok(refused);
    };
    let presented = PresentedToken {
        token,
        client: None,
        shown,
    };
    let (renewal, now) = renew(core, presented, origin).await?;
    Ok(match renewal {
        Renewal::Renewed(session, user) | Renewal::Repeated(session, user) => {
            Refresh::Granted(Box::new(grant(core, *session, &user, now)?))
        }
        Renewal::TooOften(wait) => Refresh::TooOften(wait),
        Renewal::WrongKey => Refresh::WrongKey,
        Renewal::Invalid => Refresh::Invalid,
    })
}

/// A refresh token whose MAC is valid.
#[derive(Clone, Copy)]
pub(in crate::flows) struct PresentedToken {
    /// The token.
    pub(in crate::flows) token: TokenBody,
    /// The application that presents it, if it is the token of a grant.
    pub(in crate::flows) client: Option<PresentedClient>,
    /// The proof of possession beside it.
    pub(in crate::flows) shown: Option<VerifiedProof>,
}

/// The result of presenting a refresh token.
#[must_use]
pub(in crate::flows) enum Renewal {
    /// The session gets new tokens.
    Renewed(Box<ActiveSession>, Box<User>),
    /// It was a moment ago, and is again: the answer may have been lost, or the request be a copy.
    Repeated(Box<ActiveSession>, Box<User>),
    /// The session refreshes so often that its client must be faulty.
    TooOften(TimeDelta),
    /// The session is bound to another key than the client has shown, or to none. Nothing has changed.
    WrongKey,
    /// The token is not valid, for any reason.
    Invalid,
}

impl Outcome for (Renewal, &'static str) {
    fn word(&self) -> &'static str {
        self.1
    }
}

/// Advances a session by a refresh token. Returns the time at which it did, of which the tokens are made.
pub(in crate::flows) async fn renew(
    core: &Arc<Core>,
    presented: PresentedToken,
    origin: RequestOrigin,
) -> Result<(Renewal, DateTime<Utc>), Fault> {
    let now = core.clock.now();
    let (renewal, _word) = counted("refresh", exchange(core, presented, origin, now).await)?;
    Ok((renewal, now))
}

/// Exchanges the token. Also returns the outcome for metrics.
async fn exchange(
    core: &Arc<Core>,
    presented: PresentedToken,
    origin: RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(Renewal, &'static str), Fault> {
    let (session_id, shown) = (presented.token.session().session_id.uuid(), key_of(presented.shown));
    if let Some(wait) = core.rate_limits.session(session_id, shown) {
        return Ok((Renewal::TooOften(wait), "too_often"));
    }
    // A rotation without tokens in the answer would sign the client out.
    core.keys.current()?;
    let (refreshed, word) = match rotate(core, presented, now).await? {
        Some(rotated) => (Some(rotated), ROTATED),
        None => repeat(core, presented, origin, now).await?,
    };
    let renewal = match refreshed {
        Some((session, user)) if word == REPEATED => Renewal::Repeated(Box::new(session), Box::new(user)),
        Some((session, user)) => Renewal::Renewed(Box::new(session), Box::new(user)),
        None if word == WRONG_KEY => Renewal::WrongKey,
        None => Renewal::Invalid,
    };
    Ok((renewal, word))
}

/// Rotates, if the token is the live one, together with what else waits for a connection.
async fn rotate(
    core: &Arc<Core>,
    presented: PresentedToken,
    now: DateTime<Utc>,
) -> Result<Option<RefreshedSession>, Fault> {
    // A batch that broke may have been committed. The next step detects that.
    Ok(core.batches.rotations.ask(wanted(core, presented, now)).await?)
}

fn wanted(core: &Core, presented: PresentedToken, now: DateTime<Utc>) -> Rotation {
    Rotation {
        key: presented.token.session(),
        presented: presented.token.counter,
        client: presented.client,
        shown: key_of(presented.shown),
        idle: core.settings.lifetimes.idle,
        now,
    }
}

/// Handles a token that the batch did not rotate: in most cases, one that is not the live one.
async fn repeat(
    core: &Arc<Core>,
    presented: PresentedToken,
    origin: RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(Option<RefreshedSession>, &'static str), Fault> {
    core.transaction_at(now, "refresh.repeat", origin, move |tx| retry_or_reject(tx, presented))
        .await
}

fn retry_or_reject(
    tx: &mut Tx<'_>,
    presented: PresentedToken,
) -> Result<(Option<RefreshedSession>, &'static str), Fault> {
    // The user's row before the session's, as everywhere: whatever ends sessions locks them in this order.
    users::lock_user(tx.connection, Some(presented.token.session().user_id))?;
    // A live token gets here if the batch could not rotate it: another transaction held the session, or it failed.
    if let Some(rotated) = sessions::rotate(tx.connection, &wanted(tx.core, presented, tx.now))? {
        return Ok((Some(rotated), ROTATED));
    }
    let (session, word) = repeat_or_end(tx, presented)?;
    let Some(session) = session else {
        return Ok((None, word));
    };
    let Some(user) = users::find_active(tx.connection, session.user_id)? else {
        return Ok((None, INVALID));
    };
    Ok((Some((session, user)), word))
}

fn repeat_or_end(
    tx: &mut Tx<'_>,
    PresentedToken { token, client, shown }: PresentedToken,
) -> Result<(Option<ActiveSession>, &'static str), Fault> {
    let key = token.session();
    // Locked, so that the session does not change between the classification and its effect.
    let Some(session) = sessions::find_live_for_update(tx.connection, key, tx.now)? else {
        // Recorded as expired by the first request that comes too late, so that the trail has exactly one row for it.
        session_end::end(tx, key, EndCause::Expired)?;
        return Ok((None, INVALID));
    };
    // What another application presents says nothing about the one that the grant is for, so it ends nothing.
    if !sessions::is_presented_by(tx.connection, key, client)? {
        return Ok((None, INVALID));
    }
    // Nor does what a client without the key presents. The owner's client may have been copied without its key.
    if session.key != key_of(shown) {
        return Ok((None, WRONG_KEY));
    }
    let grace = tx.core.settings.refresh_reuse_grace;
    match session.refresh.classify_stale_token(token.counter, grace, tx.now) {
        StaleToken::Predecessor => Ok((Some(session), REPEATED)),
        StaleToken::SteppedUp => Ok((None, "stepped_up")),
        StaleToken::Unknown => Ok((None, INVALID)),
        StaleToken::Reused => {
            end_reused(tx, key, session.grant.is_some())?;
            Ok((None, "reused"))
        }
    }
}

/// Ends a session of which a used refresh token was presented again. If it is a grant, the copy is an application's:
/// the user's own session is not concerned, and the user can do nothing about it.
fn end_reused(tx: &mut Tx<'_>, key: SessionKey, is_grant: bool) -> Result<(), Fault> {
    let cause = if is_grant {
        EndCause::GrantReuse
    } else {
        EndCause::RefreshReuse
    };
    session_end::end(tx, key, cause)?;
    let event = AuditEvent::failure(EventName::TokenReuse, "refresh_reuse", Some(key.user_id));
    tx.audit(&[event.in_session(key.session_id)])?;
    let owner = users::find_active(tx.connection, key.user_id)?.filter(|_| !is_grant);
    if let Some(owner) = owner {
        tx.notify(&owner, Message::RefreshTokenReused)?;
    }
    let session_id = key.session_id.uuid();
    tracing::warn!(%session_id, "a used refresh token was presented again; its session has ended");
    Ok(())
}
