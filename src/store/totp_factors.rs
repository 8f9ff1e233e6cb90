//! The `totp_factors` table: at most one active secret per user, and one pending secret per session.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::schema::totp_factors;
use crate::domain::factor::FactorState;
use crate::domain::ids::{SessionId, TotpFactorId, UserId};
use crate::domain::session::SessionKey;
use crate::domain::totp::TimeStep;

/// A secret, as a code is compared with it.
pub struct StoredSecret {
    /// Its row.
    pub id: TotpFactorId,
    /// Whether it was confirmed.
    pub state: FactorState,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
    /// The last time step that was used.
    pub last_step: Option<TimeStep>,
}

/// A secret that waits for its first code.
pub struct NewPendingFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Its user.
    pub user_id: UserId,
    /// The session that began the enrolment; no other one can confirm it.
    pub session_id: SessionId,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
    /// When it is created.
    pub now: DateTime<Utc>,
    /// Until when it can be confirmed.
    pub expires_at: DateTime<Utc>,
}

/// A secret that was confirmed in another system and is imported with its account.
pub struct NewActiveFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Its user.
    pub user_id: UserId,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
}

/// Adds confirmed secrets to accounts that were created in this transaction. None of their time steps counts as used.
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
                totp_factors::state.eq(FactorState::Active),
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

/// Replaces the pending secret that the session began before with a new one. An active secret stays, and so do those
/// that other sessions began. Expired pending secrets of the user are removed.
///
/// The caller has locked the user's row, so that concurrent enrolments and confirmations are serialized.
pub fn replace_pending(connection: &mut PgConnection, new: &NewPendingFactor) -> Result<(), StoreError> {
    let replaced = totp_factors::session_id
        .eq(new.session_id.uuid())
        .or(totp_factors::expires_at.le(new.now));
    let pending = of_user(new.user_id).filter(totp_factors::state.eq(FactorState::Pending));
    diesel::delete(pending.filter(replaced.assume_not_null())).execute(connection)?;
    diesel::insert_into(totp_factors::table)
        .values((
            totp_factors::id.eq(new.id.uuid()),
            totp_factors::user_id.eq(new.user_id.uuid()),
            totp_factors::state.eq(FactorState::Pending),
            totp_factors::session_id.eq(new.session_id.uuid()),
            totp_factors::sealed_secret.eq(&new.sealed_secret),
            totp_factors::created_at.eq(new.now),
            totp_factors::expires_at.eq(new.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Finds the confirmed secret of a user.
pub fn find_active(connection: &mut PgConnection, user_id: UserId) -> Result<Option<StoredSecret>, StoreError> {
    let row: Option<SecretRow> = of_user(user_id)
        .filter(totp_factors::state.eq(FactorState::Active))
        .select(SecretRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredSecret::from))
}

/// Finds the pending secret whose enrolment this session began. One that another session began is not found, so that a
/// user cannot confirm a secret that another session enrolled.
pub fn find_pending(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<StoredSecret>, StoreError> {
    let row: Option<SecretRow> = of_user(key.user_id)
        .filter(totp_factors::state.eq(FactorState::Pending))
        .filter(totp_factors::session_id.eq(key.session_id.uuid()))
        .filter(totp_factors::expires_at.gt(now))
        .select(SecretRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredSecret::from))
}

/// Removes a user's pending secrets, except for one that the session `kept` began.
pub fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // No session has the nil id.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    let pending = of_user(user_id)
        .filter(totp_factors::state.eq(FactorState::Pending))
        .filter(totp_factors::session_id.is_distinct_from(kept));
    diesel::delete(pending).execute(connection)?;
    Ok(())
}

/// Uses up a time step of an active secret. Of several concurrent calls one succeeds (RFC 6238 §5.2).
pub fn advance_step(
    connection: &mut PgConnection,
    user_id: UserId,
    id: TotpFactorId,
    step: TimeStep,
) -> Result<bool, StoreError> {
    let behind = of_user(user_id)
        .filter(totp_factors::id.eq(id.uuid()))
        .filter(totp_factors::state.eq(FactorState::Active))
        .filter(totp_factors::last_step.lt(step.0));
    let spending = diesel::update(behind).set(totp_factors::last_step.eq(step.0));
    Ok(CachedStatement(spending).execute(connection)? == 1)
}

/// Confirms a pending secret with the time step of its first code, which is thereby used up. All other secrets of the
/// user are removed: the active one, and those that other sessions began. The caller has locked the user's row and has
/// found the secret pending, so that of several concurrent requests only one gets here.
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
            .filter(totp_factors::state.eq(FactorState::Pending))
            .filter(totp_factors::expires_at.gt(now)),
    )
    .set((
        totp_factors::state.eq(FactorState::Active),
        totp_factors::last_step.eq(step.0),
        totp_factors::confirmed_at.eq(now),
        totp_factors::expires_at.eq(None::<DateTime<Utc>>),
        // From now on the factor belongs to the account and outlives the session.
        totp_factors::session_id.eq(None::<Uuid>),
    ))
    .execute(connection)?;
    if updated == 1 {
        Ok(())
    } else {
        // Retention has removed it since. The deletion above must not take effect without the update.
        Err(StoreError::Collision(diesel::result::Error::NotFound))
    }
}

/// Removes a user's secrets, including pending ones.
pub fn remove(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id)).execute(connection)?;
    Ok(())
}

/// Returns the sealed secrets of the oldest and the newest account that has one, with the row and user that each is
/// bound to.
pub fn oldest_and_newest(connection: &mut PgConnection) -> Result<Vec<(TotpFactorId, UserId, Vec<u8>)>, StoreError> {
    let columns = (totp_factors::id, totp_factors::user_id, totp_factors::sealed_secret);
    let all = totp_factors::table.select(columns).limit(1);
    let oldest = all.order((totp_factors::user_id.asc(), totp_factors::id.asc()));
    let newest = all.order((totp_factors::user_id.desc(), totp_factors::id.desc()));
    let mut found: Vec<(Uuid, Uuid, Vec<u8>)> = oldest.load(connection)?;
    found.extend(newest.load::<(Uuid, Uuid, Vec<u8>)>(connection)?);
    let named = |(id, user_id, sealed)| (TotpFactorId::from_uuid(id), UserId::from_uuid(user_id), sealed);
    Ok(found.into_iter().map(named).collect())
}

/// Returns those of several users who have a confirmed authenticator app.
pub fn confirmed_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let found: Vec<Uuid> = totp_factors::table
        .filter(totp_factors::user_id.eq_any(ids))
        .filter(totp_factors::state.eq(FactorState::Active))
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
struct SecretRow {
    id: Uuid,
    state: FactorState,
    sealed_secret: Vec<u8>,
    last_step: Option<i64>,
}

impl From<SecretRow> for StoredSecret {
    fn from(row: SecretRow) -> Self {
        Self {
            id: TotpFactorId::from_uuid(row.id),
            state: row.state,
            sealed_secret: row.sealed_secret,
            last_step: row.last_step.map(TimeStep),
        }
    }
}
