//! `/me/api-keys`: the caller's API keys.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::api_key::{ApiKeyResponse, ApiKeysResponse, CreateApiKeyRequest};
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ApiKeyId;
use crate::flows::oauth::api_keys::{self, Creation};

/// Makes an API key
///
/// For a script of the user. The key is in this response only. It allows at most what its scopes say and what the user
/// may do without a second factor at the moment of its use, and it is good for nothing but the token exchange at
/// `POST /oauth/token`. The owner gets a mail. A change of the password, ending all other sessions, and whatever else
/// shuts an intruder out deletes all keys of the account.
#[utoipa::path(
    post, path = "/me/api-keys", operation_id = "create_api_key", tag = "Account",
    request_body(content = CreateApiKeyRequest),
    responses((status = 201, description = "The key.", body = ApiKeyResponse)),
)]
pub async fn create(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<CreateApiKeyRequest>>,
) -> Result<HttpResponse, Problem> {
    match api_keys::create(&state.core, &caller.0, body.0.describe(), origin.0).await? {
        Creation::Made(key, api_key) => Ok(HttpResponse::Created().json(ApiKeyResponse::new(*key, &api_key))),
        Creation::Invalid(invalid) => Err(invalid.into()),
        Creation::TooMany => Err(Problem::new(
            Code::Conflict,
            "The account has as many API keys as it may have. Delete one first.",
        )),
    }
}

/// Lists the caller's API keys
///
/// Those that have not expired, without the keys themselves, and what a new key may be allowed.
#[utoipa::path(
    get, path = "/me/api-keys", operation_id = "list_api_keys", tag = "Account",
    responses((status = 200, description = "The keys, newest first.", body = ApiKeysResponse, example = json!({"items": [], "allowed_scopes": ["profile", "email", "roles"]}))),
)]
pub async fn list(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let keys = api_keys::list(&state.core, &caller.0).await?;
    Ok(HttpResponse::Ok().json(ApiKeysResponse::new(keys)))
}

/// Deletes one of the caller's API keys
///
/// It is refused at once. An access token that was made of it counts for back ends that do not introspect until it
/// expires. The key of another user is answered like one that does not exist.
#[utoipa::path(
    delete, path = "/me/api-keys/{id}", operation_id = "delete_api_key", tag = "Account",
    params(("id" = uuid::Uuid, Path, description = "The key's id.")),
    responses((status = 204, description = "The key is deleted.")),
)]
pub async fn delete(
    state: Data<ApiState>,
    caller: SignedIn,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::NotFound, "You have no such API key.");
    let id = ApiKeyId::parse(&id).ok_or_else(unknown)?;
    if api_keys::delete_own(&state.core, &caller.0, id, origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
