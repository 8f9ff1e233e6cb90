//! Verifying a second factor: the only place that judges proofs, and counts wrong ones.
//!
//! Each kind marks a right code as used by one conditional statement, so if the same code is sent many times, exactly
//! one request succeeds. Wrong codes are counted by their source (`throttle`), across all logins and all kinds of
//! factor, and the count is committed although the request is refused (RFC 4226 §7.3): a new login, another code or a
//! right password buys no further guesses. The hundredth consecutive wrong code disables all factors that can be
//! guessed; recovery codes cannot be guessed (NIST SP 800-63B-4 §3.2.2).

use chrono::TimeDelta;

use super::list::load_factors;
use super::{recovery_codes, sent_code, totp};
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor_proof::FactorProof;
use crate::domain::failed_attempts;
use crate::domain::ids::SessionId;
use crate::domain::message::Message;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::SessionKey;
use crate::flows::Fault;
use crate::flows::limits::throttle::{Buckets, Guard, ProofSource, count_on_account};
use crate::flows::notify::security_notices::{notify_failures, notify_success};
use crate::flows::outcomes::Outcome;
use crate::flows::tx::Tx;
use crate::metrics;
use crate::store::users;
use crate::store::users::LockedUser;

/// The account, session and source that a proof is verified for. The caller has locked the user's row.
#[derive(Clone, Copy)]
pub(in crate::flows) struct ProofContext<'a> {
    pub(in crate::flows) account: &'a LockedUser,
    pub(in crate::flows) session_id: SessionId,
    /// Selects the failure counts that apply.
    pub(in crate::flows) source: ProofSource,
}

impl<'a> ProofContext<'a> {
    /// Makes the context of a login that waits for its second factor.
    pub(in crate::flows) const fn of_login(account: &'a LockedUser, session_id: SessionId) -> Self {
        Self {
            account,
            session_id,
            source: ProofSource::SignIn,
        }
    }

    /// Makes the context of a signed-in session.
    pub(in crate::flows) const fn of_session(account: &'a LockedUser, session_id: SessionId) -> Self {
        Self {
            account,
            session_id,
            source: ProofSource::Session,
        }
    }

    /// Names the session.
    pub(in crate::flows) const fn key(&self) -> SessionKey {
        SessionKey {
            user_id: self.account.user.id,
            session_id: self.session_id,
        }
    }

    /// Reads the failure counts that apply to codes from this source. `Err`: how long none is checked.
    pub(in crate::flows) fn look(&self, tx: &mut Tx<'_>) -> Result<Result<Guard, TimeDelta>, Fault> {
        let guard = Buckets::of_codes(tx, self.source, self.key())?.look(tx)?;
        let wait = guard.wait(tx, Some(self.account.user.id))?;
        Ok(wait.map_or(Ok(guard), Err))
    }

    /// Decides whether a proof is checked now.
    pub(in crate::flows) fn admit(&self, tx: &mut Tx<'_>, proof: &FactorProof) -> Result<ProofResult<Guard>, Fault> {
        Ok(self.look(tx)?.map_err(|wait| {
            metrics::code(proof.method().as_str(), "locked");
            ProofRefusal::Locked(wait)
        }))
    }
}

/// A factor that was verified, and marked as used if it was a code. The caller writes the audit event: see
/// [`ProofContext::succeed`].
#[must_use]
pub(in crate::flows) struct VerifiedFactor {
    pub(in crate::flows) method: AuthenticationMethod,
    /// The new set of recovery codes: only when the code confirmed an authenticator and none were left.
    pub(in crate::flows) new_recovery_codes: Option<Vec<RecoveryCode>>,
}

impl VerifiedFactor {
    pub(super) const fn by(method: AuthenticationMethod) -> Self {
        Self {
            method,
            new_recovery_codes: None,
        }
    }
}

/// Why a proof was refused. The refusal is in the audit trail, and counted if it was a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefusal {
    /// The password was wrong.
    InvalidCredentials,
    /// The code was wrong, expired or used before. The client does not learn which.
    InvalidCode(
        /// How many more codes are checked with the presented pre-auth token. Absent with an access token, which wrong
        /// codes do not use up.
        Option<i16>,
    ),
    /// Not checked: there were too many wrong proofs before.
    Locked(TimeDelta),
}

impl Outcome for ProofRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidCode(_) => "invalid_code",
            Self::Locked(_) => "locked",
        }
    }
}

/// The result of comparing a password. No row was locked meanwhile, so the account may have another password by now.
#[derive(Clone, Copy)]
pub(in crate::flows) struct ComparedPassword {
    /// Whether it was right.
    pub(in crate::flows) right: bool,
    /// The version of the password that it was compared with.
    pub(in crate::flows) version: Option<i32>,
}

/// The result of verifying a proof.
pub(in crate::flows) type ProofResult<T> = Result<T, ProofRefusal>;

impl ProofContext<'_> {
    /// Verifies a proof and marks it as used if it is right. The caller has found by [`admit`](Self::admit) that it need
    /// not wait. At sign-in to an account without a second factor, the first right code confirms its pending
    /// authenticator.
    pub(in crate::flows) fn verify(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        proof: &FactorProof,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let method = proof.method().as_str();
        if self.account.codes_disabled && proof.kind().abilities().guessable {
            metrics::code(method, "disabled");
            return self.refuse_unseen(tx);
        }
        let verified = match proof {
            FactorProof::Totp(code) => totp::verify(self, tx, code)?,
            FactorProof::Recovery(code) => recovery_codes::verify(self, tx, code)?,
            FactorProof::Sent(channel, code) => sent_code::verify(self, tx, *channel, code)?,
        };
        let Some(verified) = verified else {
            return self.refuse(tx, guard, proof);
        };
        // A mailed code resets no failures: an attacker with the password and access to the mailbox could otherwise
        // guess an authenticator's codes for ever, four at a time.
        if verified.method.is_held() {
            self.reset_failures(tx, &guard)?;
        }
        metrics::code(method, "right");
        Ok(Ok(verified))
    }

    /// Refuses a code. A code that was right before is refused like any other, but it is not a guess, so it is not
    /// counted: a double click must not make the owner wait.
    fn refuse(&self, tx: &mut Tx<'_>, guard: Guard, proof: &FactorProof) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let user_id = Some(self.account.user.id);
        let method = proof.method().as_str();
        let was_used = match proof {
            FactorProof::Totp(code) => totp::was_used(self, tx, code)?,
            FactorProof::Recovery(code) => recovery_codes::was_used(self, tx, code)?,
            FactorProof::Sent(..) => false,
        };
        if was_used {
            metrics::code(method, "replayed");
            let event = AuditEvent::failure(EventName::MfaReplay, proof.method().amr(), user_id);
            tx.audit(&[event.in_session(self.session_id)])?;
            return Ok(Err(ProofRefusal::InvalidCode(None)));
        }
        metrics::code(method, "wrong");
        let event = AuditEvent::failure(EventName::MfaFail, proof.method().amr(), user_id);
        let refusal = self.reject(tx, guard, event)?;
        self.record_consecutive_failure(tx)?;
        Ok(Err(refusal))
    }

    /// Refuses a code of a disabled factor like a wrong one. It is not counted, since it cannot be a guess at anything:
    /// the owner's recovery code must still be checked.
    fn refuse_unseen(&self, tx: &mut Tx<'_>) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let event = AuditEvent::failure(EventName::MfaFail, "disabled", Some(self.account.user.id));
        tx.audit(&[event.in_session(self.session_id)])?;
        Ok(Err(ProofRefusal::InvalidCode(None)))
    }

    /// Counts a wrong code on an account with a confirmed factor towards the limit that time does not reset. At the
    /// limit the factors that can be guessed are disabled, and the owner is notified how to recover.
    fn record_consecutive_failure(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let user = &self.account.user;
        if !load_factors(tx.core, tx.connection, user, None)?.any_confirmed() {
            return Ok(());
        }
        let in_a_row = self.account.failed_codes.saturating_add(1);
        users::set_failed_codes(tx.connection, user.id, in_a_row)?;
        if !failed_attempts::limit_reached(in_a_row) || !users::disable_codes(tx.connection, user.id, tx.now)? {
            return Ok(());
        }
        let event = AuditEvent::failure(EventName::MfaDisabled, "failed_attempts", Some(user.id));
        tx.audit(&[event.in_session(self.session_id)])?;
        tx.notify(user, Message::SecondFactorsDisabled)
    }

    /// Enables codes again: the owner confirmed a factor in a session with a sufficient proof.
    pub(in crate::flows) fn enable_codes(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if self.account.codes_disabled {
            users::enable_codes(tx.connection, self.account.user.id)?;
        }
        Ok(())
    }

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
        if let Some(wait) = guard.wait(tx, Some(self.account.user.id))? {
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
        count_on_account(tx, Some(user_id))?;
        Ok(Err(ProofRefusal::InvalidCredentials))
    }

    /// Counts a wrong proof, and sends the owner the security notice of its kind after several.
    fn count_wrong(&self, tx: &mut Tx<'_>, mut guard: Guard, notice: Message, event: AuditEvent) -> Result<(), Fault> {
        let user_id = self.account.user.id;
        // The caller has locked the account, so no wait can have begun since the counts were read.
        let tally = guard.count(tx, Some(user_id))?;
        notify_failures(tx, &self.account.user, guard.failed(), notice)?;
        let lock = |place| AuditEvent::failure(EventName::MfaLock, place, Some(user_id));
        let events = std::iter::once(event).chain(tally.began.into_iter().map(lock));
        let events: Vec<_> = events.map(|event| event.in_session(self.session_id)).collect();
        tx.audit(&events)
    }

    /// Counts a wrong code and returns the refusal.
    pub(in crate::flows) fn reject(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        event: AuditEvent,
    ) -> Result<ProofRefusal, Fault> {
        self.count_wrong(tx, guard, Message::SecondFactorFailures, event)?;
        Ok(ProofRefusal::InvalidCode(None))
    }

    /// Resets the wrong codes of this source, and the consecutive ones, after a right one.
    pub(in crate::flows) fn reset_failures(&self, tx: &mut Tx<'_>, guard: &Guard) -> Result<(), Fault> {
        let in_a_row = self.account.failed_codes;
        notify_success(tx, &self.account.user, in_a_row)?;
        guard.reset_failures(tx)?;
        if in_a_row > 0 {
            users::set_failed_codes(tx.connection, self.account.user.id, 0)?;
        }
        Ok(())
    }

    /// Writes the audit event of what was done with a right proof and, if that was a code, of the code: two rows in one
    /// statement.
    pub(in crate::flows) fn succeed(
        &self,
        tx: &mut Tx<'_>,
        method: AuthenticationMethod,
        done: AuditEvent,
    ) -> Result<(), Fault> {
        let right = AuditEvent::success(EventName::MfaSuccess, self.account.user.id).because(method.amr());
        let code = (method != AuthenticationMethod::Password).then_some(right);
        let events = code.into_iter().chain([done]);
        let events: Vec<_> = events.map(|event| event.in_session(self.session_id)).collect();
        tx.audit(&events)
    }

    /// Writes an audit event about a method.
    pub(super) fn record(&self, tx: &mut Tx<'_>, name: EventName, method: AuthenticationMethod) -> Result<(), Fault> {
        let event = AuditEvent::success(name, self.account.user.id).because(method.amr());
        tx.audit(&[event.in_session(self.session_id)])
    }
}
