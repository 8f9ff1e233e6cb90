//! Registered clients, as operators see them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::reveal;
use crate::domain::oauth::client::{Client, ClientChanges, ClientDescription};
use crate::domain::oauth::redirect_uri::RedirectUri;

/// A client to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Shop", "kind": "public", "redirect_uris": ["https://shop.example.com/callback"],
    "audiences": ["https://api.example.com"], "scopes": ["openid", "orders:read"]
}))]
pub struct RegisterClientRequest {
    /// Its name, 1 to 100 characters; users see it where they are asked for consent.
    pub name: String,
    /// `public`: an application that cannot keep a secret. `confidential`: one that can. `service`: a back end without
    /// users.
    pub kind: String,
    /// Whether it belongs to the deployment: users are not asked for consent, and it always gets refresh tokens.
    pub first_party: Option<bool>,
    /// Where users are sent with an authorization code.
    #[schema(max_items = 20)]
    pub redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after a logout.
    #[schema(max_items = 20)]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The resources that it may get access tokens for, the default first.
    #[schema(max_items = 20)]
    pub audiences: Option<Vec<String>>,
    /// The scopes that it may get. If omitted, an application may get `openid`, `profile`, `email` and `offline_access`.
    #[schema(max_items = 32)]
    pub scopes: Option<Vec<String>>,
    /// Public keys, as a JWK set: the client signs assertions (`private_key_jwt`), and has no secret.
    #[schema(nullable = false, value_type = Option<ClientKeySet>)]
    pub jwks: Option<Value>,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2). Without, it may bind them.
    pub dpop_bound_access_tokens: Option<bool>,
}

impl From<RegisterClientRequest> for ClientDescription {
    fn from(request: RegisterClientRequest) -> Self {
        Self {
            name: request.name,
            kind: request.kind,
            first_party: request.first_party.unwrap_or_default(),
            redirect_uris: request.redirect_uris.unwrap_or_default(),
            post_logout_redirect_uris: request.post_logout_redirect_uris.unwrap_or_default(),
            audiences: request.audiences.unwrap_or_default(),
            scopes: request.scopes.unwrap_or_default(),
            jwks: request.jwks.map(|jwks| jwks.to_string()),
            dpop_bound_access_tokens: request.dpop_bound_access_tokens.unwrap_or_default(),
        }
    }
}

/// The public keys of a client. Keys have further members, by their kind, so the schema allows any.
pub enum ClientKeySet {}

impl PartialSchema for ClientKeySet {
    fn schema() -> RefOr<Schema> {
        let any = || Some(AdditionalProperties::<Schema>::FreeForm(true));
        let key = ObjectBuilder::new()
            .description(Some("A public key (RFC 7517 §4)."))
            .additional_properties(any());
        let keys = ArrayBuilder::new().items(key).description(Some("The keys."));
        ObjectBuilder::new()
            .description(Some("Public keys, as a JWK set (RFC 7517 §5)."))
            .property("keys", keys)
            .required("keys")
            .additional_properties(any())
            .into()
    }
}

impl ToSchema for ClientKeySet {
    fn name() -> Cow<'static, str> {
        "ClientKeySet".into()
    }
}

/// What changes of a client. What is left out stays as it is; a list replaces the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Store", "redirect_uris": ["https://store.example.com/callback"]}))]
pub struct UpdateClientRequest {
    /// Its name, 1 to 100 characters; users see it where they are asked for consent.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Where users are sent with an authorization code.
    #[schema(nullable = false, max_items = 20)]
    pub redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after a logout.
    #[schema(nullable = false, max_items = 20)]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The resources that it may get access tokens for, the default first.
    #[schema(nullable = false, max_items = 20)]
    pub audiences: Option<Vec<String>>,
    /// The scopes that it may get: at least one for an application.
    #[schema(nullable = false, max_items = 32)]
    pub scopes: Option<Vec<String>>,
    /// Public keys, as a JWK set. They take the place of its secret, which is refused at once.
    #[schema(nullable = false, value_type = Option<ClientKeySet>)]
    pub jwks: Option<Value>,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2), from the next ones on.
    #[schema(nullable = false)]
    pub dpop_bound_access_tokens: Option<bool>,
}

impl From<UpdateClientRequest> for ClientChanges {
    fn from(request: UpdateClientRequest) -> Self {
        Self {
            name: request.name,
            redirect_uris: request.redirect_uris,
            post_logout_redirect_uris: request.post_logout_redirect_uris,
            audiences: request.audiences,
            scopes: request.scopes,
            jwks: request.jwks.map(|jwks| jwks.to_string()),
            dpop_bound_access_tokens: request.dpop_bound_access_tokens,
        }
    }
}

/// A registered client.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredClient)]
pub struct ClientView {
    /// Its `client_id`.
    id: Uuid,
    /// Its name.
    #[schema(example = "Shop")]
    name: String,
    /// `public`, `confidential` or `service`.
    #[schema(example = "public")]
    kind: &'static str,
    /// Whether users are not asked for consent.
    first_party: bool,
    /// Where users are sent with an authorization code.
    #[schema(example = json!(["https://shop.example.com/callback"]))]
    redirect_uris: Vec<String>,
    /// Where users may be sent after a logout.
    #[schema(example = json!([]))]
    post_logout_redirect_uris: Vec<String>,
    /// The resources that it may get access tokens for, the default first.
    #[schema(example = json!(["https://api.example.com"]))]
    audiences: Vec<String>,
    /// The scopes that it may get.
    #[schema(example = json!(["openid", "orders:read"]))]
    scopes: Vec<String>,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    dpop_bound_access_tokens: bool,
    /// When it was registered.
    created_at: DateTime<Utc>,
    /// Its secret, which is shown only once; only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "vcs_…")]
    secret: Option<String>,
}

impl ClientView {
    /// Shows a client.
    pub fn new(client: &Client) -> Self {
        let texts = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        Self {
            id: client.id.uuid(),
            name: client.name.clone(),
            kind: client.kind.as_str(),
            first_party: client.is_first_party(),
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
            audiences: client.audiences.clone(),
            scopes: client.scopes.as_slice().to_vec(),
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            created_at: client.created_at,
            secret: None,
        }
    }

    /// Shows a client that was just registered.
    pub fn registered(client: &Client, secret: Option<&SecretString>) -> Self {
        Self {
            secret: secret.map(reveal),
            ..Self::new(client)
        }
    }
}

/// The registered clients.
#[derive(Serialize, ToSchema)]
pub struct ClientsResponse {
    /// Oldest first.
    items: Vec<ClientView>,
}

impl ClientsResponse {
    /// Shows a list.
    pub fn new(clients: &[Client]) -> Self {
        Self {
            items: clients.iter().map(ClientView::new).collect(),
        }
    }
}

/// How to replace a secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecretRequest {
    /// How many hours the old secret is still accepted; 24 if omitted.
    #[schema(nullable = false, minimum = 0, maximum = 720, example = 24)]
    pub overlap_hours: Option<u16>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
pub struct RotatedSecret {
    /// The secret, which is shown only once.
    #[schema(example = "vcs_…")]
    secret: String,
}

impl RotatedSecret {
    /// Shows a secret to the operator who asked for it.
    pub fn new(secret: &SecretString) -> Self {
        Self { secret: reveal(secret) }
    }
}
