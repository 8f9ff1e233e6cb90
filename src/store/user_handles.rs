//! The `user_handles` table: which account has a user handle that another program gave it.
//!
//! A passkey that signs in alone names its user by the handle. One that was registered here says the user's id, so that
//! no table has to be read. The key of this table makes the others unique, and finds them where `passkeys` is
//! distributed by user. Each row belongs to imported passkeys of its account, and goes with the last one.

use std::collections::{BTreeSet, HashSet};

use diesel::PgConnection;
use diesel::prelude::*;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::user_handles;
use crate::domain::ids::UserId;
use crate::domain::passkey::UserHandle;

/// Returns the account that has a handle.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn holder(connection: &mut PgConnection, handle: &UserHandle) -> Result<Option<UserId>, StoreError> {
    let found: Option<Uuid> = user_handles::table
        .filter(user_handles::user_handle.eq(handle.as_bytes()))
        .select(user_handles::user_id)
        .first(connection)
        .optional()?;
    Ok(found.map(UserId::from_uuid))
}

/// Returns those among some handles that accounts have.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn taken_among(connection: &mut PgConnection, handles: &[&UserHandle]) -> Result<Vec<UserHandle>, StoreError> {
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let handles: Vec<&[u8]> = handles.iter().map(|handle| handle.as_bytes()).collect();
    let found: Vec<Vec<u8>> = user_handles::table
        .filter(user_handles::user_handle.eq_any(handles))
        .select(user_handles::user_handle)
        .load(connection)?;
    Ok(found.into_iter().filter_map(UserHandle::from_bytes).collect())
}

/// Gives accounts handles that no account has. Returns those that were given: of two transactions that want one, one
/// gets it, and the other waits for its end. No handle is given for two accounts.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn claim(
    connection: &mut PgConnection,
    wanted: &BTreeSet<(&UserHandle, UserId)>,
) -> Result<HashSet<UserHandle>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    // In one order everywhere, so that two imports cannot deadlock.
    let rows: Vec<_> = wanted
        .iter()
        .map(|(handle, user_id)| {
            (
                user_handles::user_handle.eq(handle.as_bytes()),
                user_handles::user_id.eq(user_id.uuid()),
            )
        })
        .collect();
    let given: Vec<Vec<u8>> = diesel::insert_into(user_handles::table)
        .values(rows)
        .on_conflict(user_handles::user_handle)
        .do_nothing()
        .returning(user_handles::user_handle)
        .get_results(connection)?;
    Ok(given.into_iter().filter_map(UserHandle::from_bytes).collect())
}

/// Gives back handles that were claimed in this transaction.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn give_back(connection: &mut PgConnection, claimed: &BTreeSet<(&UserHandle, UserId)>) -> Result<(), StoreError> {
    if claimed.is_empty() {
        return Ok(());
    }
    let handles: Vec<&[u8]> = claimed.iter().map(|(handle, _)| handle.as_bytes()).collect();
    let users: Vec<Uuid> = claimed.iter().map(|(_, user_id)| user_id.uuid()).collect();
    let own = user_handles::table
        .filter(user_handles::user_handle.eq_any(handles))
        .filter(user_handles::user_id.eq_any(users));
    diesel::delete(own).execute(connection)?;
    Ok(())
}

/// Removes handles, as they are stored.
pub(super) fn remove(connection: &mut PgConnection, handles: &[Vec<u8>]) -> Result<(), StoreError> {
    if handles.is_empty() {
        return Ok(());
    }
    diesel::delete(user_handles::table.filter(user_handles::user_handle.eq_any(handles))).execute(connection)?;
    Ok(())
}
