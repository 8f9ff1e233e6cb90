//! The outcomes of flows, as metrics count them: one label for each.

use crate::domain::audit_event::AuditEvent;
use crate::flows::Fault;
use crate::metrics;

/// An outcome of a flow.
pub(in crate::flows) trait Outcome {
    /// The label in metrics.
    fn word(&self) -> &'static str;
}

/// Counts the outcome of a flow, and returns it.
pub(in crate::flows) fn counted<T: Outcome>(flow: &'static str, ended: Result<T, Fault>) -> Result<T, Fault> {
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

/// Counts the waits and the disabled authenticators that events record.
pub(in crate::flows) fn count_throttles(event: &AuditEvent) {
    if let Some(kind) = event.throttle() {
        metrics::throttle(kind);
    }
}
