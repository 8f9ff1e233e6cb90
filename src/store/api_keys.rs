//! The `api_keys` table.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment};
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::old_rows;
use super::schema::{api_keys, users};
use super::users::UserRow;
use crate::domain::ids::{ApiKeyId, UserId};
use crate::domain::oauth::api_key::{ApiKey, ApiKeyHandle};
use crate::domain::oauth::scope::Scopes;
use crate::domain::policy::numbers::API_KEY_USE_NOTED_EVERY;
use crate::domain::user::{User, UserStatus};

/// Adds a key.
pub fn insert(connection: &mut PgConnection, key: &ApiKey) -> Result<(), StoreError> {
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::user_id.eq(key.handle.user_id.uuid()),
            api_keys::id.eq(key.handle.key_id.uuid()),
            api_keys::name.eq(&key.name),
            api_keys::scopes.eq(key.scopes.as_slice()),
            api_keys::created_at.eq(key.created_at),
            api_keys::expires_at.eq(key.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Deletes the expired keys of a user, and counts the others. The caller has locked the user's row.
pub fn keep_live(connection: &mut PgConnection, user_id: UserId, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let of_user = api_keys::table.filter(api_keys::user_id.eq(user_id.uuid()));
    diesel::delete(of_user.filter(api_keys::expires_at.le(now))).execute(connection)?;
    Ok(of_user.count().get_result(connection)?)
}

/// Finds a key that counts, with its account, and notes that it was used. A key counts until its end, while its account
/// is active. Its last use is written once a minute.
pub fn present(
    connection: &mut PgConnection,
    handle: ApiKeyHandle,
    now: DateTime<Utc>,
) -> Result<Option<(ApiKey, User)>, StoreError> {
    let stale = api_keys::last_used_at.is_null().or(api_keys::last_used_at
        .assume_not_null()
        .le(now - API_KEY_USE_NOTED_EVERY));
    // Names the key of both tables: a distributed database then sends the statement to one server.
    let account = users::table
        .filter(users::id.eq(handle.user_id.uuid()))
        .filter(users::status.eq(UserStatus::Active));
    let unnoted = api_keys::table
        .filter(api_keys::user_id.eq(handle.user_id.uuid()))
        .filter(api_keys::id.eq(handle.key_id.uuid()))
        .filter(api_keys::expires_at.gt(now))
        .filter(stale)
        .filter(exists(account));
    let noting = diesel::update(unnoted).set(api_keys::last_used_at.eq(now));
    let find = live(handle, now).select((ApiKeyRow::as_select(), UserRow::as_select()));
    let row: Option<(ApiKeyRow, UserRow)> = CachedStatement(Noting { noting, find })
        .get_result(connection)
        .optional()?;
    Ok(row.map(|(key, user)| (key.into(), user.into())))
}

/// Finds a key that counts, with its account.
pub fn find(
    connection: &mut PgConnection,
    handle: ApiKeyHandle,
    now: DateTime<Utc>,
) -> Result<Option<(ApiKey, User)>, StoreError> {
    let row: Option<(ApiKeyRow, UserRow)> = live(handle, now)
        .select((ApiKeyRow::as_select(), UserRow::as_select()))
        .first(connection)
        .optional()?;
    Ok(row.map(|(key, user)| (key.into(), user.into())))
}

#[diesel::dsl::auto_type]
fn live(handle: ApiKeyHandle, now: DateTime<Utc>) -> _ {
    let usable: UserStatus = UserStatus::Active;
    let (user_id, id): (Uuid, Uuid) = (handle.user_id.uuid(), handle.key_id.uuid());
    api_keys::table
        .inner_join(users::table.on(users::id.eq(api_keys::user_id)))
        .filter(users::id.eq(user_id))
        .filter(users::status.eq(usable))
        .filter(api_keys::user_id.eq(user_id))
        .filter(api_keys::id.eq(id))
        .filter(api_keys::expires_at.gt(now))
}

/// A `SELECT` beside an `UPDATE` whose rows it does not need. It reads what was there before the update.
struct Noting<U, S> {
    noting: U,
    find: S,
}

impl<U, S: Query> Query for Noting<U, S> {
    type SqlType = S::SqlType;
}

impl<U: QueryFragment<Pg>, S: QueryFragment<Pg>> QueryFragment<Pg> for Noting<U, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH noted AS (");
        self.noting.walk_ast(out.reborrow())?;
        out.push_sql(") ");
        self.find.walk_ast(out.reborrow())
    }
}

/// Lists the keys of a user that have not expired, newest first.
pub fn list(connection: &mut PgConnection, user_id: UserId, now: DateTime<Utc>) -> Result<Vec<ApiKey>, StoreError> {
    let rows: Vec<ApiKeyRow> = api_keys::table
        .filter(api_keys::user_id.eq(user_id.uuid()))
        .filter(api_keys::expires_at.gt(now))
        .order(api_keys::id.desc())
        .select(ApiKeyRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// Lists everything that is stored about a user's keys, newest first.
pub fn list_records(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
    let rows: Vec<ApiKeyRow> = api_keys::table
        .filter(api_keys::user_id.eq(user_id.uuid()))
        .order(api_keys::id.desc())
        .select(ApiKeyRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// Deletes a key. Returns whether there was one.
pub fn remove(connection: &mut PgConnection, handle: ApiKeyHandle) -> Result<bool, StoreError> {
    let key = api_keys::table.find((handle.user_id.uuid(), handle.key_id.uuid()));
    Ok(diesel::delete(key).execute(connection)? == 1)
}

/// Deletes all keys of a user. Returns how many there were.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<usize, StoreError> {
    let of_user = api_keys::table.filter(api_keys::user_id.eq(user_id.uuid()));
    Ok(diesel::delete(of_user).execute(connection)?)
}

/// Deletes up to `most` rows that were created before an id. Rows that another transaction has locked are left for the
/// next run. Returns how many were deleted.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    old_rows::delete_before!(api_keys, connection, id, most)
}

/// Returns whether there are keys that were created before an id.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn exist_before(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    old_rows::exist_before!(api_keys, connection, id)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Pg))]
struct ApiKeyRow {
    user_id: Uuid,
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            handle: ApiKeyHandle {
                user_id: UserId::from_uuid(row.user_id),
                key_id: ApiKeyId::from_uuid(row.id),
            },
            name: row.name,
            scopes: Scopes::from_stored(row.scopes),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}
