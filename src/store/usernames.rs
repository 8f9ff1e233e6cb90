//! Claiming and releasing user names: the `released_usernames` table and the claims on `users.username`.
//!
//! A name that an account gave up is reserved for some time before another account can have it. Otherwise an attacker
//! could take the name the moment it is free and be mistaken for its former owner. Statements that write
//! `users.username` require a [`ClaimedUsername`], which only [`claim`] and [`claim_many`] make, so that no code can
//! bypass this file.
//!
//! If a name is released and claimed at the same moment, the claim is decided by one statement. Its snapshot shows the
//! name either still in use or reserved, since the release commits both changes together. Claims of the same name are
//! serialized by an advisory lock, so nothing changes between that statement and the write that follows it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel::upsert::excluded;

use super::error::StoreError;
use super::schema::{released_usernames, users};
use crate::domain::ids::UserId;
use crate::domain::policy::numbers::USERNAME_RESERVED_FOR;
use crate::domain::username::Username;

/// Separates the advisory locks on names from other advisory locks of the database.
const LOCK_SEED: i64 = 0x7665_7374_6e61_6d65;

/// A name that an account may take in this transaction.
pub struct ClaimedUsername(Username);

impl ClaimedUsername {
    /// Returns the canonical name.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Those of several names that may be taken in this transaction.
#[derive(Default)]
pub struct Claims(HashSet<String>);

impl Claims {
    /// Returns whether a name may be taken.
    pub fn allow(&self, username: &Username) -> bool {
        self.0.contains(username.as_str())
    }
}

/// Claims a name for an account for the rest of the transaction. `None`: another account has it, or gave it up
/// recently.
pub fn claim(
    connection: &mut PgConnection,
    username: &Username,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<Option<ClaimedUsername>, StoreError> {
    take_turns(connection, &[username.as_str()])?;
    let held = users::table
        .filter(users::username.eq(username.as_str()))
        .filter(users::id.ne(by.uuid()));
    let resting = released_usernames::table
        .filter(released_usernames::username.eq(username.as_str()))
        .filter(released_usernames::released_by.ne(by.uuid()))
        .filter(released_usernames::rests_until.gt(now));
    // One statement, and so one snapshot: between two statements another transaction could release the name.
    let unavailable: bool = diesel::select(exists(held).or(exists(resting))).get_result(connection)?;
    Ok((!unavailable).then(|| ClaimedUsername(username.clone())))
}

/// Claims names for new accounts for the rest of the transaction: those that are not reserved. Whether an account has
/// one is decided by the unique constraint when the accounts are inserted.
pub fn claim_many(connection: &mut PgConnection, usernames: &[&str], now: DateTime<Utc>) -> Result<Claims, StoreError> {
    take_turns(connection, usernames)?;
    let resting: HashSet<String> = released_usernames::table
        .filter(released_usernames::username.eq_any(usernames))
        .filter(released_usernames::rests_until.gt(now))
        .select(released_usernames::username)
        .load(connection)?
        .into_iter()
        .collect();
    let claimed = usernames.iter().filter(|name| !resting.contains(**name));
    Ok(Claims(claimed.map(|name| (*name).to_owned()).collect()))
}

/// Waits until no other transaction claims one of these names. Locks are taken in the order of their keys, so that two
/// transactions with several names cannot deadlock.
fn take_turns(connection: &mut PgConnection, usernames: &[&str]) -> Result<(), StoreError> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(key) FROM (
             SELECT DISTINCT hashtextextended(name, $2) AS key FROM unnest($1) AS name ORDER BY key
         ) AS keys",
    )
    .bind::<Array<Text>, _>(usernames)
    .bind::<BigInt, _>(LOCK_SEED)
    .execute(connection)?;
    Ok(())
}

/// Reserves the name of an account, if it has one. The caller removes it from the account in the same transaction.
pub(super) fn release(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let rests_until = now + USERNAME_RESERVED_FOR;
    let held = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::username.is_not_null())
        .select((
            users::username.assume_not_null(),
            users::id,
            rests_until.into_sql::<Timestamptz>(),
        ));
    diesel::insert_into(released_usernames::table)
        .values(held)
        .into_columns((
            released_usernames::username,
            released_usernames::released_by,
            released_usernames::rests_until,
        ))
        .on_conflict(released_usernames::username)
        .do_update()
        .set((
            released_usernames::released_by.eq(excluded(released_usernames::released_by)),
            released_usernames::rests_until.eq(excluded(released_usernames::rests_until)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Lists the names that an account gave up and that are still reserved, in alphabetical order.
pub fn list_released(
    connection: &mut PgConnection,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Username>, StoreError> {
    let names: Vec<String> = released_usernames::table
        .filter(released_usernames::released_by.eq(id.uuid()))
        .filter(released_usernames::rests_until.gt(now))
        .order(released_usernames::username)
        .select(released_usernames::username)
        .load(connection)?;
    Ok(names.into_iter().map(Username::from_stored).collect())
}

/// Deletes names whose reservation has ended at a moment. Returns how many.
pub fn delete_rested(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    let rested = released_usernames::table.filter(released_usernames::rests_until.le(moment));
    Ok(diesel::delete(rested).execute(connection)?)
}
