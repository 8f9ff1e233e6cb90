//! Verifying a second factor: the only place that checks proofs and counts wrong ones.
//!
//! Each kind marks a right code as used by one conditional statement, so if the same code is sent many times, exactly
//! one request succeeds. Wrong codes are counted by their source (`throttle`), across all logins and all kinds of
//! factor, and the count is committed although the request is refused (RFC 4226 §7.3): a new login, another code or a
//! right password buys no further guesses. The hundredth consecutive wrong code disables all factors that can be
//! guessed; recovery codes cannot be guessed (NIST SP 800-63B-4 §3.2.2).

use super::list::load_factors;
use super::proof_context::{ProofContext, ProofRefusal, ProofResult, VerifiedFactor};
use super::{passkey, recovery_codes, sent_code, totp};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor::WrongProofs;
use crate::domain::factor_proof::FactorProof;
use crate::domain::failed_attempts::{Closing, REFUSED_TO_STRANGERS};
use crate::domain::message::Message;
use crate::flows::Fault;
use crate::flows::limits::Guard;
use crate::flows::tx::Tx;
use crate::metrics;
use crate::store::users;

impl ProofContext<'_> {
    /// Verifies a proof, unless it has to wait.
    pub(super) fn admit_and_verify(
        &self,
        tx: &mut Tx<'_>,
        proof: &FactorProof,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        match self.admit(tx, proof)? {
            Ok(guard) => self.verify(tx, guard, proof),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Verifies a proof and marks it as used if it is right. The caller has found by [`admit`](Self::admit) that it
    /// need not wait. At sign-in to an account without a second factor, the first right code confirms its pending
    /// authenticator.
    pub(in crate::flows) fn verify(
        &self,
        tx: &mut Tx<'_>,
        guard: Guard,
        proof: &FactorProof,
    ) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let method = proof.method().as_str();
        if !proof.kind().is_enabled(self.refuses_codes(tx)?) {
            metrics::code(method, "disabled");
            return self.refuse_unseen(tx);
        }
        let verified = match proof {
            FactorProof::Totp(code) => totp::verify(self, tx, code)?,
            FactorProof::Recovery(code) => recovery_codes::verify(self, tx, code)?,
            FactorProof::Sent(channel, code) => sent_code::verify(self, tx, *channel, code)?,
            FactorProof::Passkey(assertion) => passkey::verify(self, tx, assertion)?,
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
        if let Some(refusal) = self.refuse_replay(tx, proof)? {
            return Ok(Err(refusal));
        }
        metrics::code(proof.method().as_str(), "wrong");
        let event = AuditEvent::failure(
            EventName::MfaFail,
            proof.method().request_name(),
            Some(self.account.user.id),
        );
        let refusal = self.reject(tx, guard, event)?;
        if proof.kind().abilities().wrong_proofs != WrongProofs::Ignored {
            self.record_consecutive_failure(tx)?;
        }
        Ok(Err(refusal))
    }

    /// Refuses a code that was right before. `None`: it was not.
    pub(super) fn refuse_replay(&self, tx: &mut Tx<'_>, proof: &FactorProof) -> Result<Option<ProofRefusal>, Fault> {
        let was_used = match proof {
            FactorProof::Totp(code) => totp::was_used(self, tx, code)?,
            FactorProof::Recovery(code) => recovery_codes::was_used(self, tx, code)?,
            FactorProof::Passkey(assertion) => passkey::was_used(self, tx, assertion)?,
            FactorProof::Sent(..) => false,
        };
        if !was_used {
            return Ok(None);
        }
        metrics::code(proof.method().as_str(), "replayed");
        let event = AuditEvent::failure(
            EventName::MfaReplay,
            proof.method().request_name(),
            Some(self.account.user.id),
        );
        tx.audit(&[event.in_session(self.session_id)])?;
        Ok(Some(ProofRefusal::InvalidCode(None)))
    }

    /// Refuses a code of a disabled factor like a wrong one. It is not counted, since it cannot be a guess at anything:
    /// the owner's recovery code must still be checked.
    fn refuse_unseen(&self, tx: &mut Tx<'_>) -> Result<ProofResult<VerifiedFactor>, Fault> {
        let event = AuditEvent::failure(EventName::MfaFail, "disabled", Some(self.account.user.id));
        tx.audit(&[event.in_session(self.session_id)])?;
        Ok(Err(ProofRefusal::InvalidCode(None)))
    }

    /// Counts a wrong code on an account with a confirmed factor towards the limit that time does not reset. At the
    /// limit the factors that can be guessed are disabled, for strangers or for all, and the owner is notified how to
    /// recover.
    fn record_consecutive_failure(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let user = &self.account.user;
        if !load_factors(tx.core, tx.connection, user, None)?.any_confirmed() {
            return Ok(());
        }
        let (reason, message) = match self.count_consecutive(tx)? {
            Some(Closing::ToStrangers) => (REFUSED_TO_STRANGERS, Message::SecondFactorsRefusedToStrangers),
            Some(Closing::ToAll) if users::disable_codes(tx.connection, user.id, tx.now)? => {
                ("failed_attempts", Message::SecondFactorsDisabled)
            }
            Some(Closing::ToAll) | None => return Ok(()),
        };
        let event = AuditEvent::failure(EventName::MfaDisabled, reason, Some(user.id));
        tx.audit(&[event.in_session(self.session_id)])?;
        tx.notify(user, message)
    }
}
