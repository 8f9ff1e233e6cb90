//! What flows came to, as it is counted: one word for each outcome.

use super::Fault;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::failed_attempts::FROM_NETWORK;
use crate::metrics;

/// Something that a flow can come to.
pub(super) trait Outcome {
    /// The word for it.
    fn word(&self) -> &'static str;
}

/// Counts what a flow came to, and hands it on.
pub(super) fn counted<T: Outcome>(flow: &'static str, ended: Result<T, Fault>) -> Result<T, Fault> {
    let word = match &ended {
        Ok(outcome) => outcome.word(),
        // Not the service's fault: the caller was signed out meanwhile.
        Err(Fault::SessionEnded) => return ended,
        Err(fault) if fault.is_temporary() => "unavailable",
        Err(_fault) => "failed",
    };
    metrics::outcome(flow, word);
    ended
}

/// Counts the waits and the ends that events tell of.
pub(super) fn count_throttles(event: &AuditEvent) {
    let kind = match (event.name, event.reason) {
        (EventName::LoginLock, Some(FROM_NETWORK)) => "password_from_network",
        (EventName::LoginLock, _) => "password_from_anywhere",
        (EventName::MfaLock, _) => "second_factor",
        (EventName::LoginFailMax, _) => "password_disabled",
        (EventName::MfaDisabled, _) => "second_factors_disabled",
        _ => return,
    };
    metrics::throttle(kind);
}
