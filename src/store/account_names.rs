//! The `account_names` table: which account has an address, a user name, or an identity at a provider.
//!
//! The key of the table makes names unique, since a distributed database can enforce no unique constraint on `users`
//! that lacks the column by which its rows are placed. `users` repeats the names, so that reading an account takes one
//! row. Statements that write `users.email` or `users.username` run in the transaction that claims the name here. So do
//! those that write `identities`; their names have a form that no address and no user name has.
//!
//! A user name that an account gave up is reserved for some time before another account can have it. Otherwise an
//! attacker could take the name the moment it is free and be mistaken for its former owner. The row stays and is
//! marked.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::account_names;
use crate::domain::ids::UserId;
use crate::domain::user::{AccountNames, Identifier};
use crate::domain::username::Username;

/// The result of creating an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// It was created, and has its names.
    Inserted,
    /// Another account has the address.
    EmailTaken,
    /// Another account has the user name, or gave it up recently.
    UsernameTaken,
}

/// Claims the names of a new account: all of them or none. A taken user name is reported whether or not the address is
/// taken too, so that the answer for a user name does not depend on the address.
///
/// A call takes as many statements for a free address as for a taken one, together with the insertion of the account.
pub(super) fn claim(
    connection: &mut PgConnection,
    names: &AccountNames,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<Insertion, StoreError> {
    // In one order everywhere, so that two transactions that claim the same names cannot deadlock.
    let mut all: Vec<&str> = names.iter().collect();
    all.sort_unstable();
    let mut claimed = Vec::with_capacity(all.len());
    for name in all {
        if claim_name(connection, name, by, now)? {
            claimed.push(name);
        }
    }
    if names.iter().all(|name| claimed.contains(&name)) {
        return Ok(Insertion::Inserted);
    }
    give_back(connection, &claimed, by)?;
    let username = names.username.as_ref().map(Username::as_str);
    Ok(if username.is_none_or(|name| claimed.contains(&name)) {
        Insertion::EmailTaken
    } else {
        Insertion::UsernameTaken
    })
}

/// Claims a name. Returns whether the account has it now: it had it before, it gave the name up itself, no account had
/// it, or its reservation is over.
pub(super) fn claim_name(
    connection: &mut PgConnection,
    name: &str,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(!claim_many(connection, &[(name, by)], now)?.is_empty())
}

/// Claims names for accounts, in the given order. Returns the names that were claimed. No name is given twice.
pub(super) fn claim_many(
    connection: &mut PgConnection,
    names: &[(&str, UserId)],
    now: DateTime<Utc>,
) -> Result<HashSet<String>, StoreError> {
    let rows: Vec<_> = names
        .iter()
        .map(|(name, by)| (account_names::name.eq(*name), account_names::user_id.eq(by.uuid())))
        .collect();
    let upsert = diesel::insert_into(account_names::table)
        .values(rows)
        .on_conflict(account_names::name)
        .do_update()
        .set((
            account_names::user_id.eq(excluded(account_names::user_id)),
            account_names::reserved_until.eq(None::<DateTime<Utc>>),
        ));
    // One conditional statement: of several concurrent claims of a name one succeeds. The others wait for its
    // transaction and then see its row.
    let may_have = account_names::user_id
        .eq(excluded(account_names::user_id))
        .or(account_names::reserved_until.assume_not_null().le(now));
    let claimed: Vec<String> = diesel::query_dsl::methods::FilterDsl::filter(upsert, may_have)
        .returning(account_names::name)
        .get_results(connection)?;
    Ok(claimed.into_iter().collect())
}

/// Gives back names that were claimed in this transaction.
pub(super) fn give_back(connection: &mut PgConnection, names: &[&str], by: UserId) -> Result<(), StoreError> {
    let claimed = of(by).filter(account_names::name.eq_any(names));
    diesel::delete(claimed).execute(connection)?;
    Ok(())
}

/// Gives up a name that any account may have at once: an address, which only its reader can verify, or a name that was
/// never used.
pub(super) fn remove(connection: &mut PgConnection, name: &str, by: UserId) -> Result<(), StoreError> {
    diesel::delete(of(by).filter(account_names::name.eq(name))).execute(connection)?;
    Ok(())
}

/// Gives up a user name, which stays reserved until a moment.
pub(super) fn reserve(
    connection: &mut PgConnection,
    username: &str,
    by: UserId,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(of(by).filter(account_names::name.eq(username)))
        .set(account_names::reserved_until.eq(until))
        .execute(connection)?;
    Ok(())
}

/// Gives up the names of an account that is deleted; its user name stays reserved until a moment.
pub(super) fn release(
    connection: &mut PgConnection,
    email: Option<&str>,
    username: Option<&str>,
    by: UserId,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let email = email.map(|name| (name, false));
    let mut names: Vec<(&str, bool)> = email.into_iter().chain(username.map(|name| (name, true))).collect();
    // In the order of `claim`: a registration with both names would otherwise deadlock with this.
    names.sort_unstable();
    for (name, is_username) in names {
        if is_username {
            reserve(connection, name, by, until)?;
        } else {
            remove(connection, name, by)?;
        }
    }
    Ok(())
}

/// Finds the account that has a name. If there is none, returns the nil id, which no account has: the caller then runs
/// the same statements, so that the response takes the same time.
pub(super) fn holder(connection: &mut PgConnection, identifier: &Identifier) -> Result<Uuid, StoreError> {
    let name = match identifier {
        Identifier::Email(email) => email.as_str(),
        Identifier::Username(username) => username.as_str(),
    };
    holder_of(connection, name)
}

/// Does the same for a name in its stored form.
pub(super) fn holder_of(connection: &mut PgConnection, name: &str) -> Result<Uuid, StoreError> {
    let found: Option<Uuid> = account_names::table
        .filter(account_names::name.eq(name))
        .filter(account_names::reserved_until.is_null())
        .select(account_names::user_id)
        .first(connection)
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Finds the accounts that have one of several names.
pub(super) fn holders(connection: &mut PgConnection, names: &[&str]) -> Result<Vec<Uuid>, StoreError> {
    Ok(account_names::table
        .filter(account_names::name.eq_any(names))
        .filter(account_names::reserved_until.is_null())
        .select(account_names::user_id)
        .load(connection)?)
}

/// Returns those of several user names that are reserved for accounts that gave them up.
pub fn reserved_among(
    connection: &mut PgConnection,
    usernames: &[&str],
    now: DateTime<Utc>,
) -> Result<HashSet<String>, StoreError> {
    let reserved: Vec<String> = account_names::table
        .filter(account_names::name.eq_any(usernames))
        .filter(account_names::reserved_until.gt(now))
        .select(account_names::name)
        .load(connection)?;
    Ok(reserved.into_iter().collect())
}

/// Lists the user names that an account gave up and that are still reserved, in alphabetical order.
pub fn list_reserved(
    connection: &mut PgConnection,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Username>, StoreError> {
    let names: Vec<String> = of(id)
        .filter(account_names::reserved_until.gt(now))
        .order(account_names::name)
        .select(account_names::name)
        .load(connection)?;
    Ok(names.into_iter().map(Username::from_stored).collect())
}

/// Deletes reservations that are over at a moment. Returns how many.
pub fn delete_expired(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    let expired = account_names::table.filter(account_names::reserved_until.le(moment));
    Ok(diesel::delete(expired).execute(connection)?)
}

#[diesel::dsl::auto_type]
fn of(id: UserId) -> _ {
    let id: Uuid = id.uuid();
    account_names::table.filter(account_names::user_id.eq(id))
}
