//! The `out_of_band_factors` table: second factors by mail and text message, at most one active and one pending a channel.
//!
//! The caller holds the user's row, so that changes of one user's factors take turns.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::out_of_band_factors;
use crate::domain::ids::{SentCodeFactorId, SessionId, UserId};
use crate::domain::message::Channel;
use crate::domain::session::SessionKey;

/// A factor as stored.
pub struct StoredFactor {
    /// Its row.
    pub id: SentCodeFactorId,
    /// How its codes are sent.
    pub channel: Channel,
    /// Whether it was confirmed; a pending one waits for its first code.
    pub active: bool,
    /// The phone number, sealed to its row; `None` for mail, which goes to the account's address.
    pub sealed_phone_number: Option<Vec<u8>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its first code was right.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When a code of it last opened the second door.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A factor that waits for its first code.
pub struct NewPendingFactor {
    /// Its row.
    pub id: SentCodeFactorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session that begins it: no other one confirms it.
    pub session_id: SessionId,
    /// How its codes are sent.
    pub channel: Channel,
    /// The phone number, sealed to its row.
    pub sealed_phone_number: Option<Vec<u8>>,
    /// When it was asked for.
    pub now: DateTime<Utc>,
    /// Until when it may be confirmed.
    pub expires_at: DateTime<Utc>,
}

/// Puts a new pending factor in the place of the old one; an active factor stays.
pub fn replace_pending(connection: &mut PgConnection, new: &NewPendingFactor) -> Result<(), StoreError> {
    let old = of_user(new.user_id, new.channel).filter(out_of_band_factors::state.eq("pending"));
    diesel::delete(old).execute(connection)?;
    diesel::insert_into(out_of_band_factors::table)
        .values((
            out_of_band_factors::id.eq(new.id.uuid()),
            out_of_band_factors::user_id.eq(new.user_id.uuid()),
            out_of_band_factors::channel.eq(new.channel.as_str()),
            out_of_band_factors::state.eq("pending"),
            out_of_band_factors::session_id.eq(new.session_id.uuid()),
            out_of_band_factors::sealed_phone_number.eq(new.sealed_phone_number.as_deref()),
            out_of_band_factors::created_at.eq(new.now),
            out_of_band_factors::expires_at.eq(new.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Lists a user's confirmed factors.
pub fn list_active(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<StoredFactor>, StoreError> {
    let rows: Vec<FactorRow> = out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq(user_id.uuid()))
        .filter(out_of_band_factors::state.eq("active"))
        .order(out_of_band_factors::channel)
        .select(FactorRow::as_select())
        .load(connection)?;
    rows.into_iter().map(FactorRow::into_factor).collect()
}

/// Lists the factors that a session began and that wait for their first codes. Those that other sessions began do not exist
/// here: nobody can confirm what they did not ask for.
pub fn list_pending(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Vec<StoredFactor>, StoreError> {
    let rows: Vec<FactorRow> = out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq(key.user_id.uuid()))
        .filter(out_of_band_factors::state.eq("pending"))
        .filter(out_of_band_factors::session_id.eq(key.session_id.uuid()))
        .filter(out_of_band_factors::expires_at.gt(now))
        .order(out_of_band_factors::channel)
        .select(FactorRow::as_select())
        .load(connection)?;
    rows.into_iter().map(FactorRow::into_factor).collect()
}

/// Removes the factors of a user that wait for their first codes, but for those that the kept session began.
pub fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // The nil id is no session's.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    let pending = out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq(user_id.uuid()))
        .filter(out_of_band_factors::state.eq("pending"))
        .filter(out_of_band_factors::session_id.is_distinct_from(kept));
    diesel::delete(pending).execute(connection)?;
    Ok(())
}

/// Puts the pending factor of a channel in the place of the active one. Returns whether there was one to confirm.
pub fn confirm(
    connection: &mut PgConnection,
    user_id: UserId,
    id: SentCodeFactorId,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let replaced = of_user(user_id, channel).filter(out_of_band_factors::id.ne(id.uuid()));
    diesel::delete(replaced).execute(connection)?;
    let pending = out_of_band_factors::table
        .filter(out_of_band_factors::id.eq(id.uuid()))
        .filter(out_of_band_factors::state.eq("pending"));
    let updated = diesel::update(pending)
        .set((
            out_of_band_factors::state.eq("active"),
            out_of_band_factors::confirmed_at.eq(now),
            out_of_band_factors::expires_at.eq(None::<DateTime<Utc>>),
            // The factor is the account's from now on, and outlives the session.
            out_of_band_factors::session_id.eq(None::<Uuid>),
        ))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Removes a user's factor of a channel, the pending one included.
pub fn remove(connection: &mut PgConnection, user_id: UserId, channel: Channel) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id, channel)).execute(connection)?;
    Ok(())
}

/// Notes that a code of a channel's factor opened the second door.
pub fn mark_used(
    connection: &mut PgConnection,
    user_id: UserId,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let active = of_user(user_id, channel).filter(out_of_band_factors::state.eq("active"));
    let updated = diesel::update(active)
        .set(out_of_band_factors::last_used_at.eq(now))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Returns the confirmed factors of some users.
pub fn confirmed_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<(UserId, Channel)>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let found: Vec<(Uuid, String)> = out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq_any(ids))
        .filter(out_of_band_factors::state.eq("active"))
        .select((out_of_band_factors::user_id, out_of_band_factors::channel))
        .load(connection)?;
    let known = |(id, channel): (Uuid, String)| {
        let channel = Channel::parse(&channel).ok_or(StoreError::Corrupt("out_of_band_factors.channel"))?;
        Ok((UserId::from_uuid(id), channel))
    };
    found.into_iter().map(known).collect()
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId, channel: Channel) -> _ {
    let id: Uuid = user_id.uuid();
    let name: &'static str = channel.as_str();
    out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq(id))
        .filter(out_of_band_factors::channel.eq(name))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = out_of_band_factors, check_for_backend(Pg))]
struct FactorRow {
    id: Uuid,
    channel: String,
    state: String,
    sealed_phone_number: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    confirmed_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl FactorRow {
    fn into_factor(self) -> Result<StoredFactor, StoreError> {
        Ok(StoredFactor {
            id: SentCodeFactorId::from_uuid(self.id),
            channel: Channel::parse(&self.channel).ok_or(StoreError::Corrupt("out_of_band_factors.channel"))?,
            active: self.state == "active",
            sealed_phone_number: self.sealed_phone_number,
            created_at: self.created_at,
            confirmed_at: self.confirmed_at,
            last_used_at: self.last_used_at,
        })
    }
}
