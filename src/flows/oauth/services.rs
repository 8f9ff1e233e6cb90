//! Services that call this service with an access token of their own (RFC 6749 §4.4).
//!
//! Such a token is for the resource of administration and names what it may do there. What an operator has taken from
//! the service since then does not count (ASVS 8.2.4).

use std::sync::Arc;

use crate::domain::dpop::is_confirmed;
use crate::domain::ids::ClientId;
use crate::domain::oauth::scope::Scopes;
use crate::domain::oauth::service_token::ServiceTokenClaims;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::{Core, Fault};
use crate::store::clients;

/// The result of presenting the access token of a service.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceCall {
    /// The service may do it.
    Allowed(ClientId),
    /// It may not: the token or the service lacks the scope.
    InsufficientScope,
    /// The token is not valid here, or not with this proof, or not without one.
    InvalidToken,
}

/// Decides whether a service with this access token may do what a scope allows.
pub async fn authorize(
    core: &Arc<Core>,
    access_token: &str,
    proof: Option<VerifiedProof>,
    scope: &'static str,
) -> Result<ServiceCall, Fault> {
    let (now, policy) = (core.clock.now(), &core.settings.access_tokens);
    let (issuer, resource) = (&policy.issuer, policy.administration());
    let claims = core.keys.verify_kind::<ServiceTokenClaims>(access_token)?;
    let is_good = |claims: &ServiceTokenClaims| {
        claims.are_valid(issuer, now) && claims.aud == resource && is_confirmed(claims.cnf.as_ref(), key_of(proof))
    };
    let Some(claims) = claims.filter(is_good) else {
        return Ok(ServiceCall::InvalidToken);
    };
    let id = ClientId::from_uuid(claims.client_id);
    let known = core
        .db
        .read("oauth.service", move |connection| {
            clients::find(connection, id).map_err(Fault::from)
        })
        .await?;
    let Some(client) = known.map(|stored| stored.client) else {
        return Ok(ServiceCall::InvalidToken);
    };
    let granted = claims.scope.as_deref().and_then(Scopes::parse).unwrap_or_default();
    let is_allowed = granted.has(scope) && client.scopes.has(scope) && client.audience(Some(&resource)).is_some();
    Ok(if is_allowed {
        ServiceCall::Allowed(id)
    } else {
        ServiceCall::InsufficientScope
    })
}
