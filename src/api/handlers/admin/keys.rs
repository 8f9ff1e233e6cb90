//! `/admin/keys`: the keys that sign access tokens.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::admin::SigningKeysResponse;
use crate::api::extract::administrator::{Administrator, refused};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::maintenance::signing_keys::{self, Rotation};

/// Lists the signing keys
///
/// Oldest first: retired ones whose last token may not have expired, the one that signs, and the next one.
#[utoipa::path(
    get, path = "/admin/keys", operation_id = "list_signing_keys", tag = "Administration",
    responses((status = 200, description = "The keys.", body = SigningKeysResponse, example = json!({"items": []}))),
    security(("access_token" = [])),
)]
pub async fn list(state: Data<ApiState>, _administrator: Administrator) -> Result<HttpResponse, Problem> {
    let keys = signing_keys::load(&state.core).await?;
    Ok(HttpResponse::Ok().json(SigningKeysResponse::new(&keys)))
}

/// Lets the next signing key sign
///
/// And makes a new next one. Nobody is signed out; all instances follow within seconds. 409 while the next key has not been
/// published for long enough: verifiers that keep the key set might not know it yet.
#[utoipa::path(
    post, path = "/admin/keys/rotate", operation_id = "rotate_signing_keys", tag = "Administration",
    responses((status = 200, description = "The keys as they stand now.", body = SigningKeysResponse, example = json!({"items": []}))),
    security(("access_token" = [])),
)]
pub async fn rotate(state: Data<ApiState>, administrator: Administrator) -> Result<HttpResponse, Problem> {
    match signing_keys::rotate(&state.core, &administrator.0).await? {
        Rotation::Rotated { .. } => {
            let keys = signing_keys::load(&state.core).await?;
            Ok(HttpResponse::Ok().json(SigningKeysResponse::new(&keys)))
        }
        Rotation::TooSoon { ready_at } => Err(Problem::new(
            Code::Conflict,
            format!(
                "The next key has not been published for long enough, and verifiers might not know it yet: try again after {}.",
                ready_at.to_rfc3339()
            ),
        )),
        Rotation::AlreadyRotated => Err(Problem::new(Code::Conflict, "The key was rotated at this very moment.")),
        Rotation::NoKeys => Err(Problem::of(Code::ServiceUnavailable)),
        Rotation::Refused(refusal) => Err(refused(refusal)),
    }
}
