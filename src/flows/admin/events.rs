//! The audit trail, for operators.

use std::sync::Arc;

use crate::domain::audit_event::{EventFilter, RecordedEvent};
use crate::domain::ids::AuditEventId;
use crate::domain::trail;
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

/// A part of the trail, and where a reader goes on.
pub struct Stretch {
    /// The events, oldest first.
    pub items: Vec<RecordedEvent>,
    /// Everything up to here was read.
    pub place: AuditEventId,
}

/// Lists the events that match a filter, oldest first, from a place on and as far as the trail is settled: a reader
/// that goes on from the place that it returns misses none that is committed later.
pub async fn follow(
    core: &Arc<Core>,
    filter: EventFilter,
    after: Option<AuditEventId>,
    limit: i64,
) -> Result<Stretch, Fault> {
    let clock = Arc::clone(&core.clock);
    core.db
        .read("admin.follow_events", move |connection| {
            // In this order: what begins after the first line, and what ends before the third, is accounted for.
            let now = clock.now();
            let settled = trail::settled_below(now, audit_events::oldest_writer(connection)?);
            let items = audit_events::between(connection, &filter, (after, settled), limit)?;
            let more = usize::try_from(limit).is_ok_and(|limit| items.len() >= limit);
            let last = items.last().map(|event| event.id).filter(|_| more);
            let end = trail::just_before(settled);
            // A place that another instance returned may be a little further than this one can see.
            let place = last.unwrap_or_else(|| after.map_or(end, |after| after.max(end)));
            Ok(Stretch { items, place })
        })
        .await
}
