//! A second factor is proven: the one place that compares codes, spends them, and counts the wrong ones.
//!
//! What matched is spent by one conditional statement, so of one code sent many times exactly one counts. Wrong ones are
//! counted by their source (`throttle`), over all logins and all kinds, and commit although the request is refused (RFC 4226
//! §7.3): a new login, another code or a right password buys no further guesses. The hundredth wrong one in a row disables all that
//! can be guessed; recovery codes cannot (NIST SP 800-63B-4 §3.2.2).

use chrono::{DateTime, TimeDelta, Utc};

use super::account::load_second_factors;
use super::destination::{Destination, confirmed_destination};
use super::outcomes::Outcome;
use super::security_notices::{notify_failures, notify_success};
use super::sending::notify;
use super::throttle::{Buckets, Guard, ProofSource, count_on_account};
use super::{Core, Fault};
use crate::crypto::sealer::SealedAt;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::failed_attempts;
use crate::domain::ids::SessionId;
use crate::domain::message::{Channel, Message};
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::domain::sent_code::{CodePlace, CodePurpose, SentCode};
use crate::domain::session::SessionKey;
use crate::domain::totp::{TimeStep, TotpCode, TotpSecret};
use crate::metrics;
use crate::store::totp_factors::StoredFactor;
use crate::store::users::LockedUser;
use crate::store::{PgConnection, recovery_codes, sent_code_factors, sent_codes, totp_factors, users};

/// Who tries to prove something, in which session and when; the caller holds the user's row.
#[derive(Clone, Copy)]
pub(super) struct ProofContext<'a> {
    pub(super) account: &'a LockedUser,
    pub(super) session_id: SessionId,
    /// What the waits after wrong proofs go by.
    pub(super) source: ProofSource,
    pub(super) origin: &'a RequestOrigin,
    pub(super) now: DateTime<Utc>,
}

impl ProofContext<'_> {
    /// Names the session.
    pub(super) const fn key(&self) -> SessionKey {
        SessionKey {
            user_id: self.account.user.id,
            session_id: self.session_id,
        }
    }

    const fn request(&self) -> (&RequestOrigin, DateTime<Utc>) {
        (self.origin, self.now)
    }

    /// Reads the counts that second factors from there go by.
    pub(super) fn look_at_codes(&self, core: &Core, connection: &mut PgConnection) -> Result<Guard, Fault> {
        let key = (self.account.user.id, self.session_id);
        Buckets::of_codes(core, self.source, key, self.origin)?.look(connection)
    }

    /// Returns how long no proof from there is looked at.
    pub(super) fn wait(&self, connection: &mut PgConnection, guard: &Guard) -> Result<Option<TimeDelta>, Fault> {
        guard.wait(connection, Some(self.account.user.id), self.request())
    }
}

/// A factor that was proven, and spent if it was a code. Whoever asked for it writes that down: see [`ProofContext::succeed`].
#[must_use]
pub(super) struct VerifiedFactor {
    pub(super) method: AuthenticationMethod,
    /// The new set of recovery codes: only when the code confirmed the first factor.
    pub(super) new_recovery_codes: Option<Vec<RecoveryCode>>,
}

impl VerifiedFactor {
    const fn by(method: AuthenticationMethod) -> Self {
        Self {
            method,
            new_recovery_codes: None,
        }
    }
}

/// What a right code of an authenticator that was never confirmed does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PendingTotp {
    /// Confirms it.
    Confirmed,
    /// Nothing: whoever is signed in confirms it in its own place, which wants a recent proof and shows the recovery codes.
    Ignored,
}

/// Why a proof was not taken; it was written down, and counted where it was a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefusal {
    /// The password was wrong.
    InvalidCredentials,
    /// The code was wrong, expired or used before: nobody is told which.
    InvalidCode(
        /// How many more are looked at with the pre-auth token that was presented; absent with an access token, which wrong
        /// codes do not spend.
        Option<i16>,
    ),
    /// Not looked at: there were too many wrong ones before.
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

/// What a comparison of passwords said. Nothing was held meanwhile, so that another password may be the account's by now.
#[derive(Clone, Copy)]
pub(super) struct ComparedPassword {
    /// Whether it was right.
    pub(super) right: bool,
    /// The version of the password that it was compared with.
    pub(super) version: Option<i32>,
}

/// What became of a proof.
pub(super) type ProofResult<T> = Result<T, ProofRefusal>;

impl ProofContext<'_> {
    /// Judges a code of a confirmed factor and spends it if it is right.
    pub(super) fn verify(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = self.look_at_codes(core, connection)?;
        if let Some(wait) = self.wait(connection, &guard)? {
            metrics::code(code.method().as_str(), "locked");
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        self.verify_with(core, connection, guard, (code, PendingTotp::Ignored))
    }

    /// Judges a code at the second door, where the caller has looked at the counts and nothing has to wait: the first right one
    /// of an account that has no second factor confirms its authenticator.
    pub(super) fn verify_at_sign_in(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        guard: Guard,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        self.verify_with(core, connection, guard, (code, PendingTotp::Confirmed))
    }

    fn verify_with(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        guard: Guard,
        (code, pending): (&SecondFactorCode, PendingTotp),
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let method = code.method().as_str();
        if self.account.codes_disabled && !matches!(code, SecondFactorCode::Recovery(_)) {
            metrics::code(method, "disabled");
            return self.refuse_unseen(core, connection);
        }
        let verified = match code {
            SecondFactorCode::Totp(code) => self.verify_totp(core, connection, code, pending)?,
            SecondFactorCode::Recovery(code) => self.verify_recovery_code(core, connection, code)?,
            SecondFactorCode::Sent(channel, code) => self.verify_sent_code(core, connection, *channel, code)?,
        };
        let Some(verified) = verified else {
            return self.refuse(core, connection, guard, code);
        };
        // A mailed code forgives nothing: with the password and the mail box, an authenticator's codes could otherwise be
        // guessed at for ever, four at a time.
        if verified.method.is_held() {
            self.reset_failures(core, connection, &guard)?;
        }
        metrics::code(method, "right");
        Ok(Ok(verified))
    }

    /// Refuses a code. One that was right before is refused like any other, but is no guess, and so is not counted: a button
    /// that was pressed twice must not make its owner wait.
    fn refuse(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        guard: Guard,
        code: &SecondFactorCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let user_id = Some(self.account.user.id);
        let method = code.method().as_str();
        if self.was_used(core, connection, code)? {
            metrics::code(method, "replayed");
            let event = AuditEvent::failure(EventName::MfaReplay, code.method().amr(), user_id);
            core.audit(connection, &[event.in_session(self.session_id)], self.origin, self.now)?;
            return Ok(Err(ProofRefusal::InvalidCode(None)));
        }
        metrics::code(method, "wrong");
        let event = AuditEvent::failure(EventName::MfaFail, code.method().amr(), user_id);
        let refusal = self.reject(core, connection, guard, event)?;
        self.record_consecutive_failure(core, connection)?;
        Ok(Err(refusal))
    }

    /// Refuses a code of a factor that was disabled, like any other. It is no guess at anything, so nobody waits for it: the
    /// owner's recovery code is looked at all the same.
    fn refuse_unseen(&self, core: &Core, connection: &mut PgConnection) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let event = AuditEvent::failure(EventName::MfaFail, "disabled", Some(self.account.user.id));
        core.audit(connection, &[event.in_session(self.session_id)], self.origin, self.now)?;
        Ok(Err(ProofRefusal::InvalidCode(None)))
    }

    /// Counts a wrong code of a confirmed factor among those that time does not forgive. The last of them disables the factors
    /// that can be guessed, and the owner is told how to come back.
    fn record_consecutive_failure(&self, core: &Core, connection: &mut PgConnection) -> Result<(), Fault> {
        let user = &self.account.user;
        if !load_second_factors(core, connection, user, self.now)?.any_confirmed() {
            return Ok(());
        }
        let in_a_row = self.account.failed_codes.saturating_add(1);
        users::set_failed_codes(connection, user.id, in_a_row)?;
        if !failed_attempts::limit_reached(in_a_row) || !users::disable_codes(connection, user.id, self.now)? {
            return Ok(());
        }
        let event = AuditEvent::failure(EventName::MfaDisabled, "failed_attempts", Some(user.id));
        core.audit(connection, &[event.in_session(self.session_id)], self.origin, self.now)?;
        let notice = Message::SecondFactorsDisabled;
        notify(core, connection, user, notice, self.origin, self.now)
    }

    /// Lets codes count again: the owner confirmed a factor in a session that proved who they are.
    pub(super) fn enable_codes(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        if self.account.codes_disabled {
            users::enable_codes(connection, self.account.user.id)?;
        }
        Ok(())
    }

    fn was_used(&self, core: &Core, connection: &mut PgConnection, code: &SecondFactorCode) -> Result<bool, Fault> {
        let user_id = self.account.user.id;
        match code {
            SecondFactorCode::Totp(code) => {
                let Some(active) = totp_factors::find_active(connection, user_id)? else {
                    return Ok(false);
                };
                let place = SealedAt::totp_secret(active.id, user_id);
                let secret = TotpSecret::from_bytes(core.sealer.open(&place, &active.sealed_secret)?);
                Ok(secret.matched_step(code, self.now, None).is_some())
            }
            SecondFactorCode::Recovery(code) => {
                let candidates = core.recovery_code_hasher.candidates(user_id, code);
                Ok(recovery_codes::is_spent(connection, user_id, &candidates)?)
            }
            SecondFactorCode::Sent(..) => Ok(false),
        }
    }

    /// Judges a password that was compared before. It waits for wrong passwords in this session and not for wrong codes, and a
    /// right one forgives no wrong codes: an attacker who knows it could otherwise guess codes for ever, four at a time. One
    /// that was right and is not the account's any more is refused, but was no guess.
    pub(super) fn verify_password(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        compared: &ComparedPassword,
        failure: EventName,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = Buckets::of_session_passwords(core, self.session_id)?.look(connection)?;
        if let Some(wait) = self.wait(connection, &guard)? {
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        let user_id = self.account.user.id;
        let still = self.account.usable_password.is_some() && self.account.usable_password == compared.version;
        if compared.right && still {
            guard.reset_failures(connection)?;
            users::reset_password_failures(connection, user_id)?;
            return Ok(Ok(VerifiedFactor::by(AuthenticationMethod::Password)));
        }
        if compared.right {
            let event = AuditEvent::failure(failure, "changed_meanwhile", Some(user_id));
            core.audit(connection, &[event.in_session(self.session_id)], self.origin, self.now)?;
            return Ok(Err(ProofRefusal::InvalidCredentials));
        }
        let event = AuditEvent::failure(failure, "password", Some(user_id));
        self.count_wrong(core, connection, (guard, Message::PasswordFailures), event)?;
        count_on_account(core, connection, Some(user_id), self.request())?;
        Ok(Err(ProofRefusal::InvalidCredentials))
    }

    /// Counts a wrong proof, and tells the owner by the news of its kind once there are several.
    fn count_wrong(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        (mut guard, notice): (Guard, Message),
        event: AuditEvent,
    ) -> Result<(), Fault> {
        let user_id = self.account.user.id;
        // The caller holds the account, so no wait can have begun since the counts were read.
        let tally = guard.count(connection, Some(user_id), self.request())?;
        notify_failures(
            core,
            connection,
            &self.account.user,
            (guard.failed(), notice),
            self.request(),
        )?;
        let lock = |place| AuditEvent::failure(EventName::MfaLock, place, Some(user_id));
        let events = std::iter::once(event).chain(tally.began.into_iter().map(lock));
        let events: Vec<_> = events.map(|event| event.in_session(self.session_id)).collect();
        Ok(core.audit(connection, &events, self.origin, self.now)?)
    }

    /// Counts a wrong code, and says so.
    pub(super) fn reject(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        guard: Guard,
        event: AuditEvent,
    ) -> Result<ProofRefusal, Fault> {
        self.count_wrong(core, connection, (guard, Message::SecondFactorFailures), event)?;
        Ok(ProofRefusal::InvalidCode(None))
    }

    /// Forgets the wrong codes of this source, and those in a row, after a right one.
    pub(super) fn reset_failures(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        guard: &Guard,
    ) -> Result<(), Fault> {
        let in_a_row = self.account.failed_codes;
        notify_success(core, connection, &self.account.user, in_a_row, self.request())?;
        guard.reset_failures(connection)?;
        if in_a_row > 0 {
            users::set_failed_codes(connection, self.account.user.id, 0)?;
        }
        Ok(())
    }

    /// Writes down what was done with a right proof and, if that was a code, the code: two rows of one statement.
    pub(super) fn succeed(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        method: AuthenticationMethod,
        done: AuditEvent,
    ) -> Result<(), Fault> {
        let right = AuditEvent::success(EventName::MfaSuccess, self.account.user.id).because(method.amr());
        let code = (method != AuthenticationMethod::Password).then_some(right);
        let events = code.into_iter().chain([done]);
        let events: Vec<_> = events.map(|event| event.in_session(self.session_id)).collect();
        Ok(core.audit(connection, &events, self.origin, self.now)?)
    }

    fn record(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        name: EventName,
        method: AuthenticationMethod,
    ) -> Result<(), Fault> {
        let event = AuditEvent::success(name, self.account.user.id).because(method.amr());
        Ok(core.audit(connection, &[event.in_session(self.session_id)], self.origin, self.now)?)
    }

    fn verify_totp(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        code: &TotpCode,
        pending: PendingTotp,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        // Where one is confirmed, that one counts: a secret that is to take its place is confirmed elsewhere. The first one is
        // confirmed here, by the session that began it and no other.
        let factor = match totp_factors::find_active(connection, self.account.user.id)? {
            None if pending == PendingTotp::Confirmed => totp_factors::find_pending(connection, self.key(), self.now)?,
            active => active,
        };
        let Some(factor) = factor else {
            return Ok(None);
        };
        let Some(step) = self.matched_step(core, &factor, code)? else {
            return Ok(None);
        };
        if !factor.active {
            return self.confirm_first(core, connection, &factor, step);
        }
        let spent = totp_factors::advance_step(connection, self.account.user.id, factor.id, step)?;
        Ok(spent.then_some(VerifiedFactor::by(AuthenticationMethod::Totp)))
    }

    fn matched_step(&self, core: &Core, factor: &StoredFactor, code: &TotpCode) -> Result<Option<TimeStep>, Fault> {
        let place = SealedAt::totp_secret(factor.id, self.account.user.id);
        let secret = core.sealer.open(&place, &factor.sealed_secret)?;
        let matched = TotpSecret::from_bytes(secret).matched_step(code, self.now, factor.last_step);
        if let Some(step) = matched {
            metrics::totp_matched(step.0 - TimeStep::at(self.now).0);
        }
        Ok(matched)
    }

    /// Confirms the authenticator of an account that has no second factor yet: whoever knows the password may then.
    fn confirm_first(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        factor: &StoredFactor,
        step: TimeStep,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        if load_second_factors(core, connection, &self.account.user, self.now)?.any_confirmed() {
            return Ok(None);
        }
        notify(
            core,
            connection,
            &self.account.user,
            Message::AuthenticatorAdded,
            self.origin,
            self.now,
        )?;
        self.confirm_totp(core, connection, factor, step).map(Some)
    }

    /// Confirms a pending authenticator, in the place of the active one if there is one. Makes recovery codes where none
    /// are left.
    fn confirm_totp(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        factor: &StoredFactor,
        step: TimeStep,
    ) -> Result<VerifiedFactor, Fault> {
        let user = &self.account.user;
        totp_factors::confirm(connection, user.id, factor.id, step, self.now)?;
        self.record(
            core,
            connection,
            EventName::MfaEnrolConfirmed,
            AuthenticationMethod::Totp,
        )?;
        let none_left = recovery_codes::remaining(connection, user.id)? == 0;
        let new_recovery_codes = none_left
            .then(|| self.replace_recovery_codes(core, connection))
            .transpose()?;
        Ok(VerifiedFactor {
            method: AuthenticationMethod::Totp,
            new_recovery_codes,
        })
    }

    /// Judges the first code of a pending authenticator that its owner's session asked for.
    pub(super) fn verify_pending_totp(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        code: &TotpCode,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let guard = self.look_at_codes(core, connection)?;
        if let Some(wait) = self.wait(connection, &guard)? {
            return Ok(Err(ProofRefusal::Locked(wait)));
        }
        let user = &self.account.user;
        let pending = totp_factors::find_pending(connection, self.key(), self.now)?;
        let step = match &pending {
            Some(pending) => self.matched_step(core, pending, code)?,
            None => None,
        };
        let Some((pending, step)) = pending.zip(step) else {
            let event = AuditEvent::failure(EventName::MfaFail, "enrolment", Some(user.id));
            return self.reject(core, connection, guard, event).map(Err);
        };
        self.reset_failures(core, connection, &guard)?;
        self.enable_codes(connection)?;
        let replaces = totp_factors::find_active(connection, user.id)?.is_some();
        let notice = if replaces {
            Message::AuthenticatorReplaced
        } else {
            Message::AuthenticatorAdded
        };
        notify(core, connection, user, notice, self.origin, self.now)?;
        self.confirm_totp(core, connection, &pending, step).map(Ok)
    }

    /// Puts a new set of recovery codes in the place of the old one.
    pub(super) fn replace_recovery_codes(
        &self,
        core: &Core,
        connection: &mut PgConnection,
    ) -> Result<Vec<RecoveryCode>, Fault> {
        let user_id = self.account.user.id;
        let codes = RecoveryCode::generate_set(core.random.as_ref());
        let hashes: Result<Vec<_>, _> = codes
            .iter()
            .map(|code| core.recovery_code_hasher.hash(user_id, code))
            .collect();
        recovery_codes::replace_set(connection, user_id, &hashes?, self.now)?;
        self.record(
            core,
            connection,
            EventName::RecoveryCodesGenerated,
            AuthenticationMethod::RecoveryCode,
        )?;
        Ok(codes)
    }

    fn verify_recovery_code(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        code: &RecoveryCode,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        let user = &self.account.user;
        let candidates = core.recovery_code_hasher.candidates(user.id, code);
        if !recovery_codes::consume(connection, user.id, &candidates, self.now)? {
            return Ok(None);
        }
        self.record(
            core,
            connection,
            EventName::RecoveryCodeUsed,
            AuthenticationMethod::RecoveryCode,
        )?;
        let remaining = recovery_codes::remaining(connection, user.id)?;
        let notice = Message::RecoveryCodeUsed { remaining };
        notify(core, connection, user, notice, self.origin, self.now)?;
        Ok(Some(VerifiedFactor::by(AuthenticationMethod::RecoveryCode)))
    }

    fn verify_sent_code(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        channel: Channel,
        code: &SentCode,
    ) -> Result<Option<VerifiedFactor>, Fault> {
        // The factor may have been removed or replaced since the code was sent, or its address may not be the owner's any
        // more, or the deployment may have given the channel up.
        let Some(destination) = confirmed_destination(core, connection, &self.account.user, channel)? else {
            return Ok(None);
        };
        if !self.spend_sent_code(core, connection, CodePurpose::Authentication, &destination, code)? {
            return Ok(None);
        }
        let used = sent_code_factors::mark_used(connection, self.account.user.id, channel, self.now)?;
        Ok(used.then_some(VerifiedFactor::by(match channel {
            Channel::Email => AuthenticationMethod::EmailCode,
            Channel::Sms => AuthenticationMethod::SmsCode,
        })))
    }

    /// Spends a code that was sent there for this session, if it is right.
    pub(super) fn spend_sent_code(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        purpose: CodePurpose,
        destination: &Destination,
        code: &SentCode,
    ) -> Result<bool, Fault> {
        let place = CodePlace {
            session_id: self.session_id,
            purpose,
            channel: destination.channel(),
        };
        let candidates = core.sent_code_hasher.candidates(place, destination.as_str(), code);
        Ok(sent_codes::try_code(connection, place, &candidates, self.now)?)
    }
}
