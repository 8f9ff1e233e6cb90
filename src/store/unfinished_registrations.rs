//! The `unfinished_registrations` table: accounts that were registered without a password and wait for their passkey.
//!
//! The table decides only when to look at an account. Whether it may be deleted, its own rows decide: an account that
//! got a way in since, by a passkey or by a mail, stays.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use uuid::Uuid;

use super::account_names;
use super::error::StoreError;
use super::schema::{passkeys, unfinished_registrations, users};
use super::users::NO_PASSWORD;
use crate::domain::ids::UserId;
use crate::domain::user::Identifier;

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

/// Finds the account with a name, if its time is over: two statements, whether or not an account has the name.
pub fn expired_with_name(
    connection: &mut PgConnection,
    name: &Identifier,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let holder = account_names::holder(connection, name)?;
    let found: Option<Uuid> = unfinished_registrations::table
        .filter(unfinished_registrations::user_id.eq(holder))
        .filter(unfinished_registrations::expires_at.le(now))
        .select(unfinished_registrations::user_id)
        .first(connection)
        .optional()?;
    Ok(found.map(UserId::from_uuid))
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

/// Deletes an account that has no way in, and frees its names at once: it was never used. Otherwise, only the record
/// that it waits is deleted. Returns whether the account was deleted.
pub fn close(connection: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    // Locked by a statement of its own: the next one must see what a transaction that held the lock has written.
    let names: Option<(Option<String>, Option<String>)> = users::table
        .find(id.uuid())
        .select((users::email, users::username))
        .for_update()
        .first(connection)
        .optional()?;
    let has_passkey = passkeys::table.filter(passkeys::user_id.eq(id.uuid()));
    let unused = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::password_scheme.eq(NO_PASSWORD))
        .filter(users::email_verified_at.is_null())
        .filter(users::first_signed_in_at.is_null())
        .filter(not(exists(has_passkey)));
    if diesel::delete(unused).execute(connection)? == 0 {
        let waits = unfinished_registrations::table.filter(unfinished_registrations::user_id.eq(id.uuid()));
        diesel::delete(waits).execute(connection)?;
        return Ok(false);
    }
    let (email, username) = names.unwrap_or_default();
    let mut freed: Vec<String> = email.into_iter().chain(username).collect();
    // In the order in which a registration claims them.
    freed.sort_unstable();
    for name in freed {
        account_names::remove(connection, &name, id)?;
    }
    Ok(true)
}
