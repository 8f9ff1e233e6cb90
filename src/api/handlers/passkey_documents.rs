//! Documents at fixed paths that browsers, password managers and the platforms of apps need to use passkeys.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::cacheable;
use crate::api::dto::passkey_documents::{AppleAppSiteAssociation, AssetLink, PasskeyEndpoints, RelatedOrigins};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::relying_party::RelyingParty;

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
