//! Passwords: compared without a lock, then verified in the transaction of what they authorize.

use std::sync::Arc;

use super::proof_context::{ProofContext, ProofRefusal, ProofResult, VerifiedFactor};
use crate::crypto::fair_queue::Requester;
use crate::crypto::hasher::PasswordVerdict;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::failed_attempts::{Closing, Guesser, REFUSED_TO_STRANGERS};
use crate::domain::ids::UserId;
use crate::domain::message::Message;
use crate::domain::password::Password;
use crate::domain::session::SessionKey;
use crate::flows::limits::{Admission, Buckets, Throttle, Wait};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users;
use crate::store::users::LoginUser;

/// Counts and records a wrong password. Returns how long to wait, if a concurrent request began a wait in the meantime.
pub(in crate::flows) fn count_wrong_password(
    tx: &mut Tx<'_>,
    user_id: Option<UserId>,
    throttle: &Throttle,
    reason: &'static str,
) -> Result<Option<Wait>, Fault> {
    // Checked again under the lock: of many concurrent requests, those after the one that begins a wait must learn
    // nothing. They are serialized by the account's row, or else by that of the count.
    users::lock_user(tx.connection, user_id)?;
    let (passage, guesser) = match throttle.admit(tx, user_id)? {
        Admission::Wait(wait) => return Ok(Some(wait)),
        Admission::Admitted { passage, guesser, .. } => (passage, guesser),
    };
    if let Some(wait) = throttle.count(tx, user_id, passage, guesser)? {
        // It is not counted on the account either.
        return Ok(Some(wait));
    }
    count_on_account(tx, user_id, guesser)?;
    let event = AuditEvent::failure(EventName::LoginFail, reason, user_id);
    tx.audit(&[throttle.naming(event)])?;
    Ok(None)
}

/// Counts a wrong password on its account, if the name has one, whatever request it came with. The hundredth
/// consecutive one disables the password; the fiftieth of strangers disables it for them, so that they cannot disable
/// it for the owner. The owner is notified. Each of several concurrent ones locks the account, so exactly one is the
/// last.
fn count_on_account(tx: &mut Tx<'_>, user_id: Option<UserId>, guesser: Guesser) -> Result<(), Fault> {
    // A name without an account costs the same statement.
    let Some((id, consecutive)) = users::count_wrong_password(tx.connection, user_id, guesser)? else {
        return Ok(());
    };
    let (reason, message) = match consecutive.closing(guesser) {
        Some(Closing::ToStrangers) => (REFUSED_TO_STRANGERS, Message::PasswordRefusedToStrangers),
        Some(Closing::ToAll) if users::disable_password(tx.connection, id, tx.now)? => {
            ("password_disabled", Message::PasswordDisabled)
        }
        Some(Closing::ToAll) | None => return Ok(()),
    };
    tx.audit(&[AuditEvent::failure(EventName::LoginFailMax, reason, Some(id))])?;
    match users::find_active(tx.connection, id)? {
        Some(owner) => tx.notify(&owner, message),
        None => Ok(()),
    }
}

/// The result of checking a right password again inside its transaction.
pub(in crate::flows) enum Taken {
    /// It counts. Earlier wrong ones are reset, and the account is locked.
    Right(Box<LoginUser>),
    /// A concurrent request began a wait, and the password is not checked for this long.
    Wait(Wait),
    /// The account does not have the compared password any longer.
    Gone,
}

/// Accepts a password that was right when it was compared, unless the account has changed since.
pub(in crate::flows) fn take_right_password(
    tx: &mut Tx<'_>,
    login: &LoginUser,
    throttle: &Throttle,
) -> Result<Taken, Fault> {
    let account = users::find_login_for_update(tx.connection, login.user.id)?;
    // Checked again as for wrong passwords, and before anything else: otherwise the one different answer would reveal
    // the right password.
    let (failed_before, guesser) = match throttle.admit(tx, Some(login.user.id))? {
        Admission::Wait(wait) => return Ok(Taken::Wait(wait)),
        Admission::Admitted {
            failed_before, guesser, ..
        } => (failed_before, guesser),
    };
    // Since the comparison the password may have been changed, removed or disabled, or the account deleted.
    let unchanged = |account: &LoginUser| {
        account.password.is_some()
            && account.password_version == login.password_version
            && account.accepts_password_of(guesser)
    };
    let Some(account) = account.filter(unchanged) else {
        let event = AuditEvent::failure(EventName::LoginFail, "invalid_credentials", Some(login.user.id));
        tx.audit(&[throttle.naming(event)])?;
        return Ok(Taken::Gone);
    };
    reset_failures(tx, &account, throttle, failed_before)?;
    Ok(Taken::Right(Box::new(account)))
}

/// Resets wrong passwords after a right one: those from this network, and those on the account.
fn reset_failures(tx: &mut Tx<'_>, account: &LoginUser, throttle: &Throttle, failed_before: bool) -> Result<(), Fault> {
    if failed_before {
        throttle.reset_failures(tx)?;
    }
    if users::reset_password_failures(tx.connection, account.user.id)? {
        let event = AuditEvent::success(EventName::LoginSuccessAfterFail, account.user.id);
        tx.audit(&[event])?;
    }
    Ok(())
}

/// The result of comparing a password. No row was locked meanwhile, so the account may have another password by now.
#[derive(Clone, Copy)]
pub(in crate::flows) struct ComparedPassword {
    /// Whether it was right.
    pub(in crate::flows) right: bool,
    /// The version of the password that it was compared with.
    pub(in crate::flows) version: Option<i32>,
}

/// Compares a password with that of the session's account, without a connection or lock while hashing. Nothing is
/// hashed while the session has to wait after wrong ones: the response time would otherwise reveal what the answer does
/// not. The result must not be answered, nor cause further work, before [`ProofContext::verify_password`] has checked
/// it: of many concurrent requests, those after the one that begins a wait must learn nothing.
pub(in crate::flows) async fn compare_password(
    core: &Arc<Core>,
    key: SessionKey,
    password: Password,
    origin: &RequestOrigin,
) -> Result<ProofResult<ComparedPassword>, Fault> {
    let buckets = Buckets::of_session_passwords(core, key.session_id)?;
    let looked = core
        .read("step_up.password", origin.clone(), move |tx| {
            let guard = buckets.clone().look(tx)?;
            Ok(match guard.own_wait(tx.now) {
                Some(wait) => Err(ProofRefusal::Locked(wait)),
                None => Ok(users::find_login(tx.connection, key.user_id)?),
            })
        })
        .await?;
    let found = match looked {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let version = found.as_ref().map(|found| found.password_version);
    let stored = found.and_then(|found| found.password);
    let verdict = core.hasher.verify(Requester::known(origin.ip), password, stored);
    let right = verdict.await? == PasswordVerdict::Right;
    Ok(Ok(ComparedPassword { right, version }))
}

impl ProofContext<'_> {
    /// Verifies a password that was compared before. It has to wait after wrong passwords in this session, but not
    /// after wrong codes, and a right one resets no wrong codes: an attacker who knows it could otherwise guess codes
    /// for ever, four at a time. A password that was right but was changed in the meantime is refused, and not counted
    /// as a guess.
    pub(in crate::flows) fn verify_password(
        &self,
        tx: &mut Tx<'_>,
        compared: &ComparedPassword,
        failure: EventName,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = Buckets::of_session_passwords(tx.core, self.session_id)?.look(tx)?;
        if let Some(wait) = guard.own_wait(tx.now) {
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        let user_id = self.account.user.id;
        let still = self.account.usable_password.is_some() && self.account.usable_password == compared.version;
        if compared.right && still {
            guard.reset_failures(tx)?;
            users::reset_password_failures(tx.connection, user_id)?;
            return Ok(Ok(VerifiedFactor::by(AuthenticationMethod::Password)));
        }
        if compared.right {
            let event = AuditEvent::failure(failure, "changed_meanwhile", Some(user_id));
            tx.audit(&[event.in_session(self.session_id)])?;
            return Ok(Err(ProofRefusal::InvalidCredentials));
        }
        let event = AuditEvent::failure(failure, "password", Some(user_id));
        self.count_wrong(tx, guard, Message::PasswordFailures, event)?;
        count_on_account(tx, Some(user_id), Guesser::Known)?;
        Ok(Err(ProofRefusal::InvalidCredentials))
    }
}
