//! `/devices`: the caller's trusted devices.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::device::TrustedDevicesResponse;
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::TrustedDeviceId;
use crate::flows::session::trusted_device;

/// Lists the caller's trusted devices
///
/// Those on which the next login needs the password alone. A change of the password or of a second factor ends all of
/// them, as does ending all other sessions.
#[utoipa::path(
    get, path = "/devices", operation_id = "list_trusted_devices", tag = "Sessions",
    responses((status = 200, description = "The devices, newest first.", body = TrustedDevicesResponse)),
)]
pub async fn list(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let devices = trusted_device::list(&state.core, caller.0.user.id).await?;
    Ok(HttpResponse::Ok().json(TrustedDevicesResponse::new(devices)))
}

/// Ends the trust in one of the caller's devices
///
/// The next login on it requires the second factor. Its sessions continue. The device of another user is answered like
/// one that does not exist.
#[utoipa::path(
    delete, path = "/devices/{id}", operation_id = "end_trusted_device", tag = "Sessions",
    params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 204, description = "The device is not trusted any longer.")),
)]
pub async fn end(
    state: Data<ApiState>,
    caller: SignedIn,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::NotFound, "You have no such trusted device.");
    let id = TrustedDeviceId::parse(&id).ok_or_else(unknown)?;
    if trusted_device::end_own(&state.core, &caller.0, id, origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
