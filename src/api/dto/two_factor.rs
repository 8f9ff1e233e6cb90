//! `POST /2fa/verify`.

use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// A code for the second door.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pre_auth_token": "vpa_AQGTx…", "code": "123456"}))]
pub struct VerifyRequest {
    /// From `POST /login` or `POST /register`.
    #[schema(value_type = String, write_only)]
    pub pre_auth_token: SecretString,
    /// Six digits, or a recovery code: 24 characters of Crockford's base 32, in any case, with or without dashes.
    /// Spaces do not matter.
    #[schema(value_type = String, write_only)]
    pub code: SecretString,
    /// `totp` or `recovery_code`; when left out, the code's shape tells.
    #[schema(example = "totp")]
    pub method: Option<String>,
    /// Where the session's refresh tokens go: `body` (the default), or `cookie` for browsers.
    #[schema(example = "body")]
    pub delivery: Option<String>,
}
