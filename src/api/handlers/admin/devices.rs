//! `/admin/users/{id}/devices`: the trusted devices of one account.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::device::TrustedDevicesResponse;
use crate::api::extract::administrator::{Administrator, find_user, parse_id, refused};
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::admin::users;
use crate::flows::session::trusted_device;

/// Lists the trusted devices of an account
///
/// Those on which the owner signs in with the password alone, newest first.
#[utoipa::path(
    get, path = "/admin/users/{id}/devices", operation_id = "list_user_trusted_devices", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The devices, newest first.", body = TrustedDevicesResponse)),
)]
pub async fn list(
    state: Data<ApiState>,
    _administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = find_user(&state, &id).await?;
    let devices = trusted_device::list(&state.core, found.account.user.id).await?;
    Ok(HttpResponse::Ok().json(TrustedDevicesResponse::new(devices)))
}

/// Ends the trust in all devices of an account
///
/// The next login on each requires the second factor. Sessions continue: `DELETE /admin/users/{id}/sessions` ends them
/// and the trusted devices, too.
#[utoipa::path(
    delete, path = "/admin/users/{id}/devices", operation_id = "end_user_trusted_devices", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "No device is trusted any longer.")),
)]
pub async fn end(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::end_devices(&state.core, &administrator.operator(), id)
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}
