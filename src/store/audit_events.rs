//! The `audit_events` table. A row is written in the transaction of what it records, and is never changed.
//!
//! The database refuses to change or delete a row. There is one partition per month; [`tend`] creates them ahead of
//! time and drops those past their retention. A row whose month has no partition goes into a default partition.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::AsSelect;
use diesel::internal::table_macro::{BoxedSelectStatement, FromClause};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::connector::CONNECTION_NAME;
use super::distribution;
use super::error::StoreError;
use super::schema::audit_events;
use crate::domain::audit_event::{AuditEvent, EventFilter, EventName, RecordedEvent, RequestOrigin};
use crate::domain::ended_sessions::End;
use crate::domain::ids::{AuditEventId, RequestId, SessionId, UserId, WebhookId, least_of, made_at};
use crate::domain::oauth::client::ClientRef;
use crate::domain::policy::numbers::EVENT_AFTER_REQUEST;
use crate::domain::session_end::{END_EVENTS, PENDING};
use crate::domain::statistics::{Span, Tally};

/// Writes the events of one request, in order.
pub fn insert(
    connection: &mut PgConnection,
    events: &[(AuditEventId, AuditEvent)],
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = |(id, event): &(AuditEventId, AuditEvent)| {
        (
            audit_events::id.eq(id.uuid()),
            audit_events::subject_id.eq(event.subject(*id)),
            audit_events::occurred_at.eq(now),
            audit_events::event.eq(event.name.as_str()),
            audit_events::success.eq(event.success),
            audit_events::reason.eq(event.reason),
            audit_events::user_id.eq(event.user_id.map(UserId::uuid)),
            audit_events::session_id.eq(event.session_id.map(SessionId::uuid)),
            audit_events::client_id.eq(event.client.as_ref().map(|client| client.id.uuid())),
            audit_events::client_url.eq(event
                .client
                .as_ref()
                .and_then(|client| client.url.clone())
                .map(String::from)),
            audit_events::provider.eq(event.provider.as_ref().map(|provider| provider.as_str().to_owned())),
            audit_events::webhook_id.eq(event.webhook_id.map(WebhookId::uuid)),
            audit_events::actor_id.eq(event.actor_id.map(UserId::uuid)),
            audit_events::request_id.eq(origin.request_id.uuid()),
            audit_events::ip.eq(origin.ip.map(IpNetwork::from)),
            audit_events::user_agent.eq(origin.user_agent.clone()),
            audit_events::identifier_hash.eq(event.identifier_hash.map(Vec::from)),
            audit_events::route.eq(origin.route.clone()),
        )
    };
    // One or two rows per statement: nearly all requests write no more, and only a statement with a fixed text stays
    // prepared.
    let (pairs, rest) = events.as_chunks();
    for [one, two] in pairs {
        CachedStatement(diesel::insert_into(audit_events::table).values([row(one), row(two)])).execute(connection)?;
    }
    for one in rest {
        CachedStatement(diesel::insert_into(audit_events::table).values(row(one))).execute(connection)?;
    }
    Ok(())
}

/// Lists the events that match a filter, newest first, starting after `before` if it is given.
pub fn page(
    connection: &mut PgConnection,
    filter: &EventFilter,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut query = audit_events::table
        .order(audit_events::id.desc())
        .limit(most)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(audit_events::id.lt(before.uuid()));
    }
    load(connection, filter, query)
}

/// Lists the events that match a filter and are between two ids, oldest first.
pub fn between(
    connection: &mut PgConnection,
    filter: &EventFilter,
    (after, below): (Option<AuditEventId>, AuditEventId),
    most: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut query = audit_events::table
        .filter(audit_events::id.lt(below.uuid()))
        .order(audit_events::id.asc())
        .limit(most)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(audit_events::id.gt(after.uuid()));
    }
    load(connection, filter, query)
}

type EventQuery<'a> = BoxedSelectStatement<'a, AsSelect<EventRow, Pg>, FromClause<audit_events::table>, Pg>;

fn load(
    connection: &mut PgConnection,
    filter: &EventFilter,
    mut query: EventQuery<'_>,
) -> Result<Vec<RecordedEvent>, StoreError> {
    if let Some(user_id) = filter.user_id {
        query = query.filter(audit_events::subject_id.eq(user_id.uuid()));
    }
    if let Some(event) = filter.event.clone() {
        query = query.filter(audit_events::event.eq(event));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_events::occurred_at.ge(since));
    }
    let rows: Vec<EventRow> = query.load(connection)?;
    Ok(rows.into_iter().map(RecordedEvent::from).collect())
}

/// Finds one event by the key of its row.
pub fn find(
    connection: &mut PgConnection,
    (subject_id, id, occurred_at): (Uuid, AuditEventId, DateTime<Utc>),
) -> Result<Option<RecordedEvent>, StoreError> {
    let row: Option<EventRow> = audit_events::table
        .find((subject_id, id.uuid(), occurred_at))
        .select(EventRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(RecordedEvent::from))
}

#[derive(QueryableByName)]
struct TallyRow {
    #[diesel(sql_type = Integer)]
    step: i32,
    #[diesel(sql_type = BigInt)]
    read: i64,
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

/// Counts the newest events of a name. No more rows are read than are counted: event and id are compared and ordered
/// together, which only the index on both does, because PostgreSQL would read the index on the id alone where the event
/// is frequent. Ids begin with a time, so a step is an interval of ids. The time leaves out the partitions of other
/// months.
pub const TALLY: &str = "SELECT width_bucket(id, $1) - 1 AS step, count(*) AS read, \
         count(*) FILTER (WHERE $2 IS NULL OR reason IS DISTINCT FROM $2) AS counted \
     FROM (SELECT id, reason FROM audit_events WHERE (event, id) >= ($3, $4) AND (event, id) <= ($3, $5) \
             AND occurred_at >= $6 ORDER BY event DESC, id DESC LIMIT $7) AS newest \
     GROUP BY 1";

/// Counts the newest events of a name in each step of a span, at most `most`. Those with the reason `without` are
/// looked at and not counted.
pub fn tally(
    connection: &mut PgConnection,
    event: EventName,
    without: Option<&str>,
    span: &Span,
    most: u32,
) -> Result<Vec<Tally>, StoreError> {
    let starts: Vec<Uuid> = span.starts().iter().copied().map(least_of).collect();
    let first = starts.first().copied().unwrap_or_default();
    let rows: Vec<TallyRow> = diesel::sql_query(TALLY)
        .bind::<Array<SqlUuid>, _>(&starts)
        .bind::<Nullable<Text>, _>(without)
        .bind::<Text, _>(event.as_str())
        .bind::<SqlUuid, _>(first)
        .bind::<SqlUuid, _>(Uuid::max())
        .bind::<Timestamptz, _>(made_at(first) - EVENT_AFTER_REQUEST)
        .bind::<BigInt, _>(i64::from(most))
        .load(connection)?;
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    let tally = |row: TallyRow| Tally {
        step: usize::try_from(row.step).unwrap_or_default(),
        read: number(row.read),
        counted: number(row.counted),
    };
    Ok(rows.into_iter().map(tally).collect())
}

#[derive(QueryableByName)]
struct Age {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

// Transactions of this program by the name of its connections, from their begin, so that it does not matter how long a
// statement is on its way; and whatever else has written to the trail: each writer locks the table until its end. A
// backup, which only reads, must not hold a reader of the trail up. For a role without the right to see its begin, a
// transaction may be a day old.
const OLDEST_WRITER: &str = "SELECT coalesce(extract(epoch FROM max(coalesce(clock_timestamp() - xact_start, '1 day'))), 0)::float8 AS seconds \
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
     AND ((xact_start IS NOT NULL AND (application_name = $1 OR application_name LIKE $1 || ' %')) \
          OR pid IN (SELECT pid FROM pg_locks WHERE relation = 'audit_events'::regclass AND mode = 'RowExclusiveLock'))";

// On Citus an instance may be connected to any of the servers. A transaction that wrote on several of them may also be
// prepared on one, after the server died that had begun it, and be committed later. None is prepared long after it
// began: half a minute is more than its statements may take.
const OLDEST_WRITER_ON_CITUS: &str = "SELECT greatest( \
     (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0) FROM citus_stat_activity \
       WHERE datname = current_database() AND global_pid <> citus_backend_gpid() AND NOT is_worker_query \
         AND (application_name = $1 OR application_name LIKE $1 || ' %')), \
     (SELECT coalesce(max(result::float8), 0) FROM run_command_on_all_nodes('SELECT coalesce(extract(epoch FROM \
         max(clock_timestamp() - prepared)) + 30, 0) FROM pg_prepared_xacts WHERE database = current_database()') \
       WHERE success))::float8 AS seconds";

/// Returns how long the oldest transaction has been open that may write to the trail.
pub fn oldest_writer(connection: &mut PgConnection) -> Result<TimeDelta, StoreError> {
    let oldest = if distribution::has_citus(connection)? {
        OLDEST_WRITER_ON_CITUS
    } else {
        OLDEST_WRITER
    };
    let age: Age = diesel::sql_query(oldest)
        .bind::<Text, _>(CONNECTION_NAME)
        .get_result(connection)?;
    let age = Duration::try_from_secs_f64(age.seconds).unwrap_or_default();
    Ok(TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX))
}

/// Lists the newest ends of sessions that had tokens, from an event on, in their order.
pub fn newest_ends(connection: &mut PgConnection, from: Uuid, most: usize) -> Result<Vec<End>, StoreError> {
    let newest = ends_from(from).order(audit_events::id.desc()).limit(as_limit(most));
    let rows: Vec<(Uuid, Uuid)> = newest.load(connection)?;
    Ok(rows.into_iter().rev().map(end).collect())
}

/// Lists the ends of sessions that had tokens that come first from an event on, in their order.
pub fn next_ends(connection: &mut PgConnection, from: Uuid, most: usize) -> Result<Vec<End>, StoreError> {
    let next = ends_from(from).order(audit_events::id).limit(as_limit(most));
    let rows: Vec<(Uuid, Uuid)> = next.load(connection)?;
    Ok(rows.into_iter().map(end).collect())
}

/// The ends of sessions that had tokens. The index on event and id finds them; the time leaves out the partitions of
/// earlier months, in which every event is older. An id is made a little after the request began, whose time the row has.
#[diesel::dsl::auto_type]
fn ends_from(from: Uuid) -> _ {
    let names: [&'static str; 4] = END_EVENTS.map(EventName::as_str);
    let (since, pending): (DateTime<Utc>, &'static str) = (made_at(from) - EVENT_AFTER_REQUEST, PENDING);
    audit_events::table
        .filter(audit_events::event.eq_any(names))
        .filter(audit_events::id.ge(from))
        .filter(audit_events::occurred_at.ge(since))
        .filter(audit_events::reason.is_distinct_from(pending))
        .filter(audit_events::session_id.is_not_null())
        .select((audit_events::id, audit_events::session_id.assume_not_null()))
}

fn as_limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn end((event, session): (Uuid, Uuid)) -> End {
    (AuditEventId::from_uuid(event), SessionId::from_uuid(session))
}

/// Creates the partitions for the month of `moment` and for the next month, and drops one that is past its retention.
/// Returns how many it created and dropped. A partition that is locked is left for the next run; if another instance is
/// doing this, nothing happens. A worker of a Citus cluster has the coordinator do it, since only that may change tables.
pub fn tend(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    if distribution::is_worker(connection)? {
        let done = distribution::on_coordinator(connection, &format!("SELECT audit_events_tend('{moment:?}')"))?;
        return Ok(done.parse().unwrap_or_default());
    }
    let done: i32 = diesel::select(audit_events_tend(moment)).get_result(connection)?;
    Ok(usize::try_from(done).unwrap_or_default())
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Runs with the rights of the tables' owner, so that the service's role only needs to insert and read.
    fn audit_events_tend(moment: Timestamptz) -> Integer;
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(Pg))]
struct EventRow {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    event: String,
    success: bool,
    reason: Option<String>,
    user_id: Option<Uuid>,
    session_id: Option<Uuid>,
    client_id: Option<Uuid>,
    client_url: Option<String>,
    provider: Option<String>,
    webhook_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    request_id: Uuid,
    route: Option<String>,
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
            user_id: row.user_id.map(UserId::from_uuid),
            session_id: row.session_id.map(SessionId::from_uuid),
            client: row.client_id.map(|id| ClientRef::from_stored(id, row.client_url)),
            provider: row.provider,
            webhook_id: row.webhook_id.map(WebhookId::from_uuid),
            actor_id: row.actor_id.map(UserId::from_uuid),
            request_id: RequestId::from_uuid(row.request_id),
            route: row.route,
            ip: row.ip.map(|network| network.ip()),
            user_agent: row.user_agent,
        }
    }
}
