//! `POST /token/introspect`: whether an access token is good at this moment (RFC 7662).
//!
//! Unlike a signature check it sees a logout at once. Only access tokens are looked at: whoever holds another kind of
//! token learns nothing here.

use std::sync::Arc;

use super::{Core, Fault, sessions};
use crate::domain::access_token::AccessTokenClaims;

/// Returns the claims of a token that is good now, all checks run (RFC 7662 §4).
///
/// # Errors
///
/// Returns faults only.
pub async fn introspect(core: &Arc<Core>, token: &str) -> Result<Option<Arc<AccessTokenClaims>>, Fault> {
    let caller = sessions::authenticate(core, token).await?;
    Ok(caller.map(|caller| caller.claims))
}
