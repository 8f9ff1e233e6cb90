//! The outcomes of flows, as metrics count them: one label for each.

use super::Fault;
use super::login::Login;
use super::password::{Change, Reset};
use super::proof::ProofRefusal;
use super::refresh::Refresh;
use super::register::Registration;
use super::second_factor::Verification;
use super::step_up::StepUp;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::metrics;

/// An outcome of a flow.
pub(super) trait Outcome {
    /// The label in metrics.
    fn word(&self) -> &'static str;
}

/// Counts the outcome of a flow, and returns it.
pub(super) fn counted<T: Outcome>(flow: &'static str, ended: Result<T, Fault>) -> Result<T, Fault> {
    let word = match &ended {
        Ok(outcome) => outcome.word(),
        // Not the service's fault: the caller was signed out in the meantime.
        Err(Fault::SessionEnded) => return ended,
        Err(fault) if fault.is_temporary() => "unavailable",
        Err(_fault) => "failed",
    };
    metrics::outcome(flow, word);
    ended
}

impl Outcome for Login {
    fn word(&self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Authenticated(_) => "authenticated",
            Self::EmailNotVerified => "email_not_verified",
            Self::Locked(_) => "locked",
            Self::InvalidCredentials => "invalid_credentials",
        }
    }
}

/// A login with a mailed token.
impl Outcome for Option<Login> {
    fn word(&self) -> &'static str {
        self.as_ref().map_or("invalid_token", Outcome::word)
    }
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

impl Outcome for Verification {
    fn word(&self) -> &'static str {
        match self {
            Self::SignedIn(_) => "signed_in",
            Self::Refused(refusal) => refusal.word(),
            Self::EmailNotVerified => "email_not_verified",
            Self::InvalidPreAuthToken => "invalid_token",
        }
    }
}

impl Outcome for StepUp {
    fn word(&self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Refused(refusal) => refusal.word(),
        }
    }
}

impl Outcome for Registration {
    fn word(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Accepted => "accepted",
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::PasswordRejected(_) => "password_rejected",
            Self::Closed => "closed",
        }
    }
}

impl Outcome for Change {
    fn word(&self) -> &'static str {
        match self {
            Self::Changed => "done",
            Self::Refused(refusal) => refusal.word(),
            Self::Rejected(_) => "password_rejected",
        }
    }
}

impl Outcome for Reset {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::InvalidToken => "invalid_token",
            Self::Rejected(_) => "password_rejected",
        }
    }
}

/// Metrics distinguish more outcomes of a refresh than the client learns.
impl Outcome for (Refresh, &'static str) {
    fn word(&self) -> &'static str {
        self.1
    }
}

/// Counts the waits and the disabled authenticators that events record.
pub(super) fn count_throttles(event: &AuditEvent) {
    let kind = match (event.name, event.reason) {
        (EventName::LoginLock, Some("from_network")) => "password_from_network",
        (EventName::LoginLock, _) => "password_from_anywhere",
        (EventName::MfaLock, _) => "second_factor",
        (EventName::LoginFailMax, _) => "password_disabled",
        (EventName::MfaDisabled, _) => "second_factors_disabled",
        _ => return,
    };
    metrics::throttle(kind);
}
