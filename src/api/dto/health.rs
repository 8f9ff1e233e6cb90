//! Health answers.

use serde::Serialize;
use utoipa::ToSchema;

/// How the instance is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
}
