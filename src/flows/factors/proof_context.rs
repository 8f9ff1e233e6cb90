//! What a proof is verified for, and what its result does to the counts of wrong ones.

use chrono::TimeDelta;

use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor_proof::FactorProof;
use crate::domain::failed_attempts::{Closing, Consecutive, Guesser};
use crate::domain::ids::SessionId;
use crate::domain::message::Message;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::SessionKey;
use crate::domain::work::Work;
use crate::flows::Fault;
use crate::flows::limits::{Buckets, Guard, ProofSource, Wait, guesser};
use crate::flows::notify::{notify_failures, notify_success};
use crate::flows::outcomes::Outcome;
use crate::flows::session::session_end;
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
    /// The work that came with the proof.
    pub(in crate::flows) work: Option<Work>,
}

impl<'a> ProofContext<'a> {
    /// Makes the context of a login that waits for its second factor.
    pub(in crate::flows) const fn of_login(account: &'a LockedUser, session_id: SessionId) -> Self {
        Self {
            account,
            session_id,
            source: ProofSource::SignIn,
            work: None,
        }
    }

    /// Adds the work that came with the proof.
    pub(in crate::flows) const fn with_work(mut self, work: Option<Work>) -> Self {
        self.work = work;
        self
    }

    /// Makes the context of a signed-in session.
    pub(in crate::flows) const fn of_session(account: &'a LockedUser, session_id: SessionId) -> Self {
        Self {
            account,
            session_id,
            source: ProofSource::Session,
            work: None,
        }
    }

    /// Names the session.
    pub(in crate::flows) const fn key(&self) -> SessionKey {
        SessionKey {
            user_id: self.account.user.id,
            session_id: self.session_id,
        }
    }

    /// Reads the failure counts that apply to codes from this source.
    fn look(&self, tx: &mut Tx<'_>) -> Result<Guard, Fault> {
        Buckets::of_codes(tx, self.source, self.key(), self.work)?.look(tx)
    }

    /// Returns how long no code is checked, because of wrong ones from this source. Wrong ones from elsewhere do not
    /// matter: a client that works has its code checked in spite of them, and needs one.
    pub(super) fn own_wait(&self, tx: &mut Tx<'_>) -> Result<Option<TimeDelta>, Fault> {
        let wait = self.look(tx)?.own_wait(tx.now);
        Ok(wait.map(|wait| wait.remaining))
    }

    /// Returns who gives the proof.
    fn guesser(&self, tx: &mut Tx<'_>) -> Result<Guesser, Fault> {
        match self.source {
            ProofSource::SignIn => guesser(tx, Some(self.account.user.id)),
            ProofSource::Session => Ok(Guesser::Known),
        }
    }

    /// Returns whether codes that can be guessed are refused from this source, after too many wrong ones.
    pub(super) fn refuses_codes(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        Ok(self.account.codes_disabled
            || self.account.codes_refused_to_strangers && self.guesser(tx)? == Guesser::Stranger)
    }

    /// Decides whether a proof is checked now.
    pub(in crate::flows) fn admit(&self, tx: &mut Tx<'_>, proof: &FactorProof) -> Result<ProofResult<Guard>, Fault> {
        let guard = match self.look(tx)?.admit(tx, Some(self.account.user.id))? {
            Ok(guard) => guard.spend(tx)?.map(|()| guard),
            Err(wait) => Err(wait),
        };
        Ok(guard.map_err(|wait| {
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
    Locked(Wait),
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

/// The result of verifying a proof.
pub(in crate::flows) type ProofResult<T> = Result<T, ProofRefusal>;

impl ProofContext<'_> {
    /// Enables codes again: the owner confirmed a factor in a session with a sufficient proof.
    pub(in crate::flows) fn enable_codes(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if self.account.codes_disabled || self.account.codes_refused_to_strangers {
            users::enable_codes(tx.connection, self.account.user.id)?;
        }
        Ok(())
    }

    /// Counts a wrong proof, and sends the owner the security notice of its kind after several.
    pub(super) fn count_wrong(
        &self,
        tx: &mut Tx<'_>,
        mut guard: Guard,
        notice: Message,
        event: AuditEvent,
    ) -> Result<(), Fault> {
        let user_id = self.account.user.id;
        // The caller has locked the account, so no wait can have begun since the counts were read.
        let tally = guard.count(tx)?;
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

    /// Counts a wrong proof towards the limit that time does not reset. Returns what it brought about.
    pub(super) fn count_consecutive(&self, tx: &mut Tx<'_>) -> Result<Option<Closing>, Fault> {
        let guesser = self.guesser(tx)?;
        let Some(failed) = self.account.failed_codes.with_one_more(guesser) else {
            return Ok(None);
        };
        users::set_failed_codes(tx.connection, self.account.user.id, failed)?;
        Ok(failed.closing(guesser))
    }

    /// Resets the wrong codes of this source, and the consecutive ones, after a right one. Those of strangers stay until
    /// a stranger gives a right one: only an attacker who has the password can guess at codes, and one who waits for
    /// the owner's next sign-in would get fifty more each time.
    pub(in crate::flows) fn reset_failures(&self, tx: &mut Tx<'_>, guard: &Guard) -> Result<(), Fault> {
        let failed = self.account.failed_codes;
        notify_success(tx, &self.account.user, failed.all)?;
        guard.reset_failures(tx)?;
        let of_strangers = match failed.of_strangers {
            0 => 0,
            _ if self.guesser(tx)? == Guesser::Stranger => 0,
            kept => kept,
        };
        let left = Consecutive { all: 0, of_strangers };
        if left != failed {
            users::set_failed_codes(tx.connection, self.account.user.id, left)?;
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
        let right = AuditEvent::success(EventName::MfaSuccess, self.account.user.id).because(method.request_name());
        let code = (method != AuthenticationMethod::Password).then_some(right);
        let events = code.into_iter().chain([done]);
        let events: Vec<_> = events.map(|event| event.in_session(self.session_id)).collect();
        tx.audit(&events)
    }

    /// Writes an audit event about a change of the account's factors, and ends its trusted devices: the factor that one
    /// of them spares may be gone, or an attacker's.
    pub(super) fn record_change(
        &self,
        tx: &mut Tx<'_>,
        name: EventName,
        method: AuthenticationMethod,
    ) -> Result<(), Fault> {
        session_end::end_trusted_devices(tx, self.account.user.id)?;
        self.record(tx, name, method)
    }

    /// Writes an audit event about a method.
    pub(super) fn record(&self, tx: &mut Tx<'_>, name: EventName, method: AuthenticationMethod) -> Result<(), Fault> {
        let event = AuditEvent::success(name, self.account.user.id).because(method.request_name());
        tx.audit(&[event.in_session(self.session_id)])
    }
}
