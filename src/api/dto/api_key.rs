//! API keys.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::reveal;
use crate::domain::oauth::api_key::{ApiKey, ApiKeyDescription};
use crate::flows::oauth::api_keys::OwnKeys;

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Backup script", "scopes": ["email", "editor"], "expires_at": "2027-01-31T12:00:00Z"
}))]
pub struct CreateApiKeyRequest {
    /// 1 to 64 characters, for the owner to tell it from others.
    pub name: String,
    /// What it may do, at least one: `profile`, `email`, `roles` for all roles, or the name of a role that the user
    /// has. `admin`, and roles that require a second factor, are never for keys.
    pub scopes: Vec<String>,
    /// When it ends, at most a year from now.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl CreateApiKeyRequest {
    /// Returns what the user asks for.
    pub fn describe(self) -> ApiKeyDescription {
        ApiKeyDescription {
            name: self.name,
            scopes: self.scopes,
            expires_at: self.expires_at,
        }
    }
}

/// An API key, without the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    /// Its id: the `client_id` of its access tokens.
    id: Uuid,
    /// The name that the owner gave it.
    #[schema(example = "Backup script")]
    name: String,
    /// What the owner allowed it. A role counts only while the account has it.
    #[schema(example = json!(["email", "editor"]))]
    scopes: Vec<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends.
    expires_at: DateTime<Utc>,
    /// When it was last exchanged for an access token, to within a minute.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

impl ApiKeyView {
    /// Shows a key to its owner.
    pub fn new(key: ApiKey) -> Self {
        Self {
            id: key.handle.key_id.uuid(),
            name: key.name,
            scopes: key.scopes.as_slice().to_vec(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyResponse {
    /// The key, which is never shown again. `POST /oauth/token` exchanges it for access tokens.
    #[schema(example = "vak_AQGTx…")]
    api_key: String,
    /// What is stored of it.
    #[serde(flatten)]
    key: ApiKeyView,
}

impl ApiKeyResponse {
    /// Shows a key, once.
    pub fn new(key: ApiKey, api_key: &SecretString) -> Self {
        Self {
            api_key: reveal(api_key),
            key: ApiKeyView::new(key),
        }
    }
}

/// API keys, newest first.
#[derive(Serialize, ToSchema)]
pub struct ApiKeysResponse {
    /// The keys that have not expired.
    items: Vec<ApiKeyView>,
    /// Every scope that a new key can have now.
    #[schema(example = json!(["profile", "email", "roles", "editor"]))]
    allowed_scopes: Vec<String>,
}

impl ApiKeysResponse {
    /// Shows keys.
    pub fn new(own: OwnKeys) -> Self {
        Self {
            items: own.keys.into_iter().map(ApiKeyView::new).collect(),
            allowed_scopes: own.allowed.as_slice().to_vec(),
        }
    }
}
