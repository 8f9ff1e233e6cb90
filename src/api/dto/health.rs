//! Responses of the health endpoints.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The health of the instance.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// The state of each part; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checks: Option<Checks>,
}

/// The state of each part.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    /// Whether the database answers.
    pub database: Check,
    /// Whether the schema is the one of this program.
    pub migrations: Check,
    /// Whether the signing keys are loaded and rotated in time; with the age of the current key.
    pub signing_key: Check,
    /// Whether messages are sent when they are due; with the longest delay.
    pub outbox: Check,
}

impl Checks {
    /// Returns them as a member of a problem document.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The state of one part.
#[derive(Serialize, ToSchema)]
pub struct Check {
    /// `ok`; `late`: works, but needs an operator's attention; `failed`: requests cannot be served because of it;
    /// `unknown`: could not be checked.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The age or the delay that was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seconds: Option<i64>,
}
