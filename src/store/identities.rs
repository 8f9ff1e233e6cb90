//! The `identities` table: who a user is at upstream providers.
//!
//! Issuer and subject together are a name of the account, as an address is: `account_names` makes them unique and finds
//! the account where `identities` is distributed by user.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::account_names;
use super::error::StoreError;
use super::schema::identities;
use crate::crypto::federation::identity_name;
use crate::domain::email::Email;
use crate::domain::federation::identity::{Identity, Subject};
use crate::domain::ids::{IdentityId, UserId};

/// Returns the account that an identity signs in to. If there is none, returns the nil id, which no account has.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn holder(connection: &mut PgConnection, subject: &Subject) -> Result<UserId, StoreError> {
    let found = account_names::holder_of(connection, &identity_name(subject))?;
    Ok(UserId::from_uuid(found))
}

/// Gives an account an identity. Returns whether it has it now: of several concurrent calls for one identity one
/// succeeds, and another account may have had it before.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn insert(connection: &mut PgConnection, user_id: UserId, identity: &Identity) -> Result<bool, StoreError> {
    let name = identity_name(&identity.subject);
    if !account_names::claim_name(connection, &name, user_id, identity.created_at)? {
        return Ok(false);
    }
    diesel::insert_into(identities::table)
        .values((
            identities::user_id.eq(user_id.uuid()),
            identities::id.eq(identity.id.uuid()),
            identities::issuer.eq(&identity.subject.issuer),
            identities::subject.eq(&identity.subject.subject),
            identities::email_seen.eq(identity.email_seen.as_ref().map(Email::as_str)),
            identities::created_at.eq(identity.created_at),
            identities::last_used_at.eq(identity.last_used_at),
        ))
        .execute(connection)?;
    Ok(true)
}

/// Records that an identity signed its user in, and the address that the provider named. Returns whether the user has
/// it.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn record_use(
    connection: &mut PgConnection,
    user_id: UserId,
    subject: &Subject,
    email_seen: Option<&Email>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let used = of_user(user_id)
        .filter(identities::issuer.eq(&subject.issuer))
        .filter(identities::subject.eq(&subject.subject));
    let updated = diesel::update(used)
        .set((
            identities::last_used_at.eq(now),
            identities::email_seen.eq(email_seen.map(Email::as_str)),
        ))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Lists the identities of a user, the oldest first.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn list(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<Identity>, StoreError> {
    let rows: Vec<IdentityRow> = of_user(user_id)
        .order(identities::id)
        .select(IdentityRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Identity::from).collect())
}

/// Lists the identities of several users, the oldest of each first.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn list_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<(UserId, Identity)>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let rows: Vec<IdentityRow> = identities::table
        .filter(identities::user_id.eq_any(ids))
        .order((identities::user_id, identities::id))
        .select(IdentityRow::as_select())
        .load(connection)?;
    let with_user = |row: IdentityRow| (UserId::from_uuid(row.user_id), Identity::from(row));
    Ok(rows.into_iter().map(with_user).collect())
}

/// Returns whether a user has an identity.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn exist(connection: &mut PgConnection, user_id: UserId) -> Result<bool, StoreError> {
    Ok(diesel::select(exists(of_user(user_id))).get_result(connection)?)
}

/// Removes an identity of a user. Any account may have it from then on. Returns what it was.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn remove(connection: &mut PgConnection, user_id: UserId, id: IdentityId) -> Result<Option<Identity>, StoreError> {
    let removed: Option<IdentityRow> = diesel::delete(of_user(user_id).filter(identities::id.eq(id.uuid())))
        .returning(IdentityRow::as_returning())
        .get_result(connection)
        .optional()?;
    let removed = removed.map(Identity::from);
    if let Some(identity) = &removed {
        account_names::remove(connection, &identity_name(&identity.subject), user_id)?;
    }
    Ok(removed)
}

/// Removes all identities of a user. Returns what they were.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<Identity>, StoreError> {
    let removed: Vec<IdentityRow> = diesel::delete(of_user(user_id))
        .returning(IdentityRow::as_returning())
        .get_results(connection)?;
    let removed: Vec<Identity> = removed.into_iter().map(Identity::from).collect();
    let mut names: Vec<String> = removed.iter().map(|one| identity_name(&one.subject)).collect();
    // In one order everywhere, so that two transactions that change the same names cannot deadlock.
    names.sort_unstable();
    for name in &names {
        account_names::remove(connection, name, user_id)?;
    }
    Ok(removed)
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId) -> _ {
    let id: Uuid = user_id.uuid();
    identities::table.filter(identities::user_id.eq(id))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = identities, check_for_backend(Pg))]
struct IdentityRow {
    user_id: Uuid,
    id: Uuid,
    issuer: String,
    subject: String,
    email_seen: Option<String>,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<IdentityRow> for Identity {
    fn from(row: IdentityRow) -> Self {
        Self {
            id: IdentityId::from_uuid(row.id),
            subject: Subject {
                issuer: row.issuer,
                subject: row.subject,
            },
            email_seen: row.email_seen.map(Email::from_stored),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}
