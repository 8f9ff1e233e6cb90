//! `POST /token/introspect`: whether an access token is valid at this moment (RFC 7662).
//!
//! Unlike a signature check it detects a logout at once. Only access tokens are accepted: other kinds of token get the
//! answer for an invalid one.

use std::sync::Arc;

use crate::domain::access_token::AccessTokenClaims;
use crate::domain::ids::ClientId;
use crate::domain::oauth::api_key::KeyTokenClaims;
use crate::domain::oauth::service_token::ServiceTokenClaims;
use crate::flows::session::sessions;
use crate::flows::{Core, Fault};
use crate::store::{api_keys, clients};

/// The claims of a token that is valid now.
pub enum Introspected {
    /// A user's, in the deployment's own client or in an application.
    User(Arc<AccessTokenClaims>),
    /// A service's.
    Service(ServiceTokenClaims),
    /// Of a user's API key.
    Key(Box<KeyTokenClaims>),
}

/// Returns the claims of a token that passes all checks now (RFC 7662 §4).
pub async fn introspect(core: &Arc<Core>, token: &str) -> Result<Option<Introspected>, Fault> {
    if let Some(caller) = sessions::look_into(core, token).await? {
        return Ok(Some(Introspected::User(caller.claims)));
    }
    if let Some(caller) = sessions::look_into_application(core, token).await? {
        return Ok(Some(Introspected::User(caller.claims)));
    }
    if let Some(claims) = introspect_service(core, token).await? {
        return Ok(Some(claims));
    }
    introspect_key(core, token).await
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

/// A token of an API key is valid while the key counts, as far as the account still has what it allows.
async fn introspect_key(core: &Arc<Core>, token: &str) -> Result<Option<Introspected>, Fault> {
    let (now, policy) = (core.clock.now(), &core.settings.access_tokens);
    let claims = core.keys.verify_kind::<KeyTokenClaims>(token)?;
    let claims = claims.filter(|claims| claims.are_valid(&policy.issuer, now));
    let Some((claims, handle)) = claims.and_then(|claims| claims.key(&policy.issuer).map(|handle| (claims, handle)))
    else {
        return Ok(None);
    };
    let found = core
        .db
        .read("introspect.api_key", move |connection| {
            api_keys::find(connection, handle, now).map_err(Fault::from)
        })
        .await?;
    Ok(found.and_then(|(_key, user)| {
        let confirmed = claims.confirm(&policy.role_factors.carried_by_keys(&user.roles));
        confirmed.map(Box::new).map(Introspected::Key)
    }))
}
