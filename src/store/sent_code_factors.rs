//! The `sent_code_factors` table: second factors by mail and text message, at most one active and one pending per
//! channel.
//!
//! The caller has locked the user's row, so that changes to one user's factors are serialized.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::sent_code_factors;
use crate::domain::factor::FactorState;
use crate::domain::ids::{SentCodeFactorId, SessionId, UserId};
use crate::domain::message::Channel;
use crate::domain::session::SessionKey;

/// A factor, as a code is sent for it.
pub struct StoredDestination {
    /// Its row.
    pub id: SentCodeFactorId,
    /// How its codes are sent.
    pub channel: Channel,
    /// The phone number, sealed to its row; `None` for mail, which goes to the account's address.
    pub sealed_phone_number: Option<Vec<u8>>,
}

/// A factor that waits for its first code.
pub struct NewPendingFactor {
    /// Its row.
    pub id: SentCodeFactorId,
    /// Its user.
    pub user_id: UserId,
    /// The session that began the enrolment; no other one can confirm it.
    pub session_id: SessionId,
    /// How its codes are sent.
    pub channel: Channel,
    /// The phone number, sealed to its row.
    pub sealed_phone_number: Option<Vec<u8>>,
    /// When the enrolment begins.
    pub now: DateTime<Utc>,
    /// Until when it can be confirmed.
    pub expires_at: DateTime<Utc>,
}

/// Replaces the pending factor with a new one. An active factor stays.
pub fn replace_pending(connection: &mut PgConnection, new: &NewPendingFactor) -> Result<(), StoreError> {
    let old = of_user(new.user_id, new.channel).filter(sent_code_factors::state.eq(FactorState::Pending));
    diesel::delete(old).execute(connection)?;
    diesel::insert_into(sent_code_factors::table)
        .values((
            sent_code_factors::id.eq(new.id.uuid()),
            sent_code_factors::user_id.eq(new.user_id.uuid()),
            sent_code_factors::channel.eq(new.channel),
            sent_code_factors::state.eq(FactorState::Pending),
            sent_code_factors::session_id.eq(new.session_id.uuid()),
            sent_code_factors::sealed_phone_number.eq(new.sealed_phone_number.as_deref()),
            sent_code_factors::created_at.eq(new.now),
            sent_code_factors::expires_at.eq(new.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Lists a user's confirmed factors.
pub fn list_active(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<StoredDestination>, StoreError> {
    let rows: Vec<DestinationRow> = sent_code_factors::table
        .filter(sent_code_factors::user_id.eq(user_id.uuid()))
        .filter(sent_code_factors::state.eq(FactorState::Active))
        .order(sent_code_factors::channel)
        .select(DestinationRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredDestination::from).collect())
}

/// Lists the factors that wait for their first codes and whose enrolment this session began. Those that other sessions
/// began are left out, so that a user cannot confirm a factor that another session enrolled.
pub fn list_pending(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Vec<StoredDestination>, StoreError> {
    let rows: Vec<DestinationRow> = sent_code_factors::table
        .filter(sent_code_factors::user_id.eq(key.user_id.uuid()))
        .filter(sent_code_factors::state.eq(FactorState::Pending))
        .filter(sent_code_factors::session_id.eq(key.session_id.uuid()))
        .filter(sent_code_factors::expires_at.gt(now))
        .order(sent_code_factors::channel)
        .select(DestinationRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredDestination::from).collect())
}

/// Removes a user's pending factors, except for those that the session `kept` began.
pub fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // No session has the nil id.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    let pending = sent_code_factors::table
        .filter(sent_code_factors::user_id.eq(user_id.uuid()))
        .filter(sent_code_factors::state.eq(FactorState::Pending))
        .filter(sent_code_factors::session_id.is_distinct_from(kept));
    diesel::delete(pending).execute(connection)?;
    Ok(())
}

/// Replaces the active factor of a channel with the pending one, which the caller has found.
pub fn confirm(
    connection: &mut PgConnection,
    user_id: UserId,
    id: SentCodeFactorId,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let replaced = of_user(user_id, channel).filter(sent_code_factors::id.ne(id.uuid()));
    diesel::delete(replaced).execute(connection)?;
    let pending = of_user(user_id, channel)
        .filter(sent_code_factors::id.eq(id.uuid()))
        .filter(sent_code_factors::state.eq(FactorState::Pending));
    let updated = diesel::update(pending)
        .set((
            sent_code_factors::state.eq(FactorState::Active),
            sent_code_factors::confirmed_at.eq(now),
            sent_code_factors::expires_at.eq(None::<DateTime<Utc>>),
            // From now on the factor belongs to the account and outlives the session.
            sent_code_factors::session_id.eq(None::<Uuid>),
        ))
        .execute(connection)?;
    if updated == 1 {
        Ok(())
    } else {
        // Retention has removed it since. The deletion above must not take effect without the update.
        Err(StoreError::Collision(diesel::result::Error::NotFound))
    }
}

/// Removes a user's factors of a channel, including the pending one.
pub fn remove(connection: &mut PgConnection, user_id: UserId, channel: Channel) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id, channel)).execute(connection)?;
    Ok(())
}

/// Records that a code of a channel's factor was accepted.
pub fn mark_used(
    connection: &mut PgConnection,
    user_id: UserId,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let active = of_user(user_id, channel).filter(sent_code_factors::state.eq(FactorState::Active));
    let updated = diesel::update(active)
        .set(sent_code_factors::last_used_at.eq(now))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Lists the confirmed factors of several users.
pub fn confirmed_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<(UserId, Channel)>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let found: Vec<(Uuid, Channel)> = sent_code_factors::table
        .filter(sent_code_factors::user_id.eq_any(ids))
        .filter(sent_code_factors::state.eq(FactorState::Active))
        .select((sent_code_factors::user_id, sent_code_factors::channel))
        .load(connection)?;
    Ok(found
        .into_iter()
        .map(|(id, channel)| (UserId::from_uuid(id), channel))
        .collect())
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId, channel: Channel) -> _ {
    let id: Uuid = user_id.uuid();
    sent_code_factors::table
        .filter(sent_code_factors::user_id.eq(id))
        .filter(sent_code_factors::channel.eq(channel))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sent_code_factors, check_for_backend(Pg))]
struct DestinationRow {
    id: Uuid,
    channel: Channel,
    sealed_phone_number: Option<Vec<u8>>,
}

impl From<DestinationRow> for StoredDestination {
    fn from(row: DestinationRow) -> Self {
        Self {
            id: SentCodeFactorId::from_uuid(row.id),
            channel: row.channel,
            sealed_phone_number: row.sealed_phone_number,
        }
    }
}
