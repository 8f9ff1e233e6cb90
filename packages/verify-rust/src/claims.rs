//! The claims of an access token (RFC 9068), as far as they count here.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The claims; docs/reference/claims.md of the service explains each. Unknown ones are in `rest`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) sid: Option<String>,
    pub(crate) auth_time: Option<u64>,
    pub(crate) acr: Option<String>,
    #[serde(default)]
    pub(crate) amr: Vec<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
    #[serde(default)]
    pub(crate) app: Map<String, Value>,
    pub(crate) scope: Option<String>,
    /// Kept as it is: a binding of an unknown kind must not be overlooked.
    #[serde(default, deserialize_with = "present")]
    pub(crate) cnf: Option<Value>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Takes `null` for a value.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}
