//! What an account says about itself.

use std::sync::Arc;

use super::{Core, Fault};
use crate::domain::ids::UserId;
use crate::domain::user::SecondFactors;
use crate::store::error::StoreError;
use crate::store::{PgConnection, recovery_codes, totp_factors};

/// Returns the state of a user's second factors.
///
/// # Errors
///
/// Returns faults only.
pub async fn second_factors(core: &Arc<Core>, user_id: UserId) -> Result<SecondFactors, Fault> {
    let now = core.clock.now();
    core.db
        .read("account.second_factors", move |connection| {
            load_second_factors(connection, user_id, now).map_err(Fault::from)
        })
        .await
}

/// Loads the state of a user's second factors inside another flow's transaction.
pub(super) fn load_second_factors(
    connection: &mut PgConnection,
    user_id: UserId,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<SecondFactors, StoreError> {
    let factor = totp_factors::find_usable(connection, user_id, now)?;
    Ok(SecondFactors {
        totp: factor.as_ref().is_some_and(|factor| factor.active),
        totp_pending: factor.as_ref().is_some_and(|factor| !factor.active),
        recovery_codes_remaining: recovery_codes::remaining(connection, user_id)?,
    })
}
