//! The last step of every way to sign in: a pending session becomes active, and its tokens are made.
//!
//! No other code makes tokens (ASVS 6.3.4), so no way to sign in can omit a check that another one makes.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::crypto::jwt;
use crate::domain::assurance::Proofs;
use crate::domain::ids::{SessionId, uuid_v7};
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::PLACE_REMEMBERED_FOR;
use crate::domain::session::{ActiveSession, RefreshTokenTransport, SessionKey};
use crate::domain::user::User;
use crate::flows::notify::notify_new_place;
use crate::flows::session::session_end;
use crate::flows::session::trusted_device::{DeviceGrant, RecalledDevice};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, whole_seconds};
use crate::store::sessions;
use crate::store::sessions::Activation;

/// What a client gets for an active session.
pub struct TokenGrant {
    /// The access token, for back ends.
    pub access_token: SecretString,
    /// The lifetime of the access token in seconds.
    pub expires_in: u64,
    /// The refresh token, which gets the session's next tokens.
    pub refresh_token: SecretString,
    /// The lifetime of the refresh token in seconds, if it is not used.
    pub refresh_expires_in: u64,
    /// The session.
    pub session: ActiveSession,
    /// What it gets for the trusted device that it runs on, if that is one.
    pub device: Option<DeviceGrant>,
}

/// A pending session whose factors are all verified.
pub(in crate::flows) struct SessionActivation<'a> {
    /// The id of the pending session.
    pub(in crate::flows) id: SessionId,
    /// Its user.
    pub(in crate::flows) user: &'a User,
    /// The verified factors, in order, and when.
    pub(in crate::flows) proofs: &'a Proofs,
    /// How the client gets refresh tokens.
    pub(in crate::flows) delivery: RefreshTokenTransport,
}

impl SessionActivation<'_> {
    const fn key(&self) -> SessionKey {
        SessionKey {
            user_id: self.user.id,
            session_id: self.id,
        }
    }
}

/// A session that has become active.
pub(in crate::flows) struct Activated {
    /// The session.
    pub(in crate::flows) session: ActiveSession,
    /// The number of recovery codes that its user has left.
    pub(in crate::flows) recovery_codes_remaining: i64,
}

/// Makes a pending session active, inside the caller's transaction, which has locked the user's row. `None`: a
/// concurrent request has completed or ended it.
pub(in crate::flows) fn activate(
    tx: &mut Tx<'_>,
    activation: &SessionActivation<'_>,
) -> Result<Option<Activated>, Fault> {
    // Without a key the session would become active without tokens, and a code would be used up for nothing.
    tx.core.keys.current()?;
    let change = Activation {
        proofs: activation.proofs,
        ends: tx.core.settings.lifetimes.ends(tx.now),
        delivery: activation.delivery,
        now: tx.now,
    };
    let (most, since) = (tx.core.settings.max_sessions, tx.now - PLACE_REMEMBERED_FOR);
    let Some((session, rest)) = sessions::activate(tx.connection, activation.key(), &change, most, since)? else {
        return Ok(None);
    };
    // The least recently used sessions end, not the new one: too many sessions must not prevent a sign-in (ASVS
    // 7.1.2).
    session_end::end_surplus(tx, session.user_id, &rest.surplus)?;
    notify_new_place(tx, activation.user, &rest.origins)?;
    Ok(Some(Activated {
        session,
        recovery_codes_remaining: rest.recovery_codes_remaining,
    }))
}

/// Makes the tokens of a session that has just become active, and of the trusted device that it runs on.
pub(in crate::flows) fn grant_with_device(
    core: &Core,
    (session, device): (ActiveSession, Option<RecalledDevice>),
    user: &User,
    now: DateTime<Utc>,
) -> Result<TokenGrant, Fault> {
    let device = device.map(|device| device.grant(core, now)).transpose()?;
    let grant = grant(core, session, user, now)?;
    Ok(TokenGrant { device, ..grant })
}

/// Makes the tokens of an active session, after its transaction was committed, without the database.
pub(in crate::flows) fn grant(
    core: &Core,
    session: ActiveSession,
    user: &User,
    now: DateTime<Utc>,
) -> Result<TokenGrant, Fault> {
    let jti = uuid_v7(now, core.random.as_ref());
    let claims = core.settings.access_tokens.claims(&session, user, now, jti);
    let access_token = jwt::sign(core.keys.current()?.as_ref(), &claims)?.into();
    let kind = match session.grant {
        Some(_) => TokenKind::GrantRefresh,
        None => TokenKind::Refresh,
    };
    let refresh_token = core
        .tokens
        .issue(kind, session.user_id, session.id.uuid(), session.refresh.live)?;
    Ok(TokenGrant {
        access_token,
        expires_in: u64::try_from(claims.exp - claims.iat).unwrap_or_default(),
        refresh_token,
        refresh_expires_in: whole_seconds(session.ends.idle - now),
        session,
        device: None,
    })
}
