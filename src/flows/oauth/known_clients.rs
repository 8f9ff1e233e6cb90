//! Finds applications by the `client_id` that they send: registered ones in the database, and those that describe
//! themselves by their documents.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::client_documents::DocumentFault;
use crate::crypto::client_keys::{self, ClientKeys};
use crate::crypto::oauth;
use crate::domain::ids::ClientId;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::client_document::ClientDocument;
use crate::domain::oauth::client_url::ClientUrl;
use crate::flows::admin::clients;
use crate::flows::{Core, Fault};

/// The result of looking for a client.
#[must_use]
pub enum ClientSearch {
    /// The client. Whether it has to authenticate is not checked.
    Found(Box<Client>),
    /// There is no such client, or what it shows is not valid.
    Unknown,
    /// It describes itself, and the document cannot be used.
    Refused(&'static str),
    /// It describes itself, and the document cannot be had at this moment.
    Unavailable(&'static str),
}

impl ClientSearch {
    fn of(found: Option<Client>) -> Self {
        found.map_or(Self::Unknown, |client| Self::Found(Box::new(client)))
    }

    /// Returns the client, where all else is one.
    pub(super) fn found(self) -> Option<Client> {
        match self {
            Self::Found(client) => Some(*client),
            Self::Unknown | Self::Refused(_) | Self::Unavailable(_) => None,
        }
    }
}

/// Finds a client by its `client_id`.
pub async fn find(core: &Arc<Core>, client_id: &str) -> Result<ClientSearch, Fault> {
    if ClientUrl::is_meant(client_id) {
        return Ok(match document(core, client_id).await {
            Ok((id, document)) => ClientSearch::Found(Box::new(describe(core, id, &document))),
            Err(search) => search,
        });
    }
    match ClientId::parse(client_id) {
        Some(id) => Ok(ClientSearch::of(clients::find(core, id).await?)),
        None => Ok(ClientSearch::Unknown),
    }
}

/// Gets the document of an application that describes itself.
async fn document(core: &Core, client_id: &str) -> Result<(ClientId, Arc<ClientDocument>), ClientSearch> {
    let Some(documents) = &core.client_documents else {
        return Err(ClientSearch::Unknown);
    };
    let url = ClientUrl::parse(client_id, documents.reach()).map_err(ClientSearch::Refused)?;
    match documents.get(&url).await {
        Ok(document) => Ok((oauth::client_id_of(&url), document)),
        Err(fault) => {
            tracing::info!(client_id = url.as_str(), why = %fault, "an application's document cannot be used");
            Err(match fault {
                DocumentFault::Refused(why) => ClientSearch::Refused(why),
                DocumentFault::Unavailable(why) => ClientSearch::Unavailable(why),
            })
        }
    }
}

fn describe(core: &Core, id: ClientId, document: &ClientDocument) -> Client {
    let client = document.client(id, &core.settings.document_policy, core.clock.now());
    client.or_userinfo(&core.settings.access_tokens.userinfo())
}

/// Finds the client that signed an assertion. Every assertion that is not valid, or was presented before, is of no client.
pub async fn authenticate_by_assertion(core: &Arc<Core>, assertion: &SecretString) -> Result<ClientSearch, Fault> {
    let claims = client_keys::claimed_client(assertion.expose_secret());
    let claimed = claims.as_ref().and_then(|claims| claims.client_id());
    let Some(client_id) = claimed.filter(|claimed| ClientUrl::is_meant(claimed)) else {
        return Ok(ClientSearch::of(
            clients::authenticate_by_assertion(core, assertion).await?,
        ));
    };
    let (id, document) = match document(core, client_id).await {
        Ok(described) => described,
        Err(search) => return Ok(search),
    };
    let keys = document.jwks.as_deref().and_then(|jwks| ClientKeys::parse(jwks).ok());
    let Some(keys) = keys else {
        return Ok(ClientSearch::Unknown);
    };
    let is_accepted = clients::accept_assertion(core, id, &keys, assertion).await?;
    Ok(ClientSearch::of(is_accepted.then(|| describe(core, id, &document))))
}
