//! Verifying a second factor: the only place that compares codes, marks them as used, and counts wrong ones.
//!
//! A right code is marked as used by one conditional statement, so if the same code is sent many times, exactly one
//! request succeeds. Wrong codes are counted by their source (`throttle`), across all logins and all kinds of factor,
//! and the count is committed although the request is refused (RFC 4226 §7.3): a new login, another code or a right
//! password buys no further guesses. The hundredth consecutive wrong code disables all factors that can be guessed;
//! recovery codes cannot be guessed (NIST SP 800-63B-4 §3.2.2).

use chrono::TimeDelta;

use crate::crypto::sealer::SealedAt;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor::{FactorKind, FactorState};
use crate::domain::failed_attempts;
use crate::domain::ids::SessionId;
use crate::domain::message::{Channel, Message};
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::domain::sent_code::{CodePlace, CodePurpose, SentCode};
use crate::domain::session::SessionKey;
use crate::domain::totp::{TimeStep, TotpCode, TotpSecret};
use crate::flows::Fault;
use crate::flows::factors::destination::{Destination, confirmed_destination};
use crate::flows::factors::inventory::load_factors;
use crate::flows::limits::throttle::{Buckets, Guard, ProofSource, count_on_account};
use crate::flows::notify::security_notices::{notify_failures, notify_success};
use crate::flows::outcomes::Outcome;
use crate::flows::tx::Tx;
use crate::metrics;
use crate::store::totp_factors::StoredSecret;
use crate::store::users::LockedUser;
use crate::store::{recovery_codes, sent_code_factors, sent_codes, totp_factors, users};

/// The account, session and source that a proof is verified for. The caller has locked the user's row.
#[derive(Clone, Copy)]
pub(in crate::flows) struct ProofContext<'a> {
    pub(in crate::flows) account: &'a LockedUser,
    pub(in crate::flows) session_id: SessionId,
    /// Selects the failure counts that apply.
    pub(in crate::flows) source: ProofSource,
}

impl ProofContext<'_> {
    /// Names the session.
    pub(in crate::flows) const fn key(&self) -> SessionKey {
        SessionKey {
            user_id: self.account.user.id,
            session_id: self.session_id,
        }
    }

    /// Reads the failure counts that apply to second factors from this source.
    pub(in crate::flows) fn look_at_codes(&self, tx: &mut Tx<'_>) -> Result<Guard, Fault> {
        Buckets::of_codes(tx, self.source, self.key())?.look(tx)
    }

    /// Returns how long proofs from this source are refused without a check.
    pub(in crate::flows) fn wait(&self, tx: &mut Tx<'_>, guard: &Guard) -> Result<Option<TimeDelta>, Fault> {
        guard.wait(tx, Some(self.account.user.id))
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
    const fn by(method: AuthenticationMethod) -> Self {
        Self {
            method,
            new_recovery_codes: None,
        }
    }
}

/// What a right code of a pending authenticator does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PendingTotp {
    /// Confirms it.
    Confirmed,
    /// Nothing. A signed-in user confirms it through the enrolment, which requires a recent proof and returns the
    /// recovery codes.
    Ignored,
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
    /// Verifies a code of a confirmed factor, and marks it as used if it is right.
    pub(in crate::flows) fn verify(
        &self,
        tx: &mut Tx<'_>,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = self.look_at_codes(tx)?;
        if let Some(wait) = self.wait(tx, &guard)? {
            metrics::code(code.method().as_str(), "locked");
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        self.verify_with(tx, guard, code, PendingTotp::Ignored)
    }

    /// Verifies a code that completes a login. The caller has read the counts and found that nothing has to wait. On an
    /// account without a second factor, the first right code confirms its pending authenticator.
    pub(in crate::flows) fn verify_at_sign_in(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        self.verify_with(tx, guard, code, PendingTotp::Confirmed)
    }

    fn verify_with(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        code: &SecondFactorCode,
        pending: PendingTotp,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let method = code.method().as_str();
        if self.account.codes_disabled && code.kind().abilities().guessable {
            metrics::code(method, "disabled");
            return self.refuse_unseen(tx);
        }
        let verified = match code {
            SecondFactorCode::Totp(code) => self.verify_totp(tx, code, pending)?,
            SecondFactorCode::Recovery(code) => self.verify_recovery_code(tx, code)?,
            SecondFactorCode::Sent(channel, code) => self.verify_sent_code(tx, *channel, code)?,
        };
        let Some(verified) = verified else {
            return self.refuse(tx, guard, code);
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
    fn refuse(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let user_id = Some(self.account.user.id);
        let method = code.method().as_str();
        if self.was_used(tx, code)? {
            metrics::code(method, "replayed");
            let event = AuditEvent::failure(EventName::MfaReplay, code.method().amr(), user_id);
            tx.audit(&[event.in_session(self.session_id)])?;
            return Ok(Err(ProofRefusal::InvalidCode(None)));
        }
        metrics::code(method, "wrong");
        let event = AuditEvent::failure(EventName::MfaFail, code.method().amr(), user_id);
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

    fn was_used(&self, tx: &mut Tx<'_>, code: &SecondFactorCode) -> Result<bool, Fault> {
        let user_id = self.account.user.id;
        match code {
            SecondFactorCode::Totp(code) => {
                let Some(active) = totp_factors::find_active(tx.connection, user_id)? else {
                    return Ok(false);
                };
                let place = SealedAt::totp_secret(active.id, user_id);
                let secret = TotpSecret::from_bytes(tx.core.sealer.open(&place, &active.sealed_secret)?);
                Ok(secret.matched_step(code, tx.now, None).is_some())
            }
            SecondFactorCode::Recovery(code) => {
                let candidates = tx.core.recovery_code_hasher.candidates(user_id, code);
                Ok(recovery_codes::is_spent(tx.connection, user_id, &candidates)?)
            }
            SecondFactorCode::Sent(..) => Ok(false),
        }
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
        if let Some(wait) = self.wait(tx, &guard)? {
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

    fn record(&self, tx: &mut Tx<'_>, name: EventName, method: AuthenticationMethod) -> Result<(), Fault> {
        let event = AuditEvent::success(name, self.account.user.id).because(method.amr());
        tx.audit(&[event.in_session(self.session_id)])
    }

    fn verify_totp(
        &self,
        tx: &mut Tx<'_>,
        code: &TotpCode,
        pending: PendingTotp,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        // If the account has a confirmed authenticator, only that one counts: its replacement is confirmed through the
        // enrolment. The account's first authenticator is confirmed here, and only by the session that began its
        // enrolment.
        let factor = match totp_factors::find_active(tx.connection, self.account.user.id)? {
            None if pending == PendingTotp::Confirmed => totp_factors::find_pending(tx.connection, self.key(), tx.now)?,
            active => active,
        };
        let Some(factor) = factor else {
            return Ok(None);
        };
        let Some(step) = self.matched_step(tx, &factor, code)? else {
            return Ok(None);
        };
        if factor.state == FactorState::Pending {
            return self.confirm_first(tx, &factor, step);
        }
        let spent = totp_factors::advance_step(tx.connection, self.account.user.id, factor.id, step)?;
        Ok(spent.then_some(VerifiedFactor::by(AuthenticationMethod::Totp)))
    }

    fn matched_step(&self, tx: &Tx<'_>, factor: &StoredSecret, code: &TotpCode) -> Result<Option<TimeStep>, Fault> {
        let place = SealedAt::totp_secret(factor.id, self.account.user.id);
        let secret = tx.core.sealer.open(&place, &factor.sealed_secret)?;
        let matched = TotpSecret::from_bytes(secret).matched_step(code, tx.now, factor.last_step);
        if let Some(step) = matched {
            metrics::totp_matched(step.0 - TimeStep::at(tx.now).0);
        }
        Ok(matched)
    }

    /// Confirms the authenticator of an account that has no second factor yet. The password is then sufficient.
    fn confirm_first(
        &self,
        tx: &mut Tx<'_>,
        factor: &StoredSecret,
        step: TimeStep,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        if load_factors(tx.core, tx.connection, &self.account.user, None)?.any_confirmed() {
            return Ok(None);
        }
        tx.notify(&self.account.user, Message::AuthenticatorAdded)?;
        self.confirm_totp(tx, factor, step).map(Some)
    }

    /// Confirms a pending authenticator, which replaces the active one if there is one. Makes recovery codes if none
    /// are left.
    fn confirm_totp(&self, tx: &mut Tx<'_>, factor: &StoredSecret, step: TimeStep) -> Result<VerifiedFactor, Fault> {
        let user = &self.account.user;
        totp_factors::confirm(tx.connection, user.id, factor.id, step, tx.now)?;
        self.record(tx, EventName::MfaEnrolConfirmed, AuthenticationMethod::Totp)?;
        let none_left = recovery_codes::remaining(tx.connection, user.id)? == 0;
        let new_recovery_codes = none_left.then(|| self.replace_recovery_codes(tx)).transpose()?;
        Ok(VerifiedFactor {
            method: AuthenticationMethod::Totp,
            new_recovery_codes,
        })
    }

    /// Verifies the first code of a pending authenticator that this session began to enrol.
    pub(in crate::flows) fn verify_pending_totp(
        &self,
        tx: &mut Tx<'_>,
        code: &TotpCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = self.look_at_codes(tx)?;
        if let Some(wait) = self.wait(tx, &guard)? {
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        let user = &self.account.user;
        let pending = totp_factors::find_pending(tx.connection, self.key(), tx.now)?;
        let step = match &pending {
            Some(pending) => self.matched_step(tx, pending, code)?,
            None => None,
        };
        let Some((pending, step)) = pending.zip(step) else {
            let event = AuditEvent::failure(EventName::MfaFail, "enrolment", Some(user.id));
            return self.reject(tx, guard, event).map(Err);
        };
        self.reset_failures(tx, &guard)?;
        self.enable_codes(tx)?;
        let replaces = totp_factors::find_active(tx.connection, user.id)?.is_some();
        let notice = if replaces {
            Message::AuthenticatorReplaced
        } else {
            Message::AuthenticatorAdded
        };
        tx.notify(user, notice)?;
        self.confirm_totp(tx, &pending, step).map(Ok)
    }

    /// Replaces the set of recovery codes by a new one.
    pub(in crate::flows) fn replace_recovery_codes(&self, tx: &mut Tx<'_>) -> Result<Vec<RecoveryCode>, Fault> {
        let user_id = self.account.user.id;
        let codes = RecoveryCode::generate_set(tx.core.random.as_ref());
        let hashes: Result<Vec<_>, _> = codes
            .iter()
            .map(|code| tx.core.recovery_code_hasher.hash(user_id, code))
            .collect();
        recovery_codes::replace_set(tx.connection, user_id, &hashes?, tx.now)?;
        self.record(
            tx,
            EventName::RecoveryCodesGenerated,
            AuthenticationMethod::RecoveryCode,
        )?;
        Ok(codes)
    }

    fn verify_recovery_code(&self, tx: &mut Tx<'_>, code: &RecoveryCode) -> Result<Option<VerifiedFactor>, Fault> {
        let user = &self.account.user;
        let candidates = tx.core.recovery_code_hasher.candidates(user.id, code);
        if !recovery_codes::consume(tx.connection, user.id, &candidates, tx.now)? {
            return Ok(None);
        }
        self.record(tx, EventName::RecoveryCodeUsed, AuthenticationMethod::RecoveryCode)?;
        let remaining = recovery_codes::remaining(tx.connection, user.id)?;
        tx.notify(user, Message::RecoveryCodeUsed { remaining })?;
        Ok(Some(VerifiedFactor::by(AuthenticationMethod::RecoveryCode)))
    }

    fn verify_sent_code(
        &self,
        tx: &mut Tx<'_>,
        channel: Channel,
        code: &SentCode,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        // Since the code was sent, the factor may have been removed or replaced, its address may have left the account,
        // or the deployment may have disabled the channel.
        let Some(destination) = confirmed_destination(tx.core, tx.connection, &self.account.user, channel)? else {
            return Ok(None);
        };
        if !self.spend_sent_code(tx, CodePurpose::Authentication, &destination, code)? {
            return Ok(None);
        }
        let used = sent_code_factors::mark_used(tx.connection, self.account.user.id, channel, tx.now)?;
        let method = FactorKind::sent_by(channel).abilities().method;
        Ok(used.then_some(VerifiedFactor::by(method)))
    }

    /// Marks a code that was sent to this destination for this session as used, if it is right.
    pub(in crate::flows) fn spend_sent_code(
        &self,
        tx: &mut Tx<'_>,
        purpose: CodePurpose,
        destination: &Destination,
        code: &SentCode,
    ) -> Result<bool, Fault> {
        let place = CodePlace {
            session: self.key(),
            purpose,
            channel: destination.channel(),
        };
        let candidates = tx.core.sent_code_hasher.candidates(place, destination.as_str(), code);
        Ok(sent_codes::try_code(tx.connection, place, &candidates, tx.now)?)
    }
}
