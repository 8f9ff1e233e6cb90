//! The `consents` table.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::consents;
use crate::domain::ids::{ClientId, UserId};
use crate::domain::oauth::grant::Consent;
use crate::domain::oauth::scope::Scopes;

/// Finds what a user allowed a client for a resource.
pub fn find(
    connection: &mut PgConnection,
    (user_id, client_id): (UserId, ClientId),
    audience: &str,
) -> Result<Option<Scopes>, StoreError> {
    let scopes = consents::table
        .find((user_id.uuid(), client_id.uuid(), audience))
        .select(consents::scopes)
        .first(connection)
        .optional()?;
    Ok(scopes.map(Scopes::from_stored))
}

/// Stores what a user allowed a client for a resource, in the place of what they allowed for it before. The caller has
/// locked the user's row.
pub fn store(connection: &mut PgConnection, consent: &Consent) -> Result<(), StoreError> {
    let changes = (
        consents::scopes.eq(consent.scopes.as_slice()),
        consents::granted_at.eq(consent.granted_at),
    );
    diesel::insert_into(consents::table)
        .values((
            consents::user_id.eq(consent.user_id.uuid()),
            consents::client_id.eq(consent.client_id.uuid()),
            consents::audience.eq(&consent.audience),
            changes,
        ))
        .on_conflict((consents::user_id, consents::client_id, consents::audience))
        .do_update()
        .set(changes)
        .execute(connection)?;
    Ok(())
}

/// Lists what a user allowed, newest first.
pub fn list(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<Consent>, StoreError> {
    let rows = consents::table
        .filter(consents::user_id.eq(user_id.uuid()))
        .order((consents::granted_at.desc(), consents::client_id, consents::audience))
        .select(ConsentRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Consent::from).collect())
}

/// Lists users who allowed something, in the order of their ids, starting after the user `after` if it is given.
pub fn users(connection: &mut PgConnection, after: Option<UserId>, most: i64) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = consents::table
        .filter(consents::user_id.gt(after.map_or_else(Uuid::nil, UserId::uuid)))
        .order(consents::user_id)
        .select(consents::user_id)
        .distinct()
        .limit(most)
        .load(connection)?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// Removes everything that a user allowed a client. Returns whether there was anything.
pub fn delete(connection: &mut PgConnection, user_id: UserId, client_id: ClientId) -> Result<bool, StoreError> {
    let of_client = consents::table
        .filter(consents::user_id.eq(user_id.uuid()))
        .filter(consents::client_id.eq(client_id.uuid()));
    Ok(diesel::delete(of_client).execute(connection)? > 0)
}

/// Removes all that a user allowed. Returns the clients.
pub fn delete_all(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<ClientId>, StoreError> {
    let of_user = consents::table.filter(consents::user_id.eq(user_id.uuid()));
    let clients: Vec<Uuid> = diesel::delete(of_user)
        .returning(consents::client_id)
        .get_results(connection)?;
    Ok(clients.into_iter().map(ClientId::from_uuid).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = consents, check_for_backend(Pg))]
struct ConsentRow {
    user_id: Uuid,
    client_id: Uuid,
    audience: String,
    scopes: Vec<String>,
    granted_at: DateTime<Utc>,
}

impl From<ConsentRow> for Consent {
    fn from(row: ConsentRow) -> Self {
        Self {
            user_id: UserId::from_uuid(row.user_id),
            client_id: ClientId::from_uuid(row.client_id),
            audience: row.audience,
            scopes: Scopes::from_stored(row.scopes),
            granted_at: row.granted_at,
        }
    }
}
