//! What back ends need to verify tokens, found from the issuer's URL alone.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::dto::well_known::{Jwks, Metadata};
use crate::api::problem::Problem;
use crate::api::state::ApiState;

/// How long verifiers may keep the documents. Errors are never cached: they carry `no-store`.
const CACHEABLE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

/// Returns the public signing keys
///
/// A JWK set (RFC 7517 §5). Verify access tokens with the key whose `kid` the token names; fetch the set again when the
/// `kid` is not in it.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "Verification",
    responses((status = 200, description = "The keys; may be cached for five minutes.", body = Jwks<'_>)),
)]
pub async fn jwks(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let keys = state.core.keys.published()?;
    Ok(HttpResponse::Ok().insert_header(CACHEABLE).json(Jwks { keys: &keys }))
}

/// Returns the issuer's metadata
///
/// RFC 8414; where the keys are and how tokens are signed.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server",
    operation_id = "get_authorization_server_metadata", tag = "Verification",
    responses((status = 200, description = "The metadata; may be cached for five minutes.", body = Metadata)),
)]
pub async fn metadata(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let metadata = Metadata::new(&state.public_url, &state.core.keys.published()?);
    Ok(HttpResponse::Ok().insert_header(CACHEABLE).json(metadata))
}

/// Returns the issuer's metadata under the name that OpenID Connect libraries look for
///
/// The same document as `/.well-known/oauth-authorization-server`, so that Spring, .NET, Envoy and others find the keys
/// from the issuer alone. Vestibule issues no ID tokens.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", operation_id = "get_openid_configuration", tag = "Verification",
    responses((status = 200, description = "The metadata; may be cached for five minutes.", body = Metadata)),
)]
pub async fn openid_configuration(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    metadata(state).await
}

/// Sends password managers to the page on which a password is changed (W3C, A Well-Known URL for Changing Passwords). They
/// ask at the root of the host, which a proxy hands on to us without our prefix, so the address is a whole one.
pub async fn change_password(state: Data<ApiState>) -> HttpResponse {
    let page = format!("{}/account/security", state.public_url);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, page))
        .finish()
}
