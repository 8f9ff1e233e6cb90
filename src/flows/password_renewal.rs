//! Passwords are hashed anew when their owner next types them: the one moment at which that can be done.
//!
//! So hashes that came from other programs, were made at another cost, or with the pepper of an older master key turn into
//! today's one by one. Whoever signs in gains or loses nothing by it: the login was decided before, and a renewal that
//! cannot be done now waits for the next one.

use std::sync::Arc;

use super::{Core, Fault};
use crate::crypto::stored_password::{HashError, StoredPassword};
use crate::domain::ids::UserId;
use crate::domain::password::Password;
use crate::store::users;

/// Renews the hash of a password that was just found right, if it is not made as new ones are.
pub(super) async fn renew(core: &Arc<Core>, id: UserId, password: Password, stored: StoredPassword) {
    if core.hasher.is_current(&stored) {
        return;
    }
    match try_to_renew(core, id, password, stored).await {
        Ok(renewed) => tracing::debug!(renewed, "a password's hash was not today's"),
        Err(Fault::Hash(HashError::Busy)) => tracing::debug!("no thread was free to renew a password's hash"),
        Err(fault) => tracing::warn!(error = %fault, "a password's hash could not be renewed"),
    }
}

async fn try_to_renew(core: &Arc<Core>, id: UserId, password: Password, stored: StoredPassword) -> Result<bool, Fault> {
    let renewed = core.hasher.renew(password).await?;
    core.db
        .transaction("password_renewal", move |connection| {
            users::renew_password(connection, id, &stored, &renewed).map_err(Fault::from)
        })
        .await
}
