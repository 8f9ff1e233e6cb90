//! The `unfinished_registrations` table: accounts that were registered without a password and wait for their passkey.
//!
//! The table decides only when to look at an account. Whether it may be deleted, its own rows decide: an account that
//! got a way in since, by a passkey or by a mail, stays.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::dsl::exists;
use diesel::prelude::*;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::unfinished_registrations;
use crate::domain::ids::UserId;

/// Records that an account waits for its passkey until a time.
pub fn insert(connection: &mut PgConnection, id: UserId, expires_at: DateTime<Utc>) -> Result<(), StoreError> {
    diesel::insert_into(unfinished_registrations::table)
        .values((
            unfinished_registrations::user_id.eq(id.uuid()),
            unfinished_registrations::expires_at.eq(expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Returns whether an account waits for its passkey and its time is over.
pub fn has_expired(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let waits = unfinished_registrations::table
        .filter(unfinished_registrations::user_id.eq(id.uuid()))
        .filter(unfinished_registrations::expires_at.le(now));
    Ok(diesel::select(exists(waits)).get_result(connection)?)
}

/// Finds accounts whose time is over, so many at most.
pub fn expired(connection: &mut PgConnection, now: DateTime<Utc>, most: i64) -> Result<Vec<UserId>, StoreError> {
    let found: Vec<Uuid> = unfinished_registrations::table
        .filter(unfinished_registrations::expires_at.le(now))
        .order(unfinished_registrations::user_id)
        .limit(most)
        .select(unfinished_registrations::user_id)
        .load(connection)?;
    Ok(found.into_iter().map(UserId::from_uuid).collect())
}

/// Removes the record that an account waits.
pub fn remove(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    let waits = unfinished_registrations::table.filter(unfinished_registrations::user_id.eq(id.uuid()));
    diesel::delete(waits).execute(connection)?;
    Ok(())
}
