//! Authenticator apps: the secret, its first code, and each code after it.

use chrono::{DateTime, Utc};

use super::list::load_factors;
use super::proof_context::{ProofContext, VerifiedFactor};
use super::recovery_codes;
use crate::crypto::sealer::SealedAt;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor::{FactorKind, FactorState};
use crate::domain::ids::{SessionId, TotpFactorId, UserId};
use crate::domain::message::Message;
use crate::domain::policy::numbers::PENDING_FACTOR_LIFE;
use crate::domain::totp::{TimeStep, TotpCode, TotpSecret};
use crate::domain::user::User;
use crate::flows::limits::ProofSource;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::totp_factors;
use crate::store::totp_factors::{NewPendingFactor, StoredSecret};

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
pub(in crate::flows) struct PreparedTotp {
    secret: TotpSecret,
    id: TotpFactorId,
    user_id: UserId,
    sealed_secret: Vec<u8>,
}

impl PreparedTotp {
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

/// Makes a new secret that waits for its first code. An older pending one is replaced.
pub(super) fn start(tx: &mut Tx<'_>, user: &User, session_id: SessionId) -> Result<TotpEnrolment, Fault> {
    let prepared = PreparedTotp::new(tx.core, user.id, tx.now)?;
    totp_factors::replace_pending(tx.connection, &prepared.row(session_id, tx.now))?;
    let event = AuditEvent::success(EventName::MfaEnrolStarted, user.id).in_session(session_id);
    tx.audit(&[event])?;
    Ok(prepared.enrolment(tx.core, user.account_name()))
}

/// Verifies a code, and marks its time step as used if it is right.
///
/// If the account has a confirmed authenticator, only that one counts: its replacement is confirmed through the
/// enrolment, which requires a recent proof and returns the recovery codes. The account's first authenticator is
/// confirmed here, at sign-in, and only by the login that began its enrolment.
pub(super) fn verify(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    code: &TotpCode,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user_id = context.account.user.id;
    let factor = match totp_factors::find_active(tx.connection, user_id)? {
        None if context.source == ProofSource::SignIn => {
            totp_factors::find_pending(tx.connection, context.key(), tx.now)?
        }
        active => active,
    };
    let Some(factor) = factor else {
        return Ok(None);
    };
    let Some(step) = matched_step(tx, user_id, &factor, code)? else {
        return Ok(None);
    };
    if factor.state == FactorState::Pending {
        return confirm_first(context, tx, &factor, step);
    }
    let spent = totp_factors::advance_step(tx.connection, user_id, factor.id, step)?;
    Ok(spent.then_some(VerifiedFactor::by(AuthenticationMethod::Totp)))
}

/// Returns whether a code was right in a time step that is used up.
pub(super) fn was_used(context: &ProofContext<'_>, tx: &mut Tx<'_>, code: &TotpCode) -> Result<bool, Fault> {
    let user_id = context.account.user.id;
    let Some(active) = totp_factors::find_active(tx.connection, user_id)? else {
        return Ok(false);
    };
    Ok(open(tx, user_id, &active)?.matched_step(code, tx.now, None).is_some())
}

fn open(tx: &Tx<'_>, user_id: UserId, factor: &StoredSecret) -> Result<TotpSecret, Fault> {
    let place = SealedAt::totp_secret(factor.id, user_id);
    Ok(TotpSecret::from_bytes(
        tx.core.sealer.open(&place, &factor.sealed_secret)?,
    ))
}

fn matched_step(
    tx: &Tx<'_>,
    user_id: UserId,
    factor: &StoredSecret,
    code: &TotpCode,
) -> Result<Option<TimeStep>, Fault> {
    let matched = open(tx, user_id, factor)?.matched_step(code, tx.now, factor.last_step);
    if let Some(step) = matched {
        metrics::totp_matched(step.0 - TimeStep::at(tx.now).0);
    }
    Ok(matched)
}

/// Confirms the authenticator of an account that has no second factor yet. The password is then sufficient.
fn confirm_first(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    factor: &StoredSecret,
    step: TimeStep,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user = &context.account.user;
    if load_factors(tx.core, tx.connection, user, None)?.any_confirmed() {
        return Ok(None);
    }
    tx.notify(user, Message::AuthenticatorAdded)?;
    confirm(context, tx, factor, step).map(Some)
}

/// Confirms the authenticator that the context's session began to enrol, if the code is right.
pub(super) fn confirm_pending(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    code: &TotpCode,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user = &context.account.user;
    let Some(pending) = totp_factors::find_pending(tx.connection, context.key(), tx.now)? else {
        return Ok(None);
    };
    let Some(step) = matched_step(tx, user.id, &pending, code)? else {
        return Ok(None);
    };
    let replaces = totp_factors::find_active(tx.connection, user.id)?.is_some();
    let notice = if replaces {
        session_end::remove_proofs_elsewhere(tx, context.key(), FactorKind::Totp)?;
        Message::AuthenticatorReplaced
    } else {
        Message::AuthenticatorAdded
    };
    tx.notify(user, notice)?;
    confirm(context, tx, &pending, step).map(Some)
}

/// Confirms a pending authenticator, which replaces the active one if there is one. Makes recovery codes if none are
/// left.
fn confirm(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    factor: &StoredSecret,
    step: TimeStep,
) -> Result<VerifiedFactor, Fault> {
    totp_factors::confirm(tx.connection, context.account.user.id, factor.id, step, tx.now)?;
    context.record_change(tx, EventName::MfaEnrolConfirmed, AuthenticationMethod::Totp)?;
    Ok(VerifiedFactor {
        method: AuthenticationMethod::Totp,
        new_recovery_codes: recovery_codes::make_if_none_left(context, tx)?,
    })
}
