//! A grant: what a user allowed an application, for as long as the session lasts in which they allowed it.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ClientId, SessionId, UserId};
use crate::domain::oauth::client::{Client, ClientRef};
use crate::domain::oauth::pkce::CodeChallenge;
use crate::domain::oauth::scope::Scopes;

/// The reason of `session_created` for a session that is a grant.
pub const SESSION_OF_APPLICATION: &str = "grant";

/// What a session that is a grant was granted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The session that the user granted in. The grant ends with it.
    pub parent: SessionId,
    /// The application.
    pub client: ClientRef,
    /// What was granted.
    pub scopes: Scopes,
    /// The resource that access tokens are for.
    pub audience: String,
    /// What the application bound the first ID token to.
    pub nonce: Option<String>,
}

/// The application that presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedClient {
    /// Its id.
    pub id: ClientId,
    /// What is known of it.
    pub standing: ClientStanding,
}

impl PresentedClient {
    /// Returns a client that was found and has authenticated, if it has to.
    pub const fn of(client: &Client) -> Self {
        Self {
            id: client.id,
            standing: if client.is_described() {
                ClientStanding::Described
            } else {
                ClientStanding::Authenticated
            },
        }
    }
}

/// What is known of a client that presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStanding {
    /// It says who it is. Only a registered application that cannot keep a secret need not authenticate.
    Named,
    /// It is registered, and has authenticated.
    Authenticated,
    /// It describes itself, and has authenticated if its document says so. It is in no table.
    Described,
}

/// What an authorization code is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeBinding {
    /// The application that it was made for.
    pub client_id: ClientId,
    /// The redirect URI of the request, or the one that the application repeats.
    pub redirect_uri: String,
    /// The challenge of the request, or the hash of the verifier that the application shows.
    pub challenge: CodeChallenge,
}

/// What a user allowed an application, so that they are not asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The user.
    pub user_id: UserId,
    /// The application.
    pub client_id: ClientId,
    /// The resource that it was allowed for. What was allowed for one resource counts for no other.
    pub audience: String,
    /// Every scope that was allowed there.
    pub scopes: Scopes,
    /// When scopes were last added.
    pub granted_at: DateTime<Utc>,
}
