//! The audit trail, for operators.

use std::sync::Arc;

use crate::domain::audit_event::{EventFilter, RecordedEvent};
use crate::domain::ids::AuditEventId;
use crate::flows::page::Page;
use crate::flows::{Core, Fault};
use crate::store::audit_events;

/// Lists the events that match a filter, newest first.
pub async fn list(
    core: &Arc<Core>,
    filter: EventFilter,
    before: Option<AuditEventId>,
    limit: i64,
) -> Result<Page<RecordedEvent, AuditEventId>, Fault> {
    core.db
        .read("admin.events", move |connection| {
            let find = |most| Ok(audit_events::page(connection, &filter, before, most)?);
            Page::read(limit, find, |event| event.id)
        })
        .await
}
