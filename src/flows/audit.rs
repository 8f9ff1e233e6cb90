//! Audit events beside the outcome of a flow: refusals that a client can repeat at will, faults, and the start and stop
//! of the service.
//!
//! With a row for each refusal, a refused client could fill the table. So there is one row an hour for each account or
//! session; the access log shows how often it happened.

use std::sync::Arc;

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::policy::numbers::REPEATED_EVENTS;
use crate::domain::sent_code::Quota;
use crate::flows::limits::quotas;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};

impl Tx<'_> {
    /// Writes an event that a client can cause as often as it likes: once an hour for its account or, without one, for
    /// its session.
    pub(in crate::flows) fn audit_once_an_hour(&mut self, event: AuditEvent) -> Result<(), Fault> {
        let who = event
            .user_id
            .map(UserId::uuid)
            .or(event.session_id.map(SessionId::uuid));
        let subject = format!(
            "audit {} {} {}",
            event.name.as_str(),
            event.reason.unwrap_or_default(),
            who.unwrap_or_default()
        );
        let quota = Quota::new(subject, REPEATED_EVENTS);
        if quotas::wait_or_take(self, &[quota])?.is_none() {
            self.audit(&[event])?;
        }
        Ok(())
    }
}

/// Returns an outcome unchanged. If a sealed secret did not open, this is recorded in a transaction by itself, since
/// that of the request was rolled back: such a failure must never let a client in, and never go unnoticed.
pub(in crate::flows) async fn note_unreadable<T>(
    core: &Arc<Core>,
    outcome: Result<T, Fault>,
    session_id: SessionId,
    origin: RequestOrigin,
) -> Result<T, Fault> {
    if let Err(Fault::Seal(_)) = &outcome {
        let event = AuditEvent::failure(EventName::DecryptFail, "second_factor", None).in_session(session_id);
        let noted = core
            .transaction("audit.note_unreadable", origin, move |tx| {
                tx.audit_once_an_hour(event.clone())
            })
            .await;
        if let Err(fault) = noted {
            tracing::error!(error = %fault, "a secret did not open, and this could not be recorded");
        }
    }
    outcome
}

/// Records that this instance starts to serve, or stops.
pub async fn record_instance(core: &Arc<Core>, name: EventName) -> Result<(), Fault> {
    core.transaction("audit.record_instance", core.own_origin(), move |tx| {
        let event = AuditEvent::of_deployment(name).because(env!("CARGO_PKG_VERSION"));
        tx.audit(&[event])
    })
    .await
}
