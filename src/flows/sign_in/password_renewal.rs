//! Renewal of password hashes when their owner next signs in, which is the only time that the password is known.
//!
//! So hashes that came from other programs, or were made with another cost or with the pepper of an older master key,
//! are replaced by current ones over time. The renewal does not affect the login, which was decided before; if it
//! cannot be done now, it is done at the next login.

use std::sync::Arc;

use crate::crypto::stored_password::{HashError, StoredPassword};
use crate::domain::ids::UserId;
use crate::domain::password::Password;
use crate::flows::{Core, Fault};
use crate::store::users;

/// Renews the hash of a password that was just verified, unless it is made with the current settings.
pub(in crate::flows) async fn renew(core: &Arc<Core>, id: UserId, password: Password, stored: StoredPassword) {
    if core.hasher.is_current(&stored) {
        return;
    }
    match try_to_renew(core, id, password, stored).await {
        Ok(renewed) => tracing::debug!(renewed, "a password's hash was outdated"),
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
