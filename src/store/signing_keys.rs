//! The `signing_keys` table: one current key an algorithm, shared by all instances.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};

use super::error::StoreError;
use super::schema::signing_keys;
use crate::domain::signing_key::SigningAlgorithm;

/// A key as stored.
pub struct StoredKey {
    /// Its thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The private part, sealed to its row.
    pub sealed_private_key: Vec<u8>,
}

/// Offers a key for the place of its algorithm's current one. Of several instances at once one succeeds, and the
/// others find its key there.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn insert_first(connection: &mut PgConnection, key: &StoredKey, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let inserted = diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::algorithm.eq(key.algorithm.as_str()),
            signing_keys::state.eq("current"),
            signing_keys::sealed_private_key.eq(&key.sealed_private_key),
            signing_keys::created_at.eq(now),
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

#[derive(Queryable, Selectable)]
#[diesel(table_name = signing_keys, check_for_backend(Pg))]
struct KeyRow {
    kid: String,
    algorithm: String,
    sealed_private_key: Vec<u8>,
}

impl KeyRow {
    fn into_stored(self) -> Result<StoredKey, StoreError> {
        Ok(StoredKey {
            kid: self.kid,
            algorithm: SigningAlgorithm::parse(&self.algorithm).ok_or(StoreError::Corrupt("signing_keys.algorithm"))?,
            sealed_private_key: self.sealed_private_key,
        })
    }
}
