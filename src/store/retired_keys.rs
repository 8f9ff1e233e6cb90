//! The `retired_keys` table: derived keys that are still needed after their master keys were removed.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::prelude::*;

use super::error::StoreError;
use super::schema::retired_keys;
use crate::crypto::retired_keys::Purpose;

/// A key as stored.
pub struct SealedKey {
    /// The master key that it was derived from.
    pub master_key_id: u8,
    /// What it is for.
    pub purpose: Purpose,
    /// The key, sealed to its row.
    pub sealed_key: Vec<u8>,
}

/// Stores a key, replacing an earlier row of it: the same key, perhaps sealed with an older master key.
pub fn put(connection: &mut PgConnection, key: &SealedKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    diesel::insert_into(retired_keys::table)
        .values((
            retired_keys::master_key_id.eq(i16::from(key.master_key_id)),
            retired_keys::purpose.eq(key.purpose.name()),
            retired_keys::sealed_key.eq(&key.sealed_key),
            retired_keys::created_at.eq(now),
        ))
        .on_conflict((retired_keys::master_key_id, retired_keys::purpose))
        .do_update()
        .set(retired_keys::sealed_key.eq(&key.sealed_key))
        .execute(connection)?;
    Ok(())
}

/// Lists all stored keys: a handful for each master key there ever was.
pub fn list(connection: &mut PgConnection) -> Result<Vec<SealedKey>, StoreError> {
    let rows: Vec<(i16, String, Vec<u8>)> = retired_keys::table
        .order((retired_keys::master_key_id, retired_keys::purpose))
        .select((
            retired_keys::master_key_id,
            retired_keys::purpose,
            retired_keys::sealed_key,
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(id, purpose, sealed_key)| {
            Ok(SealedKey {
                master_key_id: u8::try_from(id).map_err(|_range| StoreError::Corrupt("retired_keys.master_key_id"))?,
                purpose: Purpose::parse(&purpose).ok_or(StoreError::Corrupt("retired_keys.purpose"))?,
                sealed_key,
            })
        })
        .collect()
}
