//! Whether this instance can serve.

use std::sync::Arc;

use super::{Core, Fault};
use crate::store::users;

/// Checks that the database answers, on the schema of this program, and that the signing keys are loaded.
///
/// # Errors
///
/// Returns what is missing.
pub async fn ready(core: &Arc<Core>) -> Result<(), Fault> {
    core.db
        .read("health.ready", |connection| {
            users::probe(connection).map_err(Fault::from)
        })
        .await?;
    core.keys.published().map(|_keys| ())
}
