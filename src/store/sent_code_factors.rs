//! The `out_of_band_factors` table: second factors by mail and text message, at most one active and one pending per
//! channel.
//!
//! The caller has locked the user's row, so that changes to one user's factors are serialized.

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
    /// Whether it was confirmed. A pending one waits for its first code.
    pub active: bool,
    /// The phone number, sealed to its row; `None` for mail, which goes to the account's address.
    pub sealed_phone_number: Option<Vec<u8>>,
    /// When its enrolment began.
    pub created_at: DateTime<Utc>,
    /// When its first code was right.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When one of its codes last completed a login.
    pub last_used_at: Option<DateTime<Utc>>,
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

/// Lists the factors that wait for their first codes and whose enrolment this session began. Those that other sessions
/// began are left out, so that a user cannot confirm a factor that another session enrolled.
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

/// Removes a user's pending factors, except for those that the session `kept` began.
pub fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // No session has the nil id.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    let pending = out_of_band_factors::table
        .filter(out_of_band_factors::user_id.eq(user_id.uuid()))
        .filter(out_of_band_factors::state.eq("pending"))
        .filter(out_of_band_factors::session_id.is_distinct_from(kept));
    diesel::delete(pending).execute(connection)?;
    Ok(())
}

/// Replaces the active factor of a channel with the pending one. Returns whether there was one to confirm.
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
            // From now on the factor belongs to the account and outlives the session.
            out_of_band_factors::session_id.eq(None::<Uuid>),
        ))
        .execute(connection)?;
    Ok(updated == 1)
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
    let active = of_user(user_id, channel).filter(out_of_band_factors::state.eq("active"));
    let updated = diesel::update(active)
        .set(out_of_band_factors::last_used_at.eq(now))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Lists the confirmed factors of several users.
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
