//! The `outbox` table: messages to users, written in the transaction that caused them.
//!
//! An instance takes a message by moving its next attempt past the longest time that sending may last. Another instance
//! therefore takes it only if this one died. The result that an instance reports later counts only if no other instance
//! has taken the message in between.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::outbox;
use crate::domain::ids::MessageId;
use crate::domain::message::{Channel, MessageState};

/// A message to be sent.
pub struct NewMessage {
    /// Its row.
    pub id: MessageId,
    /// The channel that it is sent through.
    pub channel: Channel,
    /// What it is about.
    pub kind: &'static str,
    /// The notification, sealed to its row.
    pub sealed_message: Vec<u8>,
    /// When it is written.
    pub now: DateTime<Utc>,
    /// The earliest time to send it.
    pub due: DateTime<Utc>,
    /// When it becomes useless to send it.
    pub expires_at: DateTime<Utc>,
}

/// A message as stored.
pub struct StoredMessage {
    /// Its row.
    pub id: MessageId,
    /// The notification, sealed to its row.
    pub sealed_message: Vec<u8>,
    /// How often it was taken, including this time.
    pub attempts: i32,
    /// How often the receiving server refused it.
    pub refusals: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it becomes useless to send it.
    pub expires_at: DateTime<Utc>,
}

/// Writes a message, or replaces the one with its id as long as no instance has taken that to send it. Returns `false`
/// if it was taken.
pub fn put(connection: &mut PgConnection, new: &NewMessage) -> Result<bool, StoreError> {
    let upsert = diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(new.id.uuid()),
            outbox::channel.eq(new.channel),
            outbox::kind.eq(new.kind),
            outbox::sealed_message.eq(&new.sealed_message),
            outbox::created_at.eq(new.now),
            outbox::next_try_at.eq(new.due),
            outbox::expires_at.eq(new.expires_at),
        ))
        .on_conflict(outbox::id)
        .do_update()
        .set(outbox::sealed_message.eq(excluded(outbox::sealed_message)));
    let waiting = diesel::query_dsl::methods::FilterDsl::filter(upsert, outbox::attempts.eq(0));
    Ok(waiting.execute(connection)? == 1)
}

/// Takes messages that are due, longest waiting first. No other instance takes them until `leased_until`.
pub fn take_due(
    connection: &mut PgConnection,
    channel: Channel,
    most: i64,
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
) -> Result<Vec<StoredMessage>, StoreError> {
    let due: Vec<Uuid> = outbox::table
        .filter(outbox::state.eq(MessageState::Pending))
        .filter(outbox::channel.eq(channel))
        .filter(outbox::next_try_at.le(now))
        .order(outbox::next_try_at)
        .limit(most)
        .select(outbox::id)
        .for_update()
        .skip_locked()
        .load(connection)?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<MessageRow> = diesel::update(outbox::table.filter(outbox::id.eq_any(due)))
        .set((
            outbox::attempts.eq(outbox::attempts + 1),
            outbox::next_try_at.eq(leased_until),
        ))
        .returning(MessageRow::as_returning())
        .get_results(connection)?;
    Ok(rows.into_iter().map(StoredMessage::from).collect())
}

/// Removes a message that was delivered, unless it has been taken again since.
pub fn remove_sent(connection: &mut PgConnection, message: &StoredMessage) -> Result<bool, StoreError> {
    Ok(diesel::delete(taken(message.id, message.attempts)).execute(connection)? == 1)
}

/// Stores why a message was not sent, and when to try again.
pub fn postpone(
    connection: &mut PgConnection,
    message: &StoredMessage,
    next_try_at: DateTime<Utc>,
    refusals: i32,
    why: &str,
) -> Result<(), StoreError> {
    diesel::update(taken(message.id, message.attempts))
        .set((
            outbox::next_try_at.eq(next_try_at),
            outbox::refusals.eq(refusals),
            outbox::last_error.eq(why),
        ))
        .execute(connection)?;
    Ok(())
}

/// Gives up on a message. The row stays for operators.
pub fn give_up(
    connection: &mut PgConnection,
    message: &StoredMessage,
    refusals: i32,
    why: &str,
) -> Result<(), StoreError> {
    diesel::update(taken(message.id, message.attempts))
        .set((
            outbox::state.eq(MessageState::Dead),
            outbox::refusals.eq(refusals),
            outbox::last_error.eq(why),
        ))
        .execute(connection)?;
    Ok(())
}

/// Lists messages of any state, newest first.
pub fn list(
    connection: &mut PgConnection,
    channel: Option<Channel>,
    most: i64,
) -> Result<Vec<(Channel, StoredMessage)>, StoreError> {
    let mut query = outbox::table
        .order((outbox::created_at.desc(), outbox::id.desc()))
        .limit(most)
        .select((outbox::channel, MessageRow::as_select()))
        .into_boxed();
    if let Some(channel) = channel {
        query = query.filter(outbox::channel.eq(channel));
    }
    let rows: Vec<(Channel, MessageRow)> = query.load(connection)?;
    Ok(rows.into_iter().map(|(channel, row)| (channel, row.into())).collect())
}

/// The number and ages of a channel's messages in one state.
pub struct Tally {
    /// Their channel.
    pub channel: Channel,
    /// Whether they were given up.
    pub dead: bool,
    /// How many there are.
    pub number: i64,
    /// When the oldest was written.
    pub oldest: DateTime<Utc>,
    /// When the earliest next attempt is due.
    pub due: DateTime<Utc>,
}

/// Counts the messages by channel and state.
pub fn tally(connection: &mut PgConnection) -> Result<Vec<Tally>, StoreError> {
    type Row = (Channel, MessageState, i64, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = outbox::table
        .group_by((outbox::channel, outbox::state))
        .select((
            outbox::channel,
            outbox::state,
            count_star(),
            min(outbox::created_at),
            min(outbox::next_try_at),
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(channel, state, number, oldest, due)| {
            Ok(Tally {
                channel,
                dead: state == MessageState::Dead,
                number,
                oldest: oldest.ok_or(StoreError::Corrupt("outbox.created_at"))?,
                due: due.ok_or(StoreError::Corrupt("outbox.next_try_at"))?,
            })
        })
        .collect()
}

/// Removes all messages.
pub fn clear(connection: &mut PgConnection) -> Result<(), StoreError> {
    diesel::delete(outbox::table).execute(connection)?;
    Ok(())
}

/// Deletes up to `most` rows that were created before an id. Rows that another transaction has locked are left for the
/// next run. Returns how many were deleted.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    let old: Vec<Uuid> = outbox::table
        .filter(outbox::id.lt(id))
        .order(outbox::id)
        .limit(most)
        .select(outbox::id)
        .for_update()
        .skip_locked()
        .load(connection)?;
    Ok(diesel::delete(outbox::table.filter(outbox::id.eq_any(old))).execute(connection)?)
}

/// The message, as long as no other instance has taken it.
#[diesel::dsl::auto_type]
fn taken(id: MessageId, attempts: i32) -> _ {
    let id: Uuid = id.uuid();
    outbox::table
        .filter(outbox::id.eq(id))
        .filter(outbox::attempts.eq(attempts))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(Pg))]
struct MessageRow {
    id: Uuid,
    sealed_message: Vec<u8>,
    attempts: i32,
    refusals: i32,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<MessageRow> for StoredMessage {
    fn from(row: MessageRow) -> Self {
        Self {
            id: MessageId::from_uuid(row.id),
            sealed_message: row.sealed_message,
            attempts: row.attempts,
            refusals: row.refusals,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}
