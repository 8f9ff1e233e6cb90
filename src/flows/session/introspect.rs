//! `POST /token/introspect`: whether an access token is valid at this moment (RFC 7662).
//!
//! Unlike a signature check it detects a logout at once. Only access tokens are accepted: other kinds of token get the
//! answer for an invalid one.

use std::sync::Arc;

use crate::domain::access_token::AccessTokenClaims;
use crate::domain::ids::ClientId;
use crate::domain::oauth::service_token::ServiceTokenClaims;
use crate::flows::session::sessions;
use crate::flows::{Core, Fault};
use crate::store::clients;

/// The claims of a token that is valid now.
pub enum Introspected {
    /// A user's, in the deployment's own client or in an application.
    User(Arc<AccessTokenClaims>),
    /// A service's.
    Service(ServiceTokenClaims),
}

/// Returns the claims of a token that passes all checks now (RFC 7662 §4).
pub async fn introspect(core: &Arc<Core>, token: &str) -> Result<Option<Introspected>, Fault> {
    if let Some(caller) = sessions::authenticate(core, token).await? {
        return Ok(Some(Introspected::User(caller.claims)));
    }
    if let Some(caller) = sessions::authenticate_application(core, token).await? {
        return Ok(Some(Introspected::User(caller.claims)));
    }
    introspect_service(core, token).await
}

/// A token of a service is valid while the service is registered.
async fn introspect_service(core: &Arc<Core>, token: &str) -> Result<Option<Introspected>, Fault> {
    let (now, issuer) = (core.clock.now(), &core.settings.access_tokens.issuer);
    let claims = core.keys.verify_kind::<ServiceTokenClaims>(token)?;
    let Some(claims) = claims.filter(|claims| claims.are_valid(issuer, now)) else {
        return Ok(None);
    };
    let id = ClientId::from_uuid(claims.client_id);
    let known = core
        .db
        .read("introspect.service", move |connection| {
            clients::find(connection, id).map_err(Fault::from)
        })
        .await?;
    Ok(known.map(|_client| Introspected::Service(claims)))
}
