//! The `totp_factors` table: at most one active and one pending secret a user.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text, Timestamptz};
use diesel::{IntoSql, PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::{totp_factors, users};
use crate::domain::ids::{TotpFactorId, UserId};
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
}

/// A secret that waits for its first code.
pub struct NewPendingFactor {
    /// Its row.
    pub id: TotpFactorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The secret, sealed to its row.
    pub sealed_secret: Vec<u8>,
    /// When it was made.
    pub now: DateTime<Utc>,
    /// Until when it may be confirmed.
    pub expires_at: DateTime<Utc>,
}

/// Puts a new pending secret in the place of the old one, as long as the user has no confirmed factor.
///
/// The caller holds the user's row: two of these at once, or one beside a confirmation, take turns.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn replace_pending(connection: &mut PgConnection, new: &NewPendingFactor) -> Result<bool, StoreError> {
    diesel::delete(of_user(new.user_id).filter(totp_factors::state.eq("pending"))).execute(connection)?;
    let active = totp_factors::table
        .filter(totp_factors::user_id.eq(users::id))
        .filter(totp_factors::state.eq("active"));
    let row = users::table
        .filter(users::id.eq(new.user_id.uuid()))
        .filter(diesel::dsl::not(exists(active)))
        .select((
            new.id.uuid().into_sql::<diesel::sql_types::Uuid>(),
            users::id,
            "pending".into_sql::<Text>(),
            new.sealed_secret.as_slice().into_sql::<Binary>(),
            new.now.into_sql::<Timestamptz>(),
            Some(new.expires_at).into_sql::<Nullable<Timestamptz>>(),
        ));
    let inserted = diesel::insert_into(totp_factors::table)
        .values(row)
        .into_columns((
            totp_factors::id,
            totp_factors::user_id,
            totp_factors::state,
            totp_factors::sealed_secret,
            totp_factors::created_at,
            totp_factors::expires_at,
        ))
        .execute(connection)?;
    Ok(inserted == 1)
}

/// Finds the secret that a code is checked against: the active one, else the pending one if it has not expired.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn find_usable(
    connection: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Option<StoredFactor>, StoreError> {
    let row = of_user(user_id)
        .filter(
            totp_factors::state
                .eq("active")
                .or(totp_factors::expires_at.assume_not_null().gt(now)),
        )
        // "active" sorts before "pending".
        .order(totp_factors::state)
        .select(FactorRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredFactor::from))
}

/// Spends a step of an active secret: of many at once, one succeeds (RFC 6238 §5.2).
///
/// # Errors
///
/// Returns faults of the database only.
pub fn advance_step(connection: &mut PgConnection, id: TotpFactorId, step: TimeStep) -> Result<bool, StoreError> {
    let behind = totp_factors::table
        .filter(totp_factors::id.eq(id.uuid()))
        .filter(totp_factors::state.eq("active"))
        .filter(totp_factors::last_step.lt(step.0));
    let updated = diesel::update(behind)
        .set(totp_factors::last_step.eq(step.0))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Confirms a pending secret with the step of its first code, which is thereby spent: of many at once, one succeeds.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn confirm(
    connection: &mut PgConnection,
    id: TotpFactorId,
    step: TimeStep,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let pending = totp_factors::table
        .filter(totp_factors::id.eq(id.uuid()))
        .filter(totp_factors::state.eq("pending"))
        .filter(totp_factors::expires_at.gt(now));
    let updated = diesel::update(pending)
        .set((
            totp_factors::state.eq("active"),
            totp_factors::last_step.eq(step.0),
            totp_factors::confirmed_at.eq(now),
            totp_factors::expires_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(updated == 1)
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
}

impl From<FactorRow> for StoredFactor {
    fn from(row: FactorRow) -> Self {
        Self {
            id: TotpFactorId::from_uuid(row.id),
            active: row.state == "active",
            sealed_secret: row.sealed_secret,
            last_step: row.last_step.map(TimeStep),
        }
    }
}
