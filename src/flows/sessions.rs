//! Who is calling: what stands behind the access token of a request.

use std::sync::Arc;

use super::{Core, Fault};
use crate::domain::session::ActiveSession;
use crate::domain::user::User;
use crate::store::error::StoreError;
use crate::store::sessions;

/// Somebody who is signed in.
pub struct Caller {
    /// The account.
    pub user: User,
    /// The session that the token belongs to.
    pub session: ActiveSession,
}

/// Finds the caller behind an access token; `None` for every token that is not good now.
///
/// The signature and the claims come first and cost no query. Then the session is looked up, so that a logout or a
/// disabled account counts at once on our own endpoints (ASVS 7.4.1).
///
/// # Errors
///
/// Returns faults only.
pub async fn authenticate(core: &Arc<Core>, access_token: &str) -> Result<Option<Caller>, Fault> {
    let now = core.clock.now();
    let Some(claims) = core.keys.verify(access_token)? else {
        return Ok(None);
    };
    if !core.settings.access_tokens.accepts(&claims, now) {
        return Ok(None);
    }
    let id = claims.session_id();
    let found = core
        .db
        .read("sessions.authenticate", move |connection| -> Result<_, StoreError> {
            sessions::find_active(connection, id, now)
        })
        .await?;
    let caller = found.map(|(session, user)| Caller { user, session });
    Ok(caller.filter(|caller| caller.user.id == claims.user_id()))
}
