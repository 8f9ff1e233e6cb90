//! The `audit_events` table: written in the transaction of what it records.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::audit_events;
use crate::domain::audit_event::{AuditEvent, RecordedEvent, RequestOrigin};
use crate::domain::ids::{AuditEventId, ServiceClientId, SessionId, UserId};

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
    // One row a statement: a request has one event nearly always, and only a statement of a fixed form stays prepared.
    for (id, event) in events {
        diesel::insert_into(audit_events::table)
            .values((
                audit_events::id.eq(id.uuid()),
                audit_events::occurred_at.eq(now),
                audit_events::event.eq(event.name.as_str()),
                audit_events::success.eq(event.success),
                audit_events::reason.eq(event.reason),
                audit_events::user_id.eq(event.user_id.map(UserId::uuid)),
                audit_events::session_id.eq(event.session_id.map(SessionId::uuid)),
                audit_events::client_id.eq(event.client_id.map(ServiceClientId::uuid)),
                audit_events::request_id.eq(origin.request_id.uuid()),
                audit_events::ip.eq(origin.ip.map(IpNetwork::from)),
                audit_events::user_agent.eq(origin.user_agent.as_deref()),
            ))
            .execute(connection)?;
    }
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
