//! The `link_tokens` table: for each user and purpose the token of the newest mail.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::link_tokens;
use crate::domain::email::Email;
use crate::domain::ids::{LinkTokenId, UserId};
use crate::domain::link_token::LinkPurpose;

/// A token that is mailed.
pub struct NewLinkToken<'a> {
    /// What the token names.
    pub id: LinkTokenId,
    /// Whose account it is for.
    pub user_id: UserId,
    /// What it opens.
    pub purpose: LinkPurpose,
    /// Where it is sent.
    pub email: &'a Email,
    /// When.
    pub now: DateTime<Utc>,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
}

/// A token that counts.
pub struct StoredLinkToken {
    /// Whose account it is for.
    pub user_id: UserId,
    /// Where it was sent.
    pub email: Email,
}

/// Puts a token in the place of the one in an older mail, which is dead then.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn put(connection: &mut PgConnection, new: &NewLinkToken<'_>) -> Result<(), StoreError> {
    diesel::insert_into(link_tokens::table)
        .values((
            link_tokens::id.eq(new.id.uuid()),
            link_tokens::user_id.eq(new.user_id.uuid()),
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

/// Finds a token that counts and is of a purpose's kind, and leaves it.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn find(
    connection: &mut PgConnection,
    id: LinkTokenId,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<StoredLinkToken>, StoreError> {
    let row = live(id, purpose, now)
        .select(LinkTokenRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredLinkToken::from))
}

/// Uses a token of a purpose's kind up: of many at once, one succeeds.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn consume(
    connection: &mut PgConnection,
    id: LinkTokenId,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<StoredLinkToken>, StoreError> {
    let row = diesel::delete(live(id, purpose, now))
        .returning(LinkTokenRow::as_returning())
        .get_result(connection)
        .optional()?;
    Ok(row.map(StoredLinkToken::from))
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
fn live(id: LinkTokenId, purpose: LinkPurpose, now: DateTime<Utc>) -> _ {
    let id: Uuid = id.uuid();
    let names: Vec<&'static str> = purpose.names_of_kind();
    link_tokens::table
        .filter(link_tokens::id.eq(id))
        .filter(link_tokens::purpose.eq_any(names))
        .filter(link_tokens::expires_at.gt(now))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = link_tokens, check_for_backend(Pg))]
struct LinkTokenRow {
    user_id: Uuid,
    email: String,
}

impl From<LinkTokenRow> for StoredLinkToken {
    fn from(row: LinkTokenRow) -> Self {
        Self {
            user_id: UserId::from_uuid(row.user_id),
            email: Email::from_stored(row.email),
        }
    }
}
