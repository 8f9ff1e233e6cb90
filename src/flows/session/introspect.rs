//! `POST /token/introspect`: whether an access token is valid at this moment (RFC 7662).
//!
//! Unlike a signature check it detects a logout at once. Only access tokens are accepted: other kinds of token get the
//! answer for an invalid one.

use std::sync::Arc;

use crate::domain::access_token::AccessTokenClaims;
use crate::flows::session::sessions;
use crate::flows::{Core, Fault};

/// Returns the claims of a token that passes all checks now (RFC 7662 §4).
pub async fn introspect(core: &Arc<Core>, token: &str) -> Result<Option<Arc<AccessTokenClaims>>, Fault> {
    let caller = sessions::authenticate(core, token).await?;
    Ok(caller.map(|caller| caller.claims))
}
