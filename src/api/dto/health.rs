//! Health answers.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// How the instance is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// How each part is; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checks: Option<Checks>,
}

/// How each part is.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    /// The database answers.
    pub database: Check,
    /// The schema is this program's.
    pub migrations: Check,
    /// The keys are loaded, and the current one makes way in time; its age.
    pub signing_key: Check,
    /// Messages are tried when they are due; for how long one is overdue.
    pub outbox: Check,
}

impl Checks {
    /// Returns them as a member of a problem document.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How one part is.
#[derive(Serialize, ToSchema)]
pub struct Check {
    /// `ok`; `late`: works, but somebody should look; `failed`: nothing is served for want of it; `unknown`: cannot be asked.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The age or the delay that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seconds: Option<i64>,
}
