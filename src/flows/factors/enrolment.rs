//! Enrolment of a new authenticator: its sealed secret waits for the first right code.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::crypto::sealer::SealedAt;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, TotpFactorId, UserId};
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::PENDING_FACTOR_LIFE;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::SessionKey;
use crate::domain::totp::{TotpCode, TotpSecret};
use crate::domain::user::User;
use crate::flows::factors::inventory::load_factors;
use crate::flows::factors::proof::{ProofContext, ProofRefusal};
use crate::flows::factors::step_up::RecentCaller;
use crate::flows::limits::throttle::ProofSource;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::totp_factors::NewPendingFactor;
use crate::store::users::LockedUser;
use crate::store::{sessions, totp_factors, users};

/// What an authenticator app needs; shown only once.
pub struct TotpEnrolment {
    /// The secret to type.
    pub secret: TotpSecret,
    /// The URI to scan.
    pub otpauth_uri: String,
    /// Seconds in which the first code has to come.
    pub expires_in: i64,
}

/// A secret with its row, ready to be stored.
pub(in crate::flows) struct PreparedFactor {
    secret: TotpSecret,
    id: TotpFactorId,
    user_id: UserId,
    sealed_secret: Vec<u8>,
}

impl PreparedFactor {
    /// Makes a secret and seals it to its row and its owner.
    pub(in crate::flows) fn new(core: &Core, user_id: UserId, now: DateTime<Utc>) -> Result<Self, Fault> {
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

    /// Makes the row, with the session that begins the enrolment and alone may confirm it.
    pub(in crate::flows) fn row(&self, session_id: SessionId, now: DateTime<Utc>) -> NewPendingFactor {
        NewPendingFactor {
            id: self.id,
            user_id: self.user_id,
            session_id,
            sealed_secret: self.sealed_secret.clone(),
            now,
            expires_at: now + PENDING_FACTOR_LIFE,
        }
    }

    /// Returns what the user needs for an authenticator app.
    pub(in crate::flows) fn enrolment(&self, core: &Core, account: &str) -> TotpEnrolment {
        TotpEnrolment {
            secret: self.secret.clone(),
            otpauth_uri: self.secret.otpauth_uri(&core.settings.totp_issuer, account),
            expires_in: PENDING_FACTOR_LIFE.num_seconds(),
        }
    }
}

/// The result of a request for a new secret.
#[must_use]
pub enum Enrolment {
    /// The secret waits for its first code; an older pending one was replaced.
    Started(TotpEnrolment),
    /// The pre-auth token is not valid.
    InvalidPreAuthToken,
    /// A factor is confirmed, so a pre-auth token does not authorize an enrolment any longer.
    AlreadyConfirmed,
}

/// Makes a new pending secret for the user of a pending session, as long as no factor is confirmed.
pub async fn start(core: &Arc<Core>, pre_auth_token: &str, origin: RequestOrigin) -> Result<Enrolment, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Enrolment::InvalidPreAuthToken);
    };
    let key @ SessionKey { session_id, .. } = token.session();
    core.transaction("enrolment.start", origin, move |tx| {
        // Locked, so that neither a second request nor a confirmation at the same moment interferes.
        let Some(LockedUser { user, .. }) = users::find_active_for_update(tx.connection, key.user_id)? else {
            return Ok(Enrolment::InvalidPreAuthToken);
        };
        if sessions::find_pending(tx.connection, key, tx.now)?.is_none() {
            return Ok(Enrolment::InvalidPreAuthToken);
        }
        if load_factors(tx.core, tx.connection, &user, None)?.any_confirmed() {
            let event = AuditEvent::failure(EventName::SequenceFail, "enrolment", Some(user.id));
            tx.audit_once_an_hour(event.in_session(session_id))?;
            return Ok(Enrolment::AlreadyConfirmed);
        }
        replace_pending(tx, &user, session_id).map(Enrolment::Started)
    })
    .await
}

/// Makes a new pending secret for a signed-in user. The active one continues to work until the new one is confirmed, so
/// that the user is never without one.
pub async fn start_replacement(
    core: &Arc<Core>,
    caller: &RecentCaller,
    origin: RequestOrigin,
) -> Result<Enrolment, Fault> {
    let key = caller.key();
    core.transaction("enrolment.start_replacement", origin, move |tx| {
        let account = key.lock_user(tx)?;
        replace_pending(tx, &account.user, key.session_id).map(Enrolment::Started)
    })
    .await
}

fn replace_pending(tx: &mut Tx<'_>, user: &User, session_id: SessionId) -> Result<TotpEnrolment, Fault> {
    let prepared = PreparedFactor::new(tx.core, user.id, tx.now)?;
    totp_factors::replace_pending(tx.connection, &prepared.row(session_id, tx.now))?;
    let event = AuditEvent::success(EventName::MfaEnrolStarted, user.id).in_session(session_id);
    tx.audit(&[event])?;
    Ok(prepared.enrolment(tx.core, user.account_name()))
}

/// The result of presenting the first code of a new authenticator.
#[must_use]
pub enum Confirmation {
    /// The authenticator is confirmed. Recovery codes are made if none were left, and shown only once.
    Confirmed(Option<Vec<RecoveryCode>>),
    /// The code was refused, or no authenticator waits for one.
    Refused(ProofRefusal),
}

/// Confirms the authenticator that the caller's session began to enrol.
pub async fn confirm(
    core: &Arc<Core>,
    caller: &RecentCaller,
    code: TotpCode,
    origin: RequestOrigin,
) -> Result<Confirmation, Fault> {
    let key = caller.key();
    core.transaction("enrolment.confirm", origin, move |tx| {
        let context = ProofContext {
            account: &key.lock_user(tx)?,
            session_id: key.session_id,
            source: ProofSource::Session,
        };
        Ok(match context.verify_pending_totp(tx, &code)? {
            Ok(verified) => Confirmation::Confirmed(verified.new_recovery_codes),
            Err(refusal) => Confirmation::Refused(refusal),
        })
    })
    .await
}
