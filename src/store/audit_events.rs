//! The `audit_events` table: written in the transaction of what it records.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::audit_events;
use crate::domain::audit_event::{AuditEvent, RecordedEvent, RequestOrigin, TrailEvent, TrailFilter};
use crate::domain::ids::{AuditEventId, RequestId, ServiceClientId, SessionId, UserId, least_of};

/// Writes events of one request, in order.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn insert(
    connection: &mut PgConnection,
    events: &[(AuditEventId, AuditEvent)],
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = events
        .iter()
        .map(|(id, event)| {
            (
                audit_events::id.eq(id.uuid()),
                audit_events::occurred_at.eq(now),
                audit_events::event.eq(event.name.as_str()),
                audit_events::success.eq(event.success),
                audit_events::reason.eq(event.reason),
                audit_events::user_id.eq(event.user_id.map(UserId::uuid)),
                audit_events::session_id.eq(event.session_id.map(SessionId::uuid)),
                audit_events::client_id.eq(event.client_id.map(ServiceClientId::uuid)),
                audit_events::actor_id.eq(event.actor_id.map(UserId::uuid)),
                audit_events::request_id.eq(origin.request_id.uuid()),
                audit_events::ip.eq(origin.ip.map(IpNetwork::from)),
                audit_events::user_agent.eq(origin.user_agent.as_deref()),
            )
        })
        .collect();
    diesel::insert_into(audit_events::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}

/// Lists what happened to an account, newest first, from before an event on if one is named.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn list(
    connection: &mut PgConnection,
    user_id: UserId,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut query = audit_events::table
        .filter(audit_events::user_id.eq(user_id.uuid()))
        .order(audit_events::id.desc())
        .limit(most)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(audit_events::id.lt(before.uuid()));
    }
    let rows: Vec<EventRow> = query.load(connection)?;
    Ok(rows.into_iter().map(RecordedEvent::from).collect())
}

/// Lists what happened that a filter lets through, newest first, from before an event on if one is named.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn list_trail(
    connection: &mut PgConnection,
    filter: &TrailFilter,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<TrailEvent>, StoreError> {
    let mut query = audit_events::table
        .order(audit_events::id.desc())
        .limit(most)
        .select(TrailRow::as_select())
        .into_boxed();
    if let Some(user_id) = filter.user_id {
        query = query.filter(audit_events::user_id.eq(user_id.uuid()));
    }
    if let Some(event) = &filter.event {
        query = query.filter(audit_events::event.eq(event.clone()));
    }
    if let Some(since) = filter.since {
        // The id ends the search, the time is exact.
        query = query
            .filter(audit_events::id.ge(least_of(since)))
            .filter(audit_events::occurred_at.ge(since));
    }
    if let Some(before) = before {
        query = query.filter(audit_events::id.lt(before.uuid()));
    }
    let rows: Vec<TrailRow> = query.load(connection)?;
    Ok(rows.into_iter().map(TrailEvent::from).collect())
}

/// Deletes rows that were made before an id, up to a number; those that somebody holds are left for the next time. Returns
/// how many.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    let old: Vec<Uuid> = audit_events::table
        .filter(audit_events::id.lt(id))
        .order(audit_events::id)
        .limit(most)
        .select(audit_events::id)
        .for_update()
        .skip_locked()
        .load(connection)?;
    Ok(diesel::delete(audit_events::table.filter(audit_events::id.eq_any(old))).execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(Pg))]
struct EventRow {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    event: String,
    success: bool,
    reason: Option<String>,
    session_id: Option<Uuid>,
    ip: Option<IpNetwork>,
    user_agent: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(Pg))]
struct TrailRow {
    #[diesel(embed)]
    event: EventRow,
    user_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    client_id: Option<Uuid>,
    request_id: Uuid,
}

impl From<TrailRow> for TrailEvent {
    fn from(row: TrailRow) -> Self {
        Self {
            event: row.event.into(),
            user_id: row.user_id.map(UserId::from_uuid),
            actor_id: row.actor_id.map(UserId::from_uuid),
            client_id: row.client_id.map(ServiceClientId::from_uuid),
            request_id: RequestId::from_uuid(row.request_id),
        }
    }
}

impl From<EventRow> for RecordedEvent {
    fn from(row: EventRow) -> Self {
        Self {
            id: AuditEventId::from_uuid(row.id),
            occurred_at: row.occurred_at,
            event: row.event,
            success: row.success,
            reason: row.reason,
            session_id: row.session_id.map(SessionId::from_uuid),
            ip: row.ip.map(|network| network.ip()),
            user_agent: row.user_agent,
        }
    }
}
