//! `/admin/keys`: the keys that sign access tokens.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::admin::SigningKeysResponse;
use crate::api::extract::administrator::{Administrator, refused};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::maintenance::signing_keys::{self, KeyRotation};

/// Lists the signing keys
///
/// Oldest first: retired keys whose last token may not have expired yet, the current key, and the next one.
#[utoipa::path(
    get, path = "/admin/keys", operation_id = "list_signing_keys", tag = "Administration",
    responses((status = 200, description = "The keys.", body = SigningKeysResponse, example = json!({"items": []}))),
)]
pub async fn list(state: Data<ApiState>, _administrator: Administrator) -> Result<HttpResponse, Problem> {
    let keys = signing_keys::load(&state.core).await?;
    Ok(HttpResponse::Ok().json(SigningKeysResponse::new(&keys)))
}

/// Rotates the signing keys
///
/// The next key becomes the current one, and a new next key is generated. No user is signed out; all instances follow
/// within seconds. 409 while the next key has not been published for long enough: verifiers that cache the key set
/// might not know it yet.
#[utoipa::path(
    post, path = "/admin/keys/rotate", operation_id = "rotate_signing_keys", tag = "Administration",
    responses((status = 200, description = "The keys after the rotation.", body = SigningKeysResponse, example = json!({"items": []}))),
)]
pub async fn rotate(state: Data<ApiState>, administrator: Administrator) -> Result<HttpResponse, Problem> {
    match signing_keys::rotate(&state.core, &administrator.operator()).await? {
        KeyRotation::Rotated { .. } => {
            let keys = signing_keys::load(&state.core).await?;
            Ok(HttpResponse::Ok().json(SigningKeysResponse::new(&keys)))
        }
        KeyRotation::TooSoon { ready_at } => Err(Problem::new(
            Code::Conflict,
            format!(
                "The next key has not been published for long enough, and verifiers might not know it yet: try again after {}.",
                ready_at.to_rfc3339()
            ),
        )),
        KeyRotation::AlreadyRotated => Err(Problem::new(
            Code::Conflict,
            "Another request has just rotated the keys.",
        )),
        KeyRotation::NoKeys => Err(Problem::of(Code::ServiceUnavailable)),
        KeyRotation::Refused(refusal) => Err(refused(refusal)),
    }
}
