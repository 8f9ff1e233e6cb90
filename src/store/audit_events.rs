//! The `audit_events` table: written in the transaction of what it records.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::prelude::*;
use ipnetwork::IpNetwork;

use super::error::StoreError;
use super::schema::audit_events;
use crate::domain::audit_event::{AuditEvent, RequestOrigin};
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
