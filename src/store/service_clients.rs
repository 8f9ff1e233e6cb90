//! The `service_clients` table.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::service_clients;
use crate::domain::ids::ServiceClientId;

/// A service client as stored.
pub struct StoredClient {
    /// The user part of its credentials.
    pub id: ServiceClientId,
    /// The name that the operator gave it.
    pub name: String,
    /// The hash of its secret.
    pub secret_hash: Vec<u8>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Adds a service client unless its name is taken.
pub fn insert(connection: &mut PgConnection, client: &StoredClient) -> Result<bool, StoreError> {
    let inserted = diesel::insert_into(service_clients::table)
        .values((
            service_clients::id.eq(client.id.uuid()),
            service_clients::name.eq(&client.name),
            service_clients::secret_hash.eq(&client.secret_hash),
            service_clients::created_at.eq(client.created_at),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

/// Finds a service client.
pub fn find(connection: &mut PgConnection, id: ServiceClientId) -> Result<Option<StoredClient>, StoreError> {
    let row = service_clients::table
        .find(id.uuid())
        .select(ClientRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredClient::from))
}

/// Lists all service clients, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<StoredClient>, StoreError> {
    let rows = service_clients::table
        .order(service_clients::id)
        .select(ClientRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredClient::from).collect())
}

/// Deletes a service client. Returns whether there was one.
pub fn delete(connection: &mut PgConnection, id: ServiceClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(service_clients::table.find(id.uuid())).execute(connection)? == 1)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = service_clients, check_for_backend(Pg))]
struct ClientRow {
    id: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    created_at: DateTime<Utc>,
}

impl From<ClientRow> for StoredClient {
    fn from(row: ClientRow) -> Self {
        Self {
            id: ServiceClientId::from_uuid(row.id),
            name: row.name,
            secret_hash: row.secret_hash,
            created_at: row.created_at,
        }
    }
}
