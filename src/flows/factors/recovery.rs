//! Recovery codes, and the removal of authenticators.

use std::sync::Arc;

use crate::domain::assurance::{AuthenticationMethod, Ground};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::{FactorKind, Factors};
use crate::domain::ids::UserId;
use crate::domain::message::{Channel, Message};
use crate::domain::password::Password;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::flows::factors::inventory::load_factors;
use crate::flows::factors::proof::{ComparedPassword, ProofContext, ProofRefusal};
use crate::flows::factors::step_up::{self, RecentCaller};
use crate::flows::limits::throttle::{ProofSource, forget_codes};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{recovery_codes, sent_code_factors, sessions, totp_factors, users};

/// Makes a new set of recovery codes; the old ones are not valid any longer. `None`: the account has no second factor
/// that they could replace.
pub async fn renew_codes(
    core: &Arc<Core>,
    caller: &RecentCaller,
    origin: RequestOrigin,
) -> Result<Option<Vec<RecoveryCode>>, Fault> {
    let key = caller.key();
    core.transaction("recovery.renew_codes", origin, move |tx| {
        let account = key.lock_user(tx)?;
        if !load_factors(tx.core, tx.connection, &account.user, None)?.any_confirmed() {
            return Ok(None);
        }
        let context = ProofContext {
            account: &account,
            session_id: key.session_id,
            source: ProofSource::Session,
        };
        let codes = context.replace_recovery_codes(tx)?;
        tx.notify(&account.user, Message::RecoveryCodesReplaced)?;
        Ok(Some(codes))
    })
    .await
}

/// The result of a request to remove the authenticator.
#[must_use]
#[derive(Debug)]
pub enum Removal {
    /// It was removed.
    Removed,
    /// There is none.
    NotSetUp,
    /// It is the last factor, and the deployment requires every user to have one.
    Needed,
    /// The password or the code was refused.
    Refused(ProofRefusal),
}

/// Removes the caller's authenticator. It takes the password and a code: of the authenticator, or a recovery code.
pub async fn remove_authenticator(
    core: &Arc<Core>,
    caller: &RecentCaller,
    (password, code): (Password, SecondFactorCode),
    origin: RequestOrigin,
) -> Result<Removal, Fault> {
    let compared = match step_up::compare(core, caller.key(), password, &origin).await? {
        Ok(compared) => compared,
        Err(refusal) => return Ok(Removal::Refused(refusal)),
    };
    let key = caller.key();
    core.transaction("recovery.remove_authenticator", origin, move |tx| {
        let context = ProofContext {
            account: &key.lock_user(tx)?,
            session_id: key.session_id,
            source: ProofSource::Session,
        };
        decide_removal(tx, &context, &compared, &code)
    })
    .await
}

/// Removes what is useless after the removal of a factor: recovery codes, if no confirmed factor is left, and the
/// proofs of what the user has, if the account has no such factor any more.
pub(in crate::flows) fn remove_orphans(tx: &mut Tx<'_>, user_id: UserId, left: &Factors) -> Result<(), Fault> {
    if !left.any_confirmed() {
        recovery_codes::remove(tx.connection, user_id)?;
        // Codes are enabled again: the guesses were at removed factors, and must not disable the next one.
        users::enable_codes(tx.connection, user_id)?;
    }
    if !left.any_confirmed() || left.strongest_ground(true) < Ground::Possession {
        // They would stay the strongest proofs of the sessions, and keep an administrator at `aal2`.
        let held: Vec<AuthenticationMethod> = AuthenticationMethod::ALL
            .into_iter()
            .filter(|method| method.is_held())
            .collect();
        sessions::remove_proofs(tx.connection, user_id, held)?;
    }
    Ok(())
}

fn decide_removal(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    password: &ComparedPassword,
    code: &SecondFactorCode,
) -> Result<Removal, Fault> {
    let user = &context.account.user;
    let factors = load_factors(tx.core, tx.connection, user, None)?;
    if factors.confirmed(FactorKind::Totp).is_none() {
        return Ok(Removal::NotSetUp);
    }
    let factors = factors.without(FactorKind::Totp);
    if !tx.core.settings.allows(&factors) {
        return Ok(Removal::Needed);
    }
    // Both are verified before either result is revealed, and the password first: a wrong one uses up no code.
    if let Err(refusal) = context.verify_password(tx, password, EventName::StepUpFail)? {
        return Ok(Removal::Refused(refusal));
    }
    let verified = match context.verify(tx, code)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Removal::Refused(refusal)),
    };
    totp_factors::remove(tx.connection, user.id)?;
    remove_orphans(tx, user.id, &factors)?;
    let removed = AuditEvent::success(EventName::MfaRemoved, user.id).because("otp");
    context.succeed(tx, verified.method, removed)?;
    tx.notify(user, Message::AuthenticatorRemoved)?;
    Ok(Removal::Removed)
}

/// Removes all second factors and recovery codes of an account that the caller has locked, and resets the guesses at
/// them: the owner of the next factor must not wait because of an attacker's guesses.
pub(in crate::flows) fn remove_second_factors(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    for kind in FactorKind::ALL {
        match kind {
            FactorKind::Totp => totp_factors::remove(tx.connection, user_id)?,
            FactorKind::Sms => sent_code_factors::remove(tx.connection, user_id, Channel::Sms)?,
            FactorKind::Email => sent_code_factors::remove(tx.connection, user_id, Channel::Email)?,
            FactorKind::RecoveryCodes => recovery_codes::remove(tx.connection, user_id)?,
        }
    }
    forget_codes(tx, user_id)?;
    Ok(users::enable_codes(tx.connection, user_id)?)
}
