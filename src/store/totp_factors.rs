//! The `totp_factors` table: at most one active secret a user, and one pending secret a session.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::schema::totp_factors;
use crate::domain::ids::{SessionId, TotpFactorId, UserId};
use crate::domain::session::SessionKey;
use crate::domain::totp::TimeStep;

/// A secret as stored.
pub struct StoredFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Whether it was confirmed; a pending one waits for its first code.
    pub active: bool,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
    /// The last step used.
    pub last_step: Option<TimeStep>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its first code was right.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// A secret that waits for its first code.
pub struct NewPendingFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session that begins it: no other one confirms it.
    pub session_id: SessionId,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
    /// When it was made.
    pub now: DateTime<Utc>,
    /// Until when it may be confirmed.
    pub expires_at: DateTime<Utc>,
}

/// A secret that was confirmed elsewhere, before its owner came here.
pub struct NewActiveFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
}

/// Gives accounts that were made in this transaction their authenticators. No step of them was used here.
pub fn insert_active(
    connection: &mut PgConnection,
    new: &[&NewActiveFactor],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = new
        .iter()
        .map(|factor| {
            (
                totp_factors::id.eq(factor.id.uuid()),
                totp_factors::user_id.eq(factor.user_id.uuid()),
                totp_factors::state.eq("active"),
                totp_factors::sealed_secret.eq(&factor.sealed_secret),
                totp_factors::last_step.eq(TimeStep::NONE_USED.0),
                totp_factors::created_at.eq(now),
                totp_factors::confirmed_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(totp_factors::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}

/// Puts a new pending secret in the place of the one that the session began before; an active secret stays, and so do those
/// that other sessions began. Those of the user that were not confirmed in time go.
///
/// The caller holds the user's row: two of these at once, or one beside a confirmation, take turns.
pub fn replace_pending(connection: &mut PgConnection, new: &NewPendingFactor) -> Result<(), StoreError> {
    let replaced = totp_factors::session_id
        .eq(new.session_id.uuid())
        .or(totp_factors::expires_at.le(new.now));
    let pending = of_user(new.user_id).filter(totp_factors::state.eq("pending"));
    diesel::delete(pending.filter(replaced.assume_not_null())).execute(connection)?;
    diesel::insert_into(totp_factors::table)
        .values((
            totp_factors::id.eq(new.id.uuid()),
            totp_factors::user_id.eq(new.user_id.uuid()),
            totp_factors::state.eq("pending"),
            totp_factors::session_id.eq(new.session_id.uuid()),
            totp_factors::sealed_secret.eq(&new.sealed_secret),
            totp_factors::created_at.eq(new.now),
            totp_factors::expires_at.eq(new.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Finds the confirmed secret of a user.
pub fn find_active(connection: &mut PgConnection, user_id: UserId) -> Result<Option<StoredFactor>, StoreError> {
    let row: Option<FactorRow> = of_user(user_id)
        .filter(totp_factors::state.eq("active"))
        .select(FactorRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredFactor::from))
}

/// Finds the secret that a session began and that waits for its first code. One that another session began does not exist
/// here: nobody can confirm what they did not ask for.
pub fn find_pending(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<StoredFactor>, StoreError> {
    let row: Option<FactorRow> = of_user(key.user_id)
        .filter(totp_factors::state.eq("pending"))
        .filter(totp_factors::session_id.eq(key.session_id.uuid()))
        .filter(totp_factors::expires_at.gt(now))
        .select(FactorRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredFactor::from))
}

/// Removes the secrets of a user that wait for their first code, unless the kept session began it.
pub fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // The nil id is no session's.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    let pending = of_user(user_id)
        .filter(totp_factors::state.eq("pending"))
        .filter(totp_factors::session_id.is_distinct_from(kept));
    diesel::delete(pending).execute(connection)?;
    Ok(())
}

/// Spends a step of an active secret: of many at once, one succeeds (RFC 6238 §5.2).
pub fn advance_step(
    connection: &mut PgConnection,
    user_id: UserId,
    id: TotpFactorId,
    step: TimeStep,
) -> Result<bool, StoreError> {
    let behind = of_user(user_id)
        .filter(totp_factors::id.eq(id.uuid()))
        .filter(totp_factors::state.eq("active"))
        .filter(totp_factors::last_step.lt(step.0));
    let spending = diesel::update(behind).set(totp_factors::last_step.eq(step.0));
    Ok(CachedStatement(spending).execute(connection)? == 1)
}

/// Confirms a pending secret with the step of its first code, which is thereby spent. All others of the user go: the active
/// one, and those that other sessions began. The caller holds the user's row and has found the secret pending, so of many at once one comes here.
pub fn confirm(
    connection: &mut PgConnection,
    user_id: UserId,
    id: TotpFactorId,
    step: TimeStep,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id).filter(totp_factors::id.ne(id.uuid()))).execute(connection)?;
    let updated = diesel::update(
        of_user(user_id)
            .filter(totp_factors::id.eq(id.uuid()))
            .filter(totp_factors::state.eq("pending"))
            .filter(totp_factors::expires_at.gt(now)),
    )
    .set((
        totp_factors::state.eq("active"),
        totp_factors::last_step.eq(step.0),
        totp_factors::confirmed_at.eq(now),
        totp_factors::expires_at.eq(None::<DateTime<Utc>>),
        // The factor is the account's from now on, and outlives the session.
        totp_factors::session_id.eq(None::<Uuid>),
    ))
    .execute(connection)?;
    if updated == 1 {
        Ok(())
    } else {
        // The deletion above must not stand without it.
        Err(StoreError::Collision(diesel::result::Error::NotFound))
    }
}

/// Removes a user's secrets, pending ones included.
pub fn remove(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id)).execute(connection)?;
    Ok(())
}

/// Returns the oldest and the newest sealed secret, with the place where each lies.
pub fn oldest_and_newest(connection: &mut PgConnection) -> Result<Vec<(TotpFactorId, UserId, Vec<u8>)>, StoreError> {
    let columns = (totp_factors::id, totp_factors::user_id, totp_factors::sealed_secret);
    let all = totp_factors::table.select(columns).limit(1);
    let mut found: Vec<(Uuid, Uuid, Vec<u8>)> = all.order(totp_factors::id.asc()).load(connection)?;
    found.extend(
        all.order(totp_factors::id.desc())
            .load::<(Uuid, Uuid, Vec<u8>)>(connection)?,
    );
    let named = |(id, user_id, sealed)| (TotpFactorId::from_uuid(id), UserId::from_uuid(user_id), sealed);
    Ok(found.into_iter().map(named).collect())
}

/// Returns those of some users who have confirmed an authenticator.
pub fn confirmed_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let found: Vec<Uuid> = totp_factors::table
        .filter(totp_factors::user_id.eq_any(ids))
        .filter(totp_factors::state.eq("active"))
        .select(totp_factors::user_id)
        .load(connection)?;
    Ok(found.into_iter().map(UserId::from_uuid).collect())
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId) -> _ {
    let id: Uuid = user_id.uuid();
    totp_factors::table.filter(totp_factors::user_id.eq(id))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = totp_factors, check_for_backend(Pg))]
struct FactorRow {
    id: Uuid,
    state: String,
    sealed_secret: Vec<u8>,
    last_step: Option<i64>,
    created_at: DateTime<Utc>,
    confirmed_at: Option<DateTime<Utc>>,
}

impl From<FactorRow> for StoredFactor {
    fn from(row: FactorRow) -> Self {
        Self {
            id: TotpFactorId::from_uuid(row.id),
            active: row.state == "active",
            sealed_secret: row.sealed_secret,
            last_step: row.last_step.map(TimeStep),
            created_at: row.created_at,
            confirmed_at: row.confirmed_at,
        }
    }
}
