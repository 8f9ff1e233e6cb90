//! Removing second factors.
//!
//! With a factor go the proofs by its kind from all other sessions, which end if they have no other one: the removed
//! factor may be on a stolen device, and a session does not say which one it was.

use std::sync::Arc;

use super::list::{load_factors, signs_in_by_provider};
use super::password::{ComparedPassword, compare_password};
use super::proof_context::{ProofContext, ProofRefusal, ProofResult, VerifiedFactor};
use super::step_up::RecentCaller;
use crate::domain::assurance::{AuthenticationMethod, Ground};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::{Factor, FactorKind, Factors};
use crate::domain::factor_proof::FactorProof;
use crate::domain::ids::{PasskeyId, UserId};
use crate::domain::message::{Channel, Message};
use crate::domain::password::Password;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::limits::forget_codes;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{passkeys, recovery_codes, sent_code_factors, totp_factors, users};

/// The result of a request to remove a factor.
#[must_use]
#[derive(Debug)]
pub enum Removal {
    /// It was removed.
    Removed,
    /// There is none.
    NotSetUp,
    /// It stays.
    Refused(RemovalRefusal),
}

/// Why a factor stays.
#[derive(Debug)]
pub enum RemovalRefusal {
    /// It is the last one, and the deployment requires every user to have one.
    Needed,
    /// It is the last way to sign in of an account without a password.
    LastWayIn,
    /// The password or the code was refused.
    Proof(ProofRefusal),
}

impl From<RemovalRefusal> for Removal {
    fn from(refusal: RemovalRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ProofRefusal> for Removal {
    fn from(refusal: ProofRefusal) -> Self {
        Self::Refused(RemovalRefusal::Proof(refusal))
    }
}

/// Removes the caller's factor by sent codes.
pub async fn remove_sent_codes(
    core: &Arc<Core>,
    caller: &RecentCaller,
    channel: Channel,
    origin: RequestOrigin,
) -> Result<Removal, Fault> {
    let (key, kind) = (caller.key(), FactorKind::sent_by(channel));
    core.transaction("factors.remove_sent_codes", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        let left = match plan(tx, &user, |factor| factor.kind == kind)? {
            Ok(left) => left,
            Err(refusal) => {
                if matches!(refusal, Removal::NotSetUp) {
                    // A pending one is discarded.
                    remove_rows(tx, key.user_id, kind)?;
                }
                return Ok(refusal);
            }
        };
        let removed = remove(tx, (&user, key), kind, &left)?;
        tx.audit(&[removed.in_session(key.session_id)])?;
        Ok(Removal::Removed)
    })
    .await
}

/// Removes a passkey of the caller.
pub async fn remove_passkey(
    core: &Arc<Core>,
    caller: &RecentCaller,
    id: PasskeyId,
    origin: RequestOrigin,
) -> Result<Removal, Fault> {
    let key = caller.key();
    core.transaction("factors.remove_passkey", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        let left = match plan(tx, &user, |factor| factor.id == Some(id.uuid()))? {
            Ok(left) => left,
            Err(refusal) => return Ok(refusal),
        };
        let signs_in_otherwise = user.has_password
            || passkeys::another_signs_in_alone(tx.connection, user.id, Some(id))?
            || signs_in_by_provider(tx.core, tx.connection, user.id)?;
        if !signs_in_otherwise {
            return Ok(RemovalRefusal::LastWayIn.into());
        }
        let Some(name) = passkeys::remove(tx.connection, user.id, id)? else {
            return Ok(Removal::NotSetUp);
        };
        tx.notify(&user, Message::PasskeyRemoved { name })?;
        let removed = note_removal(tx, key, FactorKind::Passkey, &left)?;
        tx.audit(&[removed.in_session(key.session_id)])?;
        Ok(Removal::Removed)
    })
    .await
}

/// Removes the caller's authenticator. It takes the password, if the account has one, and a code: of the authenticator,
/// or a recovery code.
pub async fn remove_authenticator(
    core: &Arc<Core>,
    caller: &RecentCaller,
    (password, proof): (Option<Password>, FactorProof),
    origin: RequestOrigin,
) -> Result<Removal, Fault> {
    let key = caller.key();
    let compared = match password {
        None => None,
        Some(password) => match compare_password(core, key, password, &origin).await? {
            Ok(compared) => Some(compared),
            Err(refusal) => return Ok(refusal.into()),
        },
    };
    core.transaction("factors.remove_authenticator", origin, move |tx| {
        let account = key.lock_user(tx)?;
        let context = ProofContext::of_session(&account, key.session_id);
        if compared.is_none() && account.user.has_password {
            return Ok(ProofRefusal::InvalidCredentials.into());
        }
        let left = match plan(tx, &account.user, |factor| factor.kind == FactorKind::Totp)? {
            Ok(left) => left,
            Err(refusal) => return Ok(refusal),
        };
        let verified = match verify_both(tx, &context, compared.as_ref(), &proof)? {
            Ok(verified) => verified,
            Err(refusal) => return Ok(refusal.into()),
        };
        let removed = remove(tx, (&account.user, key), FactorKind::Totp, &left)?;
        context.succeed(tx, verified.method, removed)?;
        Ok(Removal::Removed)
    })
    .await
}

/// Both proofs are verified before either result is revealed, and the password first: a wrong one uses up no code.
fn verify_both(
    tx: &mut Tx<'_>,
    context: &ProofContext<'_>,
    password: Option<&ComparedPassword>,
    proof: &FactorProof,
) -> Result<ProofResult<VerifiedFactor>, Fault> {
    if let Some(password) = password
        && let Err(refusal) = context.verify_password(tx, password, EventName::StepUpFail)?
    {
        return Ok(Err(refusal));
    }
    context.admit_and_verify(tx, proof)
}

/// Decides whether a factor may be removed. `Ok`: what is left then.
fn plan(tx: &mut Tx<'_>, user: &User, is_removed: impl Fn(&Factor) -> bool) -> Result<Result<Factors, Removal>, Fault> {
    let factors = load_factors(tx.core, tx.connection, user, None)?;
    if !factors.list.iter().any(&is_removed) {
        return Ok(Err(Removal::NotSetUp));
    }
    let left = factors.without(is_removed);
    let allowed = tx.core.settings.allows(&left);
    Ok(if allowed {
        Ok(left)
    } else {
        Err(RemovalRefusal::Needed.into())
    })
}

/// Removes a confirmed factor of which an account has one, and what is useless without it. Returns the event to record.
fn remove(
    tx: &mut Tx<'_>,
    (user, session): (&User, SessionKey),
    kind: FactorKind,
    left: &Factors,
) -> Result<AuditEvent, Fault> {
    remove_rows(tx, user.id, kind)?;
    let notice = match kind {
        FactorKind::Totp => Some(Message::AuthenticatorRemoved),
        FactorKind::Sms => Some(Message::PhoneFactorRemoved),
        FactorKind::Email => Some(Message::EmailFactorRemoved),
        // Passkeys are removed one by one, and recovery codes with the last factor, which the notice is about.
        FactorKind::Passkey | FactorKind::RecoveryCodes => None,
    };
    notice.map_or(Ok(()), |notice| tx.notify(user, notice))?;
    note_removal(tx, session, kind, left)
}

/// Removes what is useless without a factor that a session removed: trusted devices, and proofs. Returns the event to
/// record.
fn note_removal(tx: &mut Tx<'_>, session: SessionKey, kind: FactorKind, left: &Factors) -> Result<AuditEvent, Fault> {
    let user_id = session.user_id;
    session_end::end_trusted_devices(tx, user_id)?;
    session_end::remove_proofs_elsewhere(tx, session, kind)?;
    remove_orphans(tx, user_id, kind, left)?;
    let name = kind.abilities().method.request_name();
    Ok(AuditEvent::success(EventName::MfaRemoved, user_id).because(name))
}

/// Removes what is useless after the removal of a factor: recovery codes, if no confirmed factor is left; the proofs of
/// what the user has, if the account has no such factor any more; and the proofs of the removed kind, if a role requires
/// it and the account has no other one.
fn remove_orphans(tx: &mut Tx<'_>, user_id: UserId, kind: FactorKind, left: &Factors) -> Result<(), Fault> {
    if !left.any_confirmed() {
        recovery_codes::remove(tx.connection, user_id)?;
        // Codes are enabled again: the guesses were at removed factors, and must not disable the next one.
        users::enable_codes(tx.connection, user_id)?;
    }
    let has_nothing = !left.any_confirmed() || left.strongest_ground(true) < Ground::Possession;
    let mut of_role = tx.core.settings.access_tokens.role_factors.kinds();
    let is_lost = left.confirmed(kind).is_none() && of_role.any(|required| required == kind);
    let of_kind = if is_lost {
        FactorKind::methods(&[kind])
    } else {
        Vec::new()
    };
    let is_orphan = |method: &AuthenticationMethod| of_kind.contains(method) || has_nothing && method.is_held();
    let orphans: Vec<_> = AuthenticationMethod::ALL.into_iter().filter(is_orphan).collect();
    if orphans.is_empty() {
        return Ok(());
    }
    // They would stay proofs of the sessions, and keep an administrator at `aal2`, or in a role that requires them.
    session_end::remove_proofs(tx, (user_id, None), orphans)
}

/// Removes all second factors and recovery codes of an account that the caller has locked, and resets the guesses at
/// them: the owner of the next factor must not wait because of an attacker's guesses.
pub(in crate::flows) fn remove_all_factors(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    for kind in FactorKind::ALL {
        remove_rows(tx, user_id, kind)?;
    }
    forget_codes(tx, user_id)?;
    Ok(users::enable_codes(tx.connection, user_id)?)
}

/// Removes the rows of a kind, confirmed or pending.
fn remove_rows(tx: &mut Tx<'_>, user_id: UserId, kind: FactorKind) -> Result<(), Fault> {
    match kind {
        FactorKind::Passkey => passkeys::remove_all(tx.connection, user_id)?,
        FactorKind::Totp => totp_factors::remove(tx.connection, user_id)?,
        FactorKind::Sms => sent_code_factors::remove(tx.connection, user_id, Channel::Sms)?,
        FactorKind::Email => sent_code_factors::remove(tx.connection, user_id, Channel::Email)?,
        FactorKind::RecoveryCodes => recovery_codes::remove(tx.connection, user_id)?,
    }
    Ok(())
}
