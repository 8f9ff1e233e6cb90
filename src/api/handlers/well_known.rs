//! Documents at fixed paths: what back ends need to verify tokens, found from the issuer's URL alone, and what browsers,
//! password managers and the platforms of apps need to use passkeys.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::dto::well_known::{
    AppleAppSiteAssociation, AssetLink, Jwks, Metadata, PasskeyEndpoints, RelatedOrigins,
};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::policy::numbers::JWKS_MAX_AGE;
use crate::domain::relying_party::RelyingParty;

/// Lets verifiers cache the documents. Errors are never cached: they have `no-store`.
fn cacheable() -> (header::HeaderName, String) {
    let max_age = JWKS_MAX_AGE.num_seconds();
    (header::CACHE_CONTROL, format!("public, max-age={max_age}"))
}

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
    let metadata = Metadata::new(&state.public_url, &state.core.published_keys()?);
    Ok(HttpResponse::Ok().insert_header(cacheable()).json(metadata))
}

/// Returns the issuer's metadata under the name that OpenID Connect libraries look for
///
/// The same document as `/.well-known/oauth-authorization-server`, so that Spring, .NET, Envoy and others find the
/// keys by the issuer alone. Vestibule does not issue ID tokens.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", operation_id = "get_openid_configuration", tag = "Verification",
    responses((status = 200, description = "The metadata; may be cached for five minutes.", body = Metadata)),
)]
pub async fn openid_configuration(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    metadata(state).await
}

/// Returns the relying party, if the deployment uses passkeys.
fn relying_party(state: &ApiState) -> Result<&RelyingParty, Problem> {
    let party = state.core.settings.relying_party.as_ref();
    party.ok_or_else(|| Problem::of(Code::NotFound))
}

/// Answers with a document, or 404 if it would list nothing: then the deployment has no such document.
fn unless_empty<T: serde::Serialize>(listed: bool, document: &T) -> Result<HttpResponse, Problem> {
    if listed {
        Ok(HttpResponse::Ok().insert_header(cacheable()).json(document))
    } else {
        Err(Problem::of(Code::NotFound))
    }
}

/// Returns the related origins of the domain of passkeys
///
/// Browsers read it when a page outside of the domain asks for a passkey of it (WebAuthn Level 3 §5.11). They look for
/// it at the root of the host that is the relying party id. 404 if `VESTIBULE_PASSKEY_ORIGINS` names no such page.
#[utoipa::path(
    get, path = "/.well-known/webauthn", operation_id = "get_related_origins", tag = "Sign in",
    responses((status = 200, description = "The origins; may be cached for five minutes.", body = RelatedOrigins)),
)]
pub async fn related_origins(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let origins = relying_party(&state)?.related_origins();
    let origins: Vec<String> = origins.into_iter().map(str::to_owned).collect();
    unless_empty(!origins.is_empty(), &RelatedOrigins { origins })
}

/// Returns the pages on which users add and manage passkeys
///
/// Password managers read it to lead users there (W3C, A Well-Known URL for Relying Party Passkey Endpoints). They look
/// for it at the root of the host that is the relying party id. 404 if there are no account pages or no passkeys.
#[utoipa::path(
    get, path = "/.well-known/passkey-endpoints", operation_id = "get_passkey_endpoints", tag = "Sign in",
    responses((status = 200, description = "The pages; may be cached for five minutes.", body = PasskeyEndpoints)),
)]
pub async fn passkey_endpoints(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    relying_party(&state)?;
    let page = format!("{}/account/security", state.public_url);
    let endpoints = PasskeyEndpoints {
        enroll: page.clone(),
        manage: page,
    };
    unless_empty(state.account_pages, &endpoints)
}

/// Returns the apps of Apple's platforms that may use passkeys
///
/// iOS and macOS read it when an app with the associated domain `webcredentials:` is installed, at the root of the host
/// that is the relying party id. 404 if `VESTIBULE_PASSKEY_APPLE_APPS` names no app.
#[utoipa::path(
    get, path = "/.well-known/apple-app-site-association", operation_id = "get_apple_app_site_association",
    tag = "Sign in",
    responses((
        status = 200, description = "The apps; may be cached for five minutes.", body = AppleAppSiteAssociation
    )),
)]
pub async fn apple_app_site_association(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let apps = &relying_party(&state)?.apps().apple;
    unless_empty(!apps.is_empty(), &AppleAppSiteAssociation::new(apps))
}

/// Returns the Android apps that may use passkeys
///
/// Android reads it when an app asks for a passkey of the domain (Digital Asset Links), at the root of the host that is
/// the relying party id. 404 if `VESTIBULE_PASSKEY_ANDROID_APPS` names no app.
#[utoipa::path(
    get, path = "/.well-known/assetlinks.json", operation_id = "get_asset_links", tag = "Sign in",
    responses((
        status = 200, description = "The statements, one for each certificate; may be cached for five minutes.",
        body = Vec<AssetLink>
    )),
)]
pub async fn asset_links(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let apps = &relying_party(&state)?.apps().android;
    let links: Vec<AssetLink> = apps.iter().map(AssetLink::new).collect();
    unless_empty(!links.is_empty(), &links)
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
