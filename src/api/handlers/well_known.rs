//! What back ends need to verify tokens, found from the issuer's URL alone.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use super::cacheable;
use crate::api::dto::well_known::{Jwks, Metadata, Optional};
use crate::api::problem::Problem;
use crate::api::state::ApiState;

/// Returns the public signing keys
///
/// A JWK set (RFC 7517 §5). Verify an access token with the key that has the `kid` of the token; fetch the set again
/// if it has no such key.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "Verification",
    responses((status = 200, description = "The keys; may be cached for five minutes.", body = Jwks<'_>)),
)]
pub async fn jwks(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let keys = state.core.published_keys()?;
    Ok(HttpResponse::Ok().insert_header(cacheable()).json(Jwks { keys: &keys }))
}

/// Returns the issuer's metadata
///
/// Where the keys are and how tokens are signed (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server",
    operation_id = "get_authorization_server_metadata", tag = "Verification",
    responses((status = 200, description = "The metadata; may be cached for five minutes.", body = Metadata)),
)]
pub async fn metadata(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let (keys, policy) = (state.core.published_keys()?, state.core.settings.dpop);
    let optional = Optional {
        client_documents: state.core.client_documents.is_some(),
        account_pages: state.users_see_account_pages(),
    };
    let metadata = Metadata::new(&state.public_url, &keys, policy, optional);
    Ok(HttpResponse::Ok().insert_header(cacheable()).json(metadata))
}

/// Returns the issuer's metadata under the name that OpenID Connect libraries look for
///
/// The same document as `/.well-known/oauth-authorization-server`, so that Spring, .NET, Envoy and others find the
/// keys by the issuer alone, and OpenID Connect clients find the endpoints.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", operation_id = "get_openid_configuration", tag = "Verification",
    responses((status = 200, description = "The metadata; may be cached for five minutes.", body = Metadata)),
)]
pub async fn openid_configuration(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    metadata(state).await
}

/// Redirects password managers to the page that changes a password (W3C, A Well-Known URL for Changing Passwords).
/// They send the request to the root of the host, and a proxy forwards it without the path of the public URL, so the
/// redirect needs an absolute URL.
pub async fn change_password(state: Data<ApiState>) -> HttpResponse {
    let page = format!("{}/account/security", state.public_url);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, page))
        .finish()
}
