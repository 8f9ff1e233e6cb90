//! Service clients: back ends that may introspect and revoke tokens. Operators make them on the command line.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::ids::ServiceClientId;
use crate::domain::service_client::ClientSecret;
use crate::flows::{Core, Fault};
use crate::store::error::StoreError;
use crate::store::service_clients::{self, StoredClient};

/// A service client as operators see it.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    /// The user part of its credentials.
    pub id: ServiceClientId,
    /// Its name among operators.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Makes a client and its secret, which is shown only once. `None`: the name is taken.
pub async fn create(core: &Arc<Core>, name: String) -> Result<Option<(ServiceClient, SecretString)>, Fault> {
    let now = core.clock.now();
    let id = ServiceClientId::new(now, core.random.as_ref());
    let secret = ClientSecret::generate(core.random.as_ref());
    let stored = StoredClient {
        id,
        name,
        secret_hash: core.client_secret_hasher.hash(id, &secret)?,
        created_at: now,
    };
    let shown = ServiceClient {
        id,
        name: stored.name.clone(),
        created_at: now,
    };
    let made = core
        .transaction_at(now, "service_clients.create", core.own_origin(), move |tx| {
            let made = service_clients::insert(tx.connection, &stored)?;
            if made {
                let event = AuditEvent::of_deployment(EventName::ServiceClientCreated).with_client(id);
                tx.audit(&[event])?;
            }
            Ok(made)
        })
        .await?;
    Ok(made.then(|| (shown, secret.to_token())))
}

/// Lists all clients, oldest first.
pub async fn list(core: &Arc<Core>) -> Result<Vec<ServiceClient>, Fault> {
    let stored = core
        .db
        .read("service_clients.list", |connection| {
            service_clients::list(connection).map_err(Fault::from)
        })
        .await?;
    let show = |client: StoredClient| ServiceClient {
        id: client.id,
        name: client.name,
        created_at: client.created_at,
    };
    Ok(stored.into_iter().map(show).collect())
}

/// Deletes a client. Returns whether there was one.
pub async fn delete(core: &Arc<Core>, id: ServiceClientId) -> Result<bool, Fault> {
    core.transaction("service_clients.delete", core.own_origin(), move |tx| {
        let deleted = service_clients::delete(tx.connection, id)?;
        if deleted {
            let event = AuditEvent::of_deployment(EventName::ServiceClientDeleted).with_client(id);
            tx.audit(&[event])?;
        }
        Ok(deleted)
    })
    .await
}

/// Finds the client behind HTTP Basic credentials; `None` for all credentials that are not valid.
pub async fn authenticate(core: &Arc<Core>, id: &str, secret: &SecretString) -> Result<Option<ServiceClientId>, Fault> {
    let (Some(id), Some(secret)) = (ServiceClientId::parse(id), ClientSecret::parse(secret.expose_secret())) else {
        return Ok(None);
    };
    let found = core
        .db
        .read("service_clients.find", move |connection| -> Result<_, StoreError> {
            service_clients::find(connection, id)
        })
        .await?;
    let good = found.is_some_and(|client| core.client_secret_hasher.matches(id, &secret, &client.secret_hash));
    Ok(good.then_some(id))
}
