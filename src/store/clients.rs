//! The `clients` table.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::clients;
use crate::domain::ids::ClientId;
use crate::domain::oauth::client::{Client, ClientKind, ClientRef, NamedApplication, Ownership};
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
            clients::first_party.eq(client.is_first_party()),
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

/// Finds a client, and locks its row until the transaction ends.
pub fn find_for_update(connection: &mut PgConnection, id: ClientId) -> Result<Option<StoredClient>, StoreError> {
    let row = clients::table
        .find(id.uuid())
        .select(ClientRow::as_select())
        .for_update()
        .first(connection)
        .optional()?;
    Ok(row.map(StoredClient::from))
}

/// Returns whether a client other than `id` has a name.
pub fn is_named(connection: &mut PgConnection, name: &str, id: ClientId) -> Result<bool, StoreError> {
    let others = clients::table
        .filter(clients::name.eq(name))
        .filter(clients::id.ne(id.uuid()));
    Ok(diesel::select(exists(others)).get_result(connection)?)
}

/// Stores the changes of a client. New keys take the place of its secrets.
pub fn update(connection: &mut PgConnection, client: &Client, jwks: Option<&str>) -> Result<(), StoreError> {
    diesel::update(clients::table.find(client.id.uuid()))
        .set((
            clients::name.eq(&client.name),
            clients::redirect_uris.eq(texts(&client.redirect_uris)),
            clients::post_logout_redirect_uris.eq(texts(&client.post_logout_redirect_uris)),
            clients::audiences.eq(&client.audiences),
            clients::scopes.eq(client.scopes.as_slice()),
            clients::dpop_bound_access_tokens.eq(client.dpop_bound_access_tokens),
        ))
        .execute(connection)?;
    if let Some(jwks) = jwks {
        diesel::update(clients::table.find(client.id.uuid()))
            .set((
                clients::jwks.eq(jwks),
                clients::secret_hash.eq(None::<Vec<u8>>),
                clients::previous_secret_hash.eq(None::<Vec<u8>>),
                clients::previous_secret_expires_at.eq(None::<DateTime<Utc>>),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Lists all clients, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<StoredClient>, StoreError> {
    let rows = clients::table
        .order(clients::id)
        .select(ClientRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredClient::from).collect())
}

/// Finds the names of clients that users sign in to, in the order of their ids. Those that describe themselves are known
/// by their hosts, and have no row.
pub fn application_names(
    connection: &mut PgConnection,
    clients: &[ClientRef],
) -> Result<Vec<NamedApplication>, StoreError> {
    let described = |client: &ClientRef| Some((client.id, client.url.as_ref()?.host().to_owned()));
    let mut names: BTreeMap<ClientId, String> = clients.iter().filter_map(described).collect();
    let ids: Vec<Uuid> = clients
        .iter()
        .filter(|client| client.url.is_none())
        .map(|client| client.id.uuid())
        .collect();
    if !ids.is_empty() {
        names.extend(registered_names(connection, &ids)?);
    }
    let named = |(client_id, name)| NamedApplication { client_id, name };
    Ok(names.into_iter().map(named).collect())
}

fn registered_names(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(ClientId, String)>, StoreError> {
    let kinds: Vec<ClientKind> = ClientKind::ALL
        .into_iter()
        .filter(|kind| kind.is_application())
        .collect();
    let rows: Vec<(Uuid, String)> = clients::table
        .filter(clients::id.eq_any(ids))
        .filter(clients::kind.eq_any(kinds))
        .select((clients::id, clients::name))
        .load(connection)?;
    let named = |(id, name)| (ClientId::from_uuid(id), name);
    Ok(rows.into_iter().map(named).collect())
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
                ownership: Ownership::registered(row.first_party),
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
