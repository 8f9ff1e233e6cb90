//! The `clients` table.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::clients;
use crate::domain::ids::ClientId;
use crate::domain::oauth::client::{Client, ClientKind};
use crate::domain::oauth::redirect_uri::RedirectUri;
use crate::domain::oauth::scope::Scopes;

/// A client as stored.
#[derive(Clone)]
pub struct StoredClient {
    /// The client.
    pub client: Client,
    /// The hash of its secret, and of the one before.
    pub secrets: SecretHashes,
    /// The public keys that it authenticates with, as a JWK set.
    pub jwks: Option<String>,
}

/// The hashes of a client's secrets.
#[derive(Clone, Default)]
pub struct SecretHashes {
    /// That of the newest one; `None` if it has none.
    pub newest: Option<Vec<u8>>,
    /// That of the one before, and until when it is accepted.
    pub previous: Option<(Vec<u8>, DateTime<Utc>)>,
}

/// Adds a client unless its name is taken.
pub fn insert(connection: &mut PgConnection, stored: &StoredClient) -> Result<bool, StoreError> {
    let client = &stored.client;
    let inserted = diesel::insert_into(clients::table)
        .values((
            clients::id.eq(client.id.uuid()),
            clients::name.eq(&client.name),
            clients::kind.eq(client.kind),
            clients::first_party.eq(client.first_party),
            clients::redirect_uris.eq(texts(&client.redirect_uris)),
            clients::post_logout_redirect_uris.eq(texts(&client.post_logout_redirect_uris)),
            clients::audiences.eq(&client.audiences),
            clients::scopes.eq(client.scopes.as_slice()),
            clients::secret_hash.eq(&stored.secrets.newest),
            clients::jwks.eq(&stored.jwks),
            clients::created_at.eq(client.created_at),
            clients::dpop_bound_access_tokens.eq(client.dpop_bound_access_tokens),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

fn texts(uris: &[RedirectUri]) -> Vec<&str> {
    uris.iter().map(RedirectUri::as_str).collect()
}

/// Finds a client.
pub fn find(connection: &mut PgConnection, id: ClientId) -> Result<Option<StoredClient>, StoreError> {
    let row = clients::table
        .find(id.uuid())
        .select(ClientRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredClient::from))
}

/// Lists all clients, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<StoredClient>, StoreError> {
    let rows = clients::table
        .order(clients::id)
        .select(ClientRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredClient::from).collect())
}

/// Replaces the secret of a client that has one. The one before is accepted until `overlap_ends`. Returns whether there
/// was such a client.
pub fn replace_secret(
    connection: &mut PgConnection,
    id: ClientId,
    hash: &[u8],
    overlap_ends: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let with_secret = clients::table
        .find(id.uuid())
        .filter(clients::secret_hash.is_not_null());
    let replaced = diesel::update(with_secret)
        .set((
            clients::previous_secret_hash.eq(clients::secret_hash),
            clients::previous_secret_expires_at.eq(overlap_ends),
            clients::secret_hash.eq(hash),
        ))
        .execute(connection)?;
    Ok(replaced == 1)
}

/// Deletes a client. Returns whether there was one.
pub fn delete(connection: &mut PgConnection, id: ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(clients::table.find(id.uuid())).execute(connection)? == 1)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients, check_for_backend(Pg))]
struct ClientRow {
    id: Uuid,
    name: String,
    kind: ClientKind,
    first_party: bool,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    audiences: Vec<String>,
    scopes: Vec<String>,
    secret_hash: Option<Vec<u8>>,
    jwks: Option<String>,
    previous_secret_hash: Option<Vec<u8>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    dpop_bound_access_tokens: bool,
}

impl From<ClientRow> for StoredClient {
    fn from(row: ClientRow) -> Self {
        let uris = |stored: Vec<String>| stored.into_iter().map(RedirectUri::from_stored).collect();
        Self {
            client: Client {
                id: ClientId::from_uuid(row.id),
                name: row.name,
                kind: row.kind,
                first_party: row.first_party,
                redirect_uris: uris(row.redirect_uris),
                post_logout_redirect_uris: uris(row.post_logout_redirect_uris),
                audiences: row.audiences,
                scopes: Scopes::from_stored(row.scopes),
                created_at: row.created_at,
                dpop_bound_access_tokens: row.dpop_bound_access_tokens,
            },
            secrets: SecretHashes {
                newest: row.secret_hash,
                previous: row.previous_secret_hash.zip(row.previous_secret_expires_at),
            },
            jwks: row.jwks,
        }
    }
}
