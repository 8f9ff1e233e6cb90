//! The audit trail, as operators read it.

use std::sync::Arc;

use crate::domain::audit_event::{EventFilter, RecordedEvent};
use crate::domain::ids::AuditEventId;
use crate::flows::{Core, Fault};
use crate::store::audit_events;

/// A page of events, and where the next one begins.
pub struct TrailPage {
    /// Newest first.
    pub events: Vec<RecordedEvent>,
    /// The event after which the next page begins, if there is one.
    pub next: Option<AuditEventId>,
}

/// Lists what happened that a filter lets through, newest first.
///
/// # Errors
///
/// Returns faults only.
pub async fn list(
    core: &Arc<Core>,
    filter: EventFilter,
    before: Option<AuditEventId>,
    limit: i64,
) -> Result<TrailPage, Fault> {
    let mut events = core
        .db
        .read("admin.events", move |connection| {
            // One more than asked for tells whether there is a next page.
            audit_events::page(connection, &filter, before, limit + 1).map_err(Fault::from)
        })
        .await?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = events.len() > page;
    events.truncate(page);
    let next = events.last().filter(|_| more).map(|event| event.id);
    Ok(TrailPage { events, next })
}
