//! A new authenticator: its secret waits, sealed, for the first right code.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, Fault};
use crate::crypto::sealer::SealedAt;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, TotpFactorId, UserId};
use crate::domain::opaque_token::TokenKind;
use crate::domain::totp::{PENDING_TTL_SECONDS, TotpSecret};
use crate::store::totp_factors::{self, NewPendingFactor};
use crate::store::{sessions, users};

/// What an authenticator app needs; shown once.
pub struct TotpEnrolment {
    /// The secret to type.
    pub secret: TotpSecret,
    /// The URI to scan.
    pub otpauth_uri: String,
    /// Seconds until the first code must have come.
    pub expires_in: i64,
}

/// A secret with its row, ready to be stored.
pub(super) struct PreparedFactor {
    secret: TotpSecret,
    id: TotpFactorId,
    user_id: UserId,
    sealed_secret: Vec<u8>,
}

impl PreparedFactor {
    /// Makes a secret and seals it to its row and its owner.
    pub(super) fn new(core: &Core, user_id: UserId, now: DateTime<Utc>) -> Result<Self, Fault> {
        let secret = TotpSecret::generate(core.random.as_ref());
        let id = TotpFactorId::new(now, core.random.as_ref());
        let sealed_secret = core.sealer.seal(&SealedAt::totp_secret(id, user_id), secret.expose())?;
        Ok(Self {
            secret,
            id,
            user_id,
            sealed_secret,
        })
    }

    /// Describes the row.
    pub(super) fn row(&self, now: DateTime<Utc>) -> NewPendingFactor {
        NewPendingFactor {
            id: self.id,
            user_id: self.user_id,
            sealed_secret: self.sealed_secret.clone(),
            now,
            expires_at: now + TimeDelta::seconds(PENDING_TTL_SECONDS),
        }
    }

    /// Returns what the user needs for an authenticator app.
    pub(super) fn enrolment(&self, core: &Core, account: &str) -> TotpEnrolment {
        TotpEnrolment {
            secret: self.secret.clone(),
            otpauth_uri: self.secret.otpauth_uri(&core.settings.totp_issuer, account),
            expires_in: PENDING_TTL_SECONDS,
        }
    }
}

/// What became of the wish for a new secret.
#[must_use]
pub enum Enrolment {
    /// It waits for its first code; an older pending one is gone.
    Started(TotpEnrolment),
    /// The pre-auth token is not good.
    InvalidPreAuthToken,
    /// A factor is confirmed, so a pre-auth token does not open this any more.
    AlreadyConfirmed,
}

/// Makes a new pending secret for the user of a pending session, as long as no factor is confirmed.
///
/// # Errors
///
/// Returns faults only.
pub async fn start(core: &Arc<Core>, pre_auth_token: &str, origin: RequestOrigin) -> Result<Enrolment, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Enrolment::InvalidPreAuthToken);
    };
    let session_id = SessionId::from_uuid(token.row_id);
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("enrolment.start", move |connection| {
            let Some(session) = sessions::find_pending(connection, session_id, now)? else {
                return Ok(Enrolment::InvalidPreAuthToken);
            };
            // Held, so that neither a second wish nor a confirmation at the same moment comes in between.
            let Some(user) = users::find_active_for_update(connection, session.user_id)? else {
                return Ok(Enrolment::InvalidPreAuthToken);
            };
            let prepared = PreparedFactor::new(&shared, user.id, now)?;
            if !totp_factors::replace_pending(connection, &prepared.row(now))? {
                return Ok(Enrolment::AlreadyConfirmed);
            }
            let event = AuditEvent::success(EventName::MfaEnrolStarted, user.id).in_session(session_id);
            shared.audit(connection, &[event], &origin, now)?;
            Ok(Enrolment::Started(prepared.enrolment(&shared, user.account_name())))
        })
        .await
}
