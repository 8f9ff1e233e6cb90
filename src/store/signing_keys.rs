//! The `signing_keys` table: one next and one current key an algorithm, and the retired ones, shared by all instances.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};

use super::error::StoreError;
use super::schema::signing_keys;
use crate::domain::signing_key::{KeyState, SigningAlgorithm};

/// A key as stored.
#[derive(Clone)]
pub struct StoredKey {
    /// Its thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// Where it stands.
    pub state: KeyState,
    /// The private part, sealed to its row.
    pub sealed_private_key: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it began to sign.
    pub activated_at: Option<DateTime<Utc>>,
    /// When it signed for the last time.
    pub retired_at: Option<DateTime<Utc>>,
}

/// Offers a key for the place of its algorithm's next or current one. Of several instances at once one succeeds, and the
/// others find its key there.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn insert(connection: &mut PgConnection, key: &StoredKey) -> Result<bool, StoreError> {
    let inserted = diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::algorithm.eq(key.algorithm.as_str()),
            signing_keys::state.eq(key.state.as_str()),
            signing_keys::sealed_private_key.eq(&key.sealed_private_key),
            signing_keys::created_at.eq(key.created_at),
            signing_keys::activated_at.eq(key.activated_at),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

/// Loads all keys, oldest first.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn all(connection: &mut PgConnection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<KeyRow> = signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select(KeyRow::as_select())
        .load(connection)?;
    rows.into_iter().map(KeyRow::into_stored).collect()
}

/// Retires a current key: of many at once, one succeeds.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn retire(connection: &mut PgConnection, kid: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let current = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq(KeyState::Current.as_str()));
    let updated = diesel::update(current)
        .set((
            signing_keys::state.eq(KeyState::Retired.as_str()),
            signing_keys::retired_at.eq(now),
        ))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Lets a next key sign.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn activate(connection: &mut PgConnection, kid: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let next = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq(KeyState::Next.as_str()));
    let updated = diesel::update(next)
        .set((
            signing_keys::state.eq(KeyState::Current.as_str()),
            signing_keys::activated_at.eq(now),
        ))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Deletes keys that were retired before a moment.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn delete_retired(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let gone = signing_keys::table
        .filter(signing_keys::state.eq(KeyState::Retired.as_str()))
        .filter(signing_keys::retired_at.lt(before));
    Ok(diesel::delete(gone).execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = signing_keys, check_for_backend(Pg))]
struct KeyRow {
    kid: String,
    algorithm: String,
    state: String,
    sealed_private_key: Vec<u8>,
    created_at: DateTime<Utc>,
    activated_at: Option<DateTime<Utc>>,
    retired_at: Option<DateTime<Utc>>,
}

impl KeyRow {
    fn into_stored(self) -> Result<StoredKey, StoreError> {
        Ok(StoredKey {
            kid: self.kid,
            algorithm: SigningAlgorithm::parse(&self.algorithm).ok_or(StoreError::Corrupt("signing_keys.algorithm"))?,
            state: KeyState::parse(&self.state).ok_or(StoreError::Corrupt("signing_keys.state"))?,
            sealed_private_key: self.sealed_private_key,
            created_at: self.created_at,
            activated_at: self.activated_at,
            retired_at: self.retired_at,
        })
    }
}
