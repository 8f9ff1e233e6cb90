//! The `link_tokens` table: for each user and purpose the token of the newest mail.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::link_tokens;
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::link_token::{LinkKey, LinkPurpose};

/// A token that is mailed.
pub struct NewLinkToken<'a> {
    /// What the token names.
    pub key: LinkKey,
    /// What it opens.
    pub purpose: LinkPurpose,
    /// Where it is sent.
    pub email: &'a Email,
    /// When.
    pub now: DateTime<Utc>,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
}

/// Puts a token in the place of the one in an older mail, which is dead then.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn put(connection: &mut PgConnection, new: &NewLinkToken<'_>) -> Result<(), StoreError> {
    diesel::insert_into(link_tokens::table)
        .values((
            link_tokens::id.eq(new.key.id.uuid()),
            link_tokens::user_id.eq(new.key.user_id.uuid()),
            link_tokens::purpose.eq(new.purpose.as_str()),
            link_tokens::email.eq(new.email.as_str()),
            link_tokens::created_at.eq(new.now),
            link_tokens::expires_at.eq(new.expires_at),
        ))
        .on_conflict((link_tokens::user_id, link_tokens::purpose))
        .do_update()
        .set((
            link_tokens::id.eq(excluded(link_tokens::id)),
            link_tokens::email.eq(excluded(link_tokens::email)),
            link_tokens::created_at.eq(excluded(link_tokens::created_at)),
            link_tokens::expires_at.eq(excluded(link_tokens::expires_at)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Tells whether a token counts and is of a purpose's kind, and leaves it.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn counts(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(diesel::select(exists(live(key, purpose, now))).get_result(connection)?)
}

/// Tells whether a token of a purpose counts that was sent to an address for an account.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn is_any_live(
    connection: &mut PgConnection,
    user_id: UserId,
    purpose: LinkPurpose,
    email: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sent = link_tokens::table
        .filter(link_tokens::user_id.eq(user_id.uuid()))
        .filter(link_tokens::purpose.eq(purpose.as_str()))
        .filter(link_tokens::email.eq(email))
        .filter(link_tokens::expires_at.gt(now));
    Ok(diesel::select(exists(sent)).get_result(connection)?)
}

/// Uses a token of a purpose's kind up: of many at once, one succeeds. Returns the address that it was sent to.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn consume(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<Email>, StoreError> {
    let email: Option<String> = diesel::delete(live(key, purpose, now))
        .returning(link_tokens::email)
        .get_result(connection)
        .optional()?;
    Ok(email.map(Email::from_stored))
}

/// Kills a user's tokens, all of them.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    diesel::delete(link_tokens::table.filter(link_tokens::user_id.eq(user_id.uuid()))).execute(connection)?;
    Ok(())
}

/// Deletes rows that were made before an id, up to a number; those that somebody holds are left for the next time. Returns
/// how many.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    let old: Vec<Uuid> = link_tokens::table
        .filter(link_tokens::id.lt(id))
        .order(link_tokens::id)
        .limit(most)
        .select(link_tokens::id)
        .for_update()
        .skip_locked()
        .load(connection)?;
    Ok(diesel::delete(link_tokens::table.filter(link_tokens::id.eq_any(old))).execute(connection)?)
}

#[diesel::dsl::auto_type]
fn live(key: LinkKey, purpose: LinkPurpose, now: DateTime<Utc>) -> _ {
    let (user_id, id): (Uuid, Uuid) = (key.user_id.uuid(), key.id.uuid());
    let names: Vec<&'static str> = purpose.names_of_kind();
    link_tokens::table
        .filter(link_tokens::user_id.eq(user_id))
        .filter(link_tokens::id.eq(id))
        .filter(link_tokens::purpose.eq_any(names))
        .filter(link_tokens::expires_at.gt(now))
}
