//! The `webhook_deliveries` table: account events for each endpoint that asked for them.
//!
//! A row is written in the transaction that caused the event, by a statement that reads the endpoints: so the database
//! decides which endpoints there are at that moment, whichever instance commits. A row has only ids; the message is made
//! of the row of the trail when it is sent.
//!
//! An instance takes a row as it takes a message of the outbox: by moving its next try past the longest time that
//! sending may last. Its report counts only if the row still has that time.

use chrono::{DateTime, Utc};
use diesel::dsl::min;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as UuidType};
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::schema::{webhook_deliveries, webhooks};
use crate::domain::account_event::AccountEventType;
use crate::domain::ids::{AuditEventId, WebhookId};
use crate::domain::policy::numbers::WEBHOOK_LIFE;
use crate::domain::webhook::{Delivery, DeliveryRef, DeliveryState, WebhookFormat, WebhookState};

/// An event that endpoints are told.
#[derive(Clone, Debug)]
pub struct ToldEvent {
    /// Its row in the trail.
    pub id: AuditEventId,
    /// The first column of the key of the trail.
    pub subject_id: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What it is.
    pub event_type: AccountEventType,
}

/// When messages are written, and when they end.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Span {
    /// Returns the span of messages that are written now.
    pub fn from(now: DateTime<Utc>) -> Self {
        Self {
            now,
            expires_at: now + WEBHOOK_LIFE,
        }
    }
}

/// Writes events for each enabled endpoint that asked for them, in one statement whatever their number.
pub fn write(connection: &mut PgConnection, events: &[ToldEvent], span: Span) -> Result<usize, StoreError> {
    let statement = Writing {
        events: Columns::of(events),
        span,
        again: None,
    };
    // Only this one stays prepared: the other has another text.
    Ok(CachedStatement(statement).execute(connection)?)
}

/// Writes events for one endpoint again. A row that is pending stays as it is, and any other becomes pending. Returns how
/// many were written.
pub fn write_again(
    connection: &mut PgConnection,
    id: WebhookId,
    events: &[ToldEvent],
    span: Span,
) -> Result<usize, StoreError> {
    let statement = Writing {
        events: Columns::of(events),
        span,
        again: Some(id.uuid()),
    };
    Ok(statement.execute(connection)?)
}

/// Writes the one message that no other endpoint gets.
pub fn write_test(connection: &mut PgConnection, named: &DeliveryRef, span: Span) -> Result<(), StoreError> {
    diesel::insert_into(webhook_deliveries::table)
        .values((
            webhook_deliveries::webhook_id.eq(named.webhook_id.uuid()),
            webhook_deliveries::event_id.eq(named.event_id.uuid()),
            webhook_deliveries::subject_id.eq(named.subject_id),
            webhook_deliveries::occurred_at.eq(named.occurred_at),
            webhook_deliveries::event_type.eq(&named.event_type),
            webhook_deliveries::next_try_at.eq(span.now),
            webhook_deliveries::created_at.eq(span.now),
            webhook_deliveries::expires_at.eq(span.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Events, column by column: the text of a statement does not depend on their number, so it stays prepared.
struct Columns {
    ids: Vec<Uuid>,
    subjects: Vec<Uuid>,
    times: Vec<DateTime<Utc>>,
    types: Vec<&'static str>,
    /// Whether Security Event Tokens can tell it.
    as_tokens: Vec<bool>,
}

impl Columns {
    fn of(events: &[ToldEvent]) -> Self {
        Self {
            ids: events.iter().map(|event| event.id.uuid()).collect(),
            subjects: events.iter().map(|event| event.subject_id).collect(),
            times: events.iter().map(|event| event.occurred_at).collect(),
            types: events.iter().map(|event| event.event_type.as_str()).collect(),
            as_tokens: events
                .iter()
                .map(|event| WebhookFormat::Caep.can_tell(event.event_type))
                .collect(),
        }
    }
}

/// Inserts a row for each event and endpoint.
struct Writing {
    events: Columns,
    span: Span,
    /// The one endpoint that gets them again.
    again: Option<Uuid>,
}

const INTO: &str = "INSERT INTO \"webhook_deliveries\" (\"webhook_id\", \"event_id\", \"subject_id\", \"occurred_at\", \
    \"event_type\", \"next_try_at\", \"created_at\", \"expires_at\") SELECT w.id, e.id, e.subject_id, e.occurred_at, \
    e.event_type, ";
const MATCHING: &str = ") AS e (id, subject_id, occurred_at, event_type, as_token) \
    JOIN \"webhooks\" w ON (w.events = '{}' OR e.event_type = ANY (w.events)) AND (w.format <> 'caep' OR e.as_token) \
    WHERE w.state = 'enabled'";
const AGAIN: &str = " ON CONFLICT (webhook_id, event_id) DO UPDATE SET state = 'pending', attempts = 0, \
    next_try_at = excluded.next_try_at, created_at = excluded.created_at, expires_at = excluded.expires_at, \
    last_status = NULL, last_error = NULL, ended_at = NULL WHERE webhook_deliveries.state <> 'pending'";

impl QueryFragment<Pg> for Writing {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(INTO);
        out.push_bind_param::<Timestamptz, _>(&self.span.now)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&self.span.now)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&self.span.expires_at)?;
        // The types are named for clients that do not send them, such as pgbench, which replays this statement.
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<UuidType>, _>(&self.events.ids)?;
        out.push_sql("::uuid[], ");
        out.push_bind_param::<Array<UuidType>, _>(&self.events.subjects)?;
        out.push_sql("::uuid[], ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.events.times)?;
        out.push_sql("::timestamptz[], ");
        out.push_bind_param::<Array<Text>, _>(&self.events.types)?;
        out.push_sql("::text[], ");
        out.push_bind_param::<Array<Bool>, _>(&self.events.as_tokens)?;
        out.push_sql("::bool[]");
        out.push_sql(MATCHING);
        if let Some(id) = &self.again {
            out.push_sql(" AND w.id = ");
            out.push_bind_param::<UuidType, _>(id)?;
            out.push_sql(AGAIN);
        }
        Ok(())
    }
}

impl QueryId for Writing {
    type QueryId = Self;

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Writing {
    type SqlType = diesel::sql_types::Untyped;
}

impl RunQueryDsl<PgConnection> for Writing {}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its endpoint.
    pub webhook_id: WebhookId,
    /// Its event.
    pub event_id: Uuid,
}

/// Finds messages that are due, of each endpoint as many as it has room for, longest waiting first, and locks them. Those
/// that another instance has locked are left out.
pub fn find_due(
    connection: &mut PgConnection,
    rooms: &[(WebhookId, usize)],
    now: DateTime<Utc>,
) -> Result<Vec<Due>, StoreError> {
    let ids: Vec<Uuid> = rooms.iter().map(|(id, _room)| id.uuid()).collect();
    let rooms = rooms.iter().map(|(_id, room)| i64::try_from(*room).unwrap_or_default());
    let rows: Vec<KeyRow> = diesel::sql_query(
        "SELECT due.webhook_id, due.event_id FROM unnest($1, $2) AS w (id, room) CROSS JOIN LATERAL (\
         SELECT webhook_id, event_id, next_try_at FROM \"webhook_deliveries\" WHERE webhook_id = w.id \
         AND state = 'pending' AND next_try_at <= $3 ORDER BY next_try_at LIMIT w.room FOR UPDATE SKIP LOCKED) AS due \
         ORDER BY due.next_try_at",
    )
    .bind::<Array<UuidType>, _>(ids)
    .bind::<Array<BigInt>, _>(rooms.collect::<Vec<i64>>())
    .bind::<Timestamptz, _>(now)
    .load(connection)?;
    let due = |row: KeyRow| Due {
        webhook_id: WebhookId::from_uuid(row.webhook_id),
        event_id: row.event_id,
    };
    Ok(rows.into_iter().map(due).collect())
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = UuidType)]
    webhook_id: Uuid,
    #[diesel(sql_type = UuidType)]
    event_id: Uuid,
}

/// A message that this instance sends.
#[derive(Clone, Debug)]
pub struct TakenDelivery {
    /// What it is about.
    pub named: DeliveryRef,
    /// How often it was taken, including this time.
    pub attempts: i32,
    /// From when on it is not tried again.
    pub expires_at: DateTime<Utc>,
    /// Until when no other instance takes it.
    leased_until: DateTime<Utc>,
}

/// Takes messages that were found due. No other instance takes them until `leased_until`.
pub fn take(
    connection: &mut PgConnection,
    due: &[Due],
    leased_until: DateTime<Utc>,
) -> Result<Vec<TakenDelivery>, StoreError> {
    let (webhook_ids, event_ids): (Vec<Uuid>, Vec<Uuid>) =
        due.iter().map(|one| (one.webhook_id.uuid(), one.event_id)).unzip();
    let rows: Vec<DeliveryRow> = diesel::sql_query(
        "UPDATE \"webhook_deliveries\" d SET attempts = d.attempts + 1, next_try_at = $3 \
         FROM unnest($1, $2) AS due (webhook_id, event_id) \
         WHERE d.webhook_id = due.webhook_id AND d.event_id = due.event_id RETURNING d.*",
    )
    .bind::<Array<UuidType>, _>(webhook_ids)
    .bind::<Array<UuidType>, _>(event_ids)
    .bind::<Timestamptz, _>(leased_until)
    .load(connection)?;
    let taken = |row: DeliveryRow| TakenDelivery {
        attempts: row.attempts,
        expires_at: row.expires_at,
        leased_until: row.next_try_at,
        named: row.named(),
    };
    Ok(rows.into_iter().map(taken).collect())
}

/// What a try came to, for the log.
#[derive(Clone, Debug)]
pub struct Told {
    /// The status of the answer.
    pub status: Option<i32>,
    /// Why the receiver did not take the message.
    pub error: Option<String>,
}

/// Stores that a message was delivered. Returns whether the row was still this instance's.
pub fn deliver(
    connection: &mut PgConnection,
    delivery: &TakenDelivery,
    told: &Told,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    end(connection, delivery, told, (DeliveryState::Delivered, now))
}

/// Gives up on a message. The row stays for operators. Returns whether the row was still this instance's.
pub fn give_up(
    connection: &mut PgConnection,
    delivery: &TakenDelivery,
    told: &Told,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    end(connection, delivery, told, (DeliveryState::Dead, now))
}

fn end(
    connection: &mut PgConnection,
    delivery: &TakenDelivery,
    told: &Told,
    (state, now): (DeliveryState, DateTime<Utc>),
) -> Result<bool, StoreError> {
    let ended = diesel::update(still_taken(delivery))
        .set((
            webhook_deliveries::state.eq(state),
            webhook_deliveries::ended_at.eq(now),
            webhook_deliveries::last_status.eq(told.status),
            webhook_deliveries::last_error.eq(&told.error),
        ))
        .execute(connection)?;
    Ok(ended == 1)
}

/// Stores why a message was not delivered, and when to try again. Returns whether the row was still this instance's.
pub fn postpone(
    connection: &mut PgConnection,
    delivery: &TakenDelivery,
    told: &Told,
    next_try_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let postponed = diesel::update(still_taken(delivery))
        .set((
            webhook_deliveries::next_try_at.eq(next_try_at),
            webhook_deliveries::last_status.eq(told.status),
            webhook_deliveries::last_error.eq(&told.error),
        ))
        .execute(connection)?;
    Ok(postponed == 1)
}

/// The row, as long as no other instance has taken it and no replay has begun it again.
#[diesel::dsl::auto_type]
fn still_taken(delivery: &TakenDelivery) -> _ {
    let webhook_id: Uuid = delivery.named.webhook_id.uuid();
    let event_id: Uuid = delivery.named.event_id.uuid();
    let attempts: i32 = delivery.attempts;
    let leased_until: DateTime<Utc> = delivery.leased_until;
    let pending: DeliveryState = DeliveryState::Pending;
    webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook_id))
        .filter(webhook_deliveries::event_id.eq(event_id))
        .filter(webhook_deliveries::state.eq(pending))
        .filter(webhook_deliveries::attempts.eq(attempts))
        .filter(webhook_deliveries::next_try_at.eq(leased_until))
}

/// Lists the messages to an endpoint, newest event first, starting after `before` if it is given.
pub fn page(
    connection: &mut PgConnection,
    id: WebhookId,
    state: Option<DeliveryState>,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let mut query = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(id.uuid()))
        .order(webhook_deliveries::event_id.desc())
        .limit(most)
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(webhook_deliveries::state.eq(state));
    }
    if let Some(before) = before {
        query = query.filter(webhook_deliveries::event_id.lt(before.uuid()));
    }
    let rows: Vec<DeliveryRow> = query.load(connection)?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

/// Finds one message.
pub fn find(
    connection: &mut PgConnection,
    id: WebhookId,
    event_id: AuditEventId,
) -> Result<Option<Delivery>, StoreError> {
    let row: Option<DeliveryRow> = webhook_deliveries::table
        .find((id.uuid(), event_id.uuid()))
        .select(DeliveryRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Delivery::from))
}

/// The number of messages in one state, and when the oldest was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// How many there are.
    pub number: i64,
    /// When the oldest was written.
    pub oldest: Option<DateTime<Utc>>,
}

/// Counts the messages in a state.
pub fn tally(connection: &mut PgConnection, state: DeliveryState) -> Result<Tally, StoreError> {
    let (number, oldest) = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(state))
        .select((diesel::dsl::count_star(), min(webhook_deliveries::created_at)))
        .get_result(connection)?;
    Ok(Tally { number, oldest })
}

/// Gives up messages whose time has passed while their endpoint was disabled. Returns how many.
pub fn give_up_ended(connection: &mut PgConnection, now: DateTime<Utc>, most: i64) -> Result<usize, StoreError> {
    let enabled: Vec<Uuid> = webhooks::table
        .filter(webhooks::state.eq(WebhookState::Enabled))
        .select(webhooks::id)
        .load(connection)?;
    let ended: Vec<(Uuid, Uuid)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(DeliveryState::Pending))
        .filter(webhook_deliveries::expires_at.le(now))
        .filter(webhook_deliveries::webhook_id.ne_all(enabled))
        .limit(most)
        .select((webhook_deliveries::webhook_id, webhook_deliveries::event_id))
        .for_update()
        .skip_locked()
        .load(connection)?;
    for key in &ended {
        diesel::update(webhook_deliveries::table.find(*key))
            .set((
                webhook_deliveries::state.eq(DeliveryState::Dead),
                webhook_deliveries::ended_at.eq(now),
                webhook_deliveries::last_error.eq("its endpoint is disabled"),
            ))
            .execute(connection)?;
    }
    Ok(ended.len())
}

/// Deletes up to `most` messages that came to an end before a time. Returns how many were deleted.
pub fn delete_ended_before(
    connection: &mut PgConnection,
    state: DeliveryState,
    moment: DateTime<Utc>,
    most: i64,
) -> Result<usize, StoreError> {
    let old: Vec<(Uuid, Uuid)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(state))
        .filter(webhook_deliveries::ended_at.lt(moment))
        .order(webhook_deliveries::ended_at)
        .limit(most)
        .select((webhook_deliveries::webhook_id, webhook_deliveries::event_id))
        .for_update()
        .skip_locked()
        .load(connection)?;
    let (webhook_ids, event_ids): (Vec<Uuid>, Vec<Uuid>) = old.into_iter().unzip();
    let deleted = diesel::sql_query(
        "DELETE FROM \"webhook_deliveries\" d USING unnest($1, $2) AS old (webhook_id, event_id) \
         WHERE d.webhook_id = old.webhook_id AND d.event_id = old.event_id",
    )
    .bind::<Array<UuidType>, _>(webhook_ids)
    .bind::<Array<UuidType>, _>(event_ids)
    .execute(connection)?;
    Ok(deleted)
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            state: row.state,
            attempts: row.attempts,
            created_at: row.created_at,
            next_try_at: row.next_try_at,
            ended_at: row.ended_at,
            last_status: row.last_status,
            last_error: row.last_error.clone(),
            named: row.named(),
        }
    }
}

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = webhook_deliveries, check_for_backend(Pg))]
struct DeliveryRow {
    webhook_id: Uuid,
    event_id: Uuid,
    subject_id: Uuid,
    occurred_at: DateTime<Utc>,
    event_type: String,
    state: DeliveryState,
    attempts: i32,
    next_try_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_status: Option<i32>,
    last_error: Option<String>,
    ended_at: Option<DateTime<Utc>>,
}

impl DeliveryRow {
    fn named(self) -> DeliveryRef {
        DeliveryRef {
            webhook_id: WebhookId::from_uuid(self.webhook_id),
            event_id: AuditEventId::from_uuid(self.event_id),
            subject_id: self.subject_id,
            occurred_at: self.occurred_at,
            event_type: self.event_type,
        }
    }
}
