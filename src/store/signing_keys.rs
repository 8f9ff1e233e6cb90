//! The `signing_keys` table, shared by all instances: one key that signs, the next one, and the retired ones.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};

use super::error::StoreError;
use super::schema::signing_keys;
use crate::domain::signing_key::{KeyState, ListedKey, SigningAlgorithm};

/// A newly generated key.
pub struct NewKey {
    /// Its thumbprint.
    pub kid: String,
    /// Its signature algorithm.
    pub algorithm: SigningAlgorithm,
    /// The private part, sealed to its row.
    pub sealed_private_key: Vec<u8>,
    /// When it was generated.
    pub created_at: DateTime<Utc>,
}

/// Inserts a key as the current or the next one. Of several concurrent calls one succeeds, and the others find its key.
pub fn insert(connection: &mut PgConnection, key: &NewKey, state: KeyState) -> Result<bool, StoreError> {
    let inserted = diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::algorithm.eq(key.algorithm),
            signing_keys::state.eq(state),
            signing_keys::sealed_private_key.eq(&key.sealed_private_key),
            signing_keys::created_at.eq(key.created_at),
            signing_keys::activated_at.eq((state == KeyState::Current).then_some(key.created_at)),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

/// Lists all keys, oldest first, without their private parts.
pub fn list(connection: &mut PgConnection) -> Result<Vec<ListedKey>, StoreError> {
    let rows: Vec<KeyRow> = signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select(KeyRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ListedKey::from).collect())
}

/// Loads the sealed private parts of keys. Keys that no longer exist are missing from the result.
pub fn sealed(connection: &mut PgConnection, kids: &[String]) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    Ok(signing_keys::table
        .filter(signing_keys::kid.eq_any(kids))
        .select((signing_keys::kid, signing_keys::sealed_private_key))
        .load(connection)?)
}

/// Makes the next key the current one and retires the old one, if both still have the expected states. Of several
/// concurrent calls one succeeds.
pub fn swap(connection: &mut PgConnection, current: &str, next: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let in_place = |kid: &str, state: KeyState| {
        let kid = kid.to_owned();
        signing_keys::table.filter(signing_keys::kid.eq(kid).and(signing_keys::state.eq(state)))
    };
    // Locked first: if it were discarded after the current key is retired, there would be no key to sign with.
    let held: Option<String> = in_place(next, KeyState::Next)
        .select(signing_keys::kid)
        .for_update()
        .first(connection)
        .optional()?;
    if held.is_none() {
        return Ok(false);
    }
    let retired = diesel::update(in_place(current, KeyState::Current))
        .set((
            signing_keys::state.eq(KeyState::Retired),
            signing_keys::retired_at.eq(now),
        ))
        .execute(connection)?;
    if retired == 0 {
        return Ok(false);
    }
    let activated = diesel::update(in_place(next, KeyState::Next))
        .set((
            signing_keys::state.eq(KeyState::Current),
            signing_keys::activated_at.eq(now),
        ))
        .execute(connection)?;
    Ok(activated == 1)
}

/// Deletes a key that is still next, and so has not signed anything. Of several concurrent calls one succeeds.
pub fn discard_next(connection: &mut PgConnection, kid: &str) -> Result<bool, StoreError> {
    let next = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq(KeyState::Next));
    Ok(diesel::delete(next).execute(connection)? == 1)
}

/// Deletes keys that were retired before a moment. Returns how many.
pub fn delete_retired(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let gone = signing_keys::table
        .filter(signing_keys::state.eq(KeyState::Retired))
        .filter(signing_keys::retired_at.lt(before));
    Ok(diesel::delete(gone).execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = signing_keys, check_for_backend(Pg))]
struct KeyRow {
    kid: String,
    algorithm: SigningAlgorithm,
    state: KeyState,
    created_at: DateTime<Utc>,
    activated_at: Option<DateTime<Utc>>,
    retired_at: Option<DateTime<Utc>>,
}

impl From<KeyRow> for ListedKey {
    fn from(row: KeyRow) -> Self {
        Self {
            kid: row.kid,
            algorithm: row.algorithm,
            state: row.state,
            created_at: row.created_at,
            activated_at: row.activated_at,
            retired_at: row.retired_at,
        }
    }
}
