//! The `link_tokens` table: the tokens of links in mails, one row per mail.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::old_rows;
use super::schema::{link_tokens, users};
use crate::domain::email::Email;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::link_token::{LinkKey, LinkPurpose};

/// A token to be mailed.
pub struct NewLinkToken<'a> {
    /// The token's key.
    pub key: LinkKey,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where it is sent.
    pub email: &'a Email,
    /// The session that it is valid with. Set for [`LinkPurpose::EmailChange`] only.
    pub session_id: Option<SessionId>,
    /// When it is created.
    pub now: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// A stored token that has not expired.
pub struct StoredLink {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where it was sent.
    pub email: Email,
    /// The session that it is valid with.
    pub session_id: Option<SessionId>,
    /// Whether it has been used.
    pub used: bool,
}

/// Adds a token. Tokens in older mails stay valid.
pub fn insert(connection: &mut PgConnection, new: &NewLinkToken<'_>) -> Result<(), StoreError> {
    diesel::insert_into(link_tokens::table)
        .values((
            link_tokens::id.eq(new.key.id.uuid()),
            link_tokens::user_id.eq(new.key.user_id.uuid()),
            link_tokens::purpose.eq(new.purpose),
            link_tokens::email.eq(new.email.as_str()),
            link_tokens::created_at.eq(new.now),
            link_tokens::expires_at.eq(new.expires_at),
            link_tokens::session_id.eq(new.session_id.map(SessionId::uuid)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Finds a token by its key, if it is of the same kind as `purpose` and has not expired. Finds used ones too, and does
/// not use it up.
pub fn find(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<StoredLink>, StoreError> {
    let row: Option<LinkRow> = current(key, purpose, now)
        .select(LinkRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredLink::from))
}

/// Returns whether there is a token of a purpose that was sent to an address for an account and is valid at a moment.
pub fn is_any_live(
    connection: &mut PgConnection,
    user_id: UserId,
    purpose: LinkPurpose,
    email: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sent = link_tokens::table
        .filter(link_tokens::user_id.eq(user_id.uuid()))
        .filter(link_tokens::purpose.eq(purpose))
        .filter(link_tokens::email.eq(email))
        .filter(link_tokens::used_at.is_null())
        .filter(link_tokens::expires_at.gt(now));
    Ok(diesel::select(exists(sent)).get_result(connection)?)
}

/// Uses up a token. Of several concurrent calls one succeeds. Returns whether this one did.
pub fn consume(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let unused = current(key, purpose, now).filter(link_tokens::used_at.is_null());
    Ok(diesel::update(unused)
        .set(link_tokens::used_at.eq(now))
        .execute(connection)?
        == 1)
}

/// Removes a user's tokens of a purpose, except for `kept`.
pub fn remove(
    connection: &mut PgConnection,
    user_id: UserId,
    purpose: LinkPurpose,
    kept: Option<LinkKey>,
) -> Result<(), StoreError> {
    let of_purpose = others(user_id, kept).filter(link_tokens::purpose.eq(purpose));
    diesel::delete(of_purpose).execute(connection)?;
    Ok(())
}

/// Removes a user's tokens of a purpose that were sent to any address but `email`.
pub fn remove_to_other_addresses(
    connection: &mut PgConnection,
    user_id: UserId,
    purpose: LinkPurpose,
    email: &Email,
) -> Result<(), StoreError> {
    let elsewhere = others(user_id, None)
        .filter(link_tokens::purpose.eq(purpose))
        .filter(link_tokens::email.ne(email.as_str()));
    diesel::delete(elsewhere).execute(connection)?;
    Ok(())
}

/// Removes all tokens of a user.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    diesel::delete(others(user_id, None)).execute(connection)?;
    Ok(())
}

/// Removes a user's tokens, except for those that were sent to the account's own address while that is unverified. The
/// caller has locked the user's row.
pub fn remove_all_but_to_own_unverified_address(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<(), StoreError> {
    let unverified: Option<Option<String>> = users::table
        .filter(users::id.eq(user_id.uuid()))
        .filter(users::email_verified_at.is_null())
        .select(users::email)
        .first(connection)
        .optional()?;
    // No address is empty.
    let kept = unverified.flatten().unwrap_or_default();
    diesel::delete(others(user_id, None).filter(link_tokens::email.ne(kept))).execute(connection)?;
    Ok(())
}

/// Removes all tokens of the user except for `kept`.
pub fn remove_others(connection: &mut PgConnection, kept: LinkKey) -> Result<(), StoreError> {
    diesel::delete(others(kept.user_id, Some(kept))).execute(connection)?;
    Ok(())
}

/// Returns how many tokens of all users can be used.
pub fn count_usable(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let usable = link_tokens::table
        .filter(link_tokens::used_at.is_null())
        .filter(link_tokens::expires_at.gt(now));
    let count: i64 = usable.count().get_result(connection)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Deletes up to `most` rows that were created before an id. Rows that another transaction has locked are left for the
/// next run. Returns how many were deleted.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    old_rows::delete_before!(link_tokens, connection, id, most)
}

/// Returns whether there are tokens that were made before an id.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn exist_before(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    old_rows::exist_before!(link_tokens, connection, id)
}

#[diesel::dsl::auto_type]
fn current(key: LinkKey, purpose: LinkPurpose, now: DateTime<Utc>) -> _ {
    let (user_id, id): (Uuid, Uuid) = (key.user_id.uuid(), key.id.uuid());
    let names: Vec<&'static str> = purpose.names_of_kind();
    link_tokens::table
        .filter(link_tokens::user_id.eq(user_id))
        .filter(link_tokens::id.eq(id))
        .filter(link_tokens::purpose.eq_any(names))
        .filter(link_tokens::expires_at.gt(now))
}

#[diesel::dsl::auto_type]
fn others(user_id: UserId, kept: Option<LinkKey>) -> _ {
    let user_id: Uuid = user_id.uuid();
    // No token has the nil id.
    let kept: Uuid = kept.map_or_else(Uuid::nil, |key| key.id.uuid());
    link_tokens::table
        .filter(link_tokens::user_id.eq(user_id))
        .filter(link_tokens::id.ne(kept))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = link_tokens, check_for_backend(Pg))]
struct LinkRow {
    purpose: LinkPurpose,
    email: String,
    session_id: Option<Uuid>,
    used_at: Option<DateTime<Utc>>,
}

impl From<LinkRow> for StoredLink {
    fn from(row: LinkRow) -> Self {
        Self {
            purpose: row.purpose,
            email: Email::from_stored(row.email),
            session_id: row.session_id.map(SessionId::from_uuid),
            used: row.used_at.is_some(),
        }
    }
}
