//! `GET /userinfo`: what an application's scopes tell about its user (OpenID Connect Core 1.0 §5.3).

use std::sync::Arc;

use crate::domain::ids::UserId;
use crate::domain::oauth::id_token::UserClaims;
use crate::domain::oauth::scope::{OPENID, Scopes};
use crate::flows::dpop::VerifiedProof;
use crate::flows::session::{ApplicationCaller, authenticate_application};
use crate::flows::{Core, Fault};

/// The answer to an access token.
#[must_use]
pub enum UserInfo {
    /// The user, and what is told.
    Told(UserId, Box<UserClaims>),
    /// The token is not valid here.
    InvalidToken,
    /// The user was not asked for `openid`.
    InsufficientScope,
}

/// Tells about the user behind an application's access token, as they are now.
pub async fn tell(core: &Arc<Core>, access_token: &str, shown: Option<VerifiedProof>) -> Result<UserInfo, Fault> {
    let Some(ApplicationCaller { user, session, claims }) = authenticate_application(core, access_token, shown).await?
    else {
        return Ok(UserInfo::InvalidToken);
    };
    let scopes = claims.scope.as_deref().and_then(Scopes::parse).unwrap_or_default();
    if !scopes.has(OPENID) {
        return Ok(UserInfo::InsufficientScope);
    }
    let roles = &core.settings.access_tokens.role_factors;
    let carried = roles.carried(&user.roles, &session.proofs);
    Ok(UserInfo::Told(
        user.id,
        Box::new(UserClaims::of(&user, carried, &scopes)),
    ))
}
