//! `POST /2fa/recovery-codes`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::two_factor::RecoveryCodesResponse;
use crate::api::extract::bearer::RecentlyAuthenticated;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::factors;

/// Generates new recovery codes
///
/// The old codes are no longer valid, and all other sessions lose their proofs by them. The new ones are never shown
/// again.
#[utoipa::path(
    post, path = "/2fa/recovery-codes", operation_id = "renew_recovery_codes", tag = "Second factors",
    responses((status = 200, description = "The new set.", body = RecoveryCodesResponse)),
)]
pub async fn renew(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    match factors::renew_recovery_codes(&state.core, &caller.0, origin.0).await? {
        Some(codes) => Ok(HttpResponse::Ok().json(RecoveryCodesResponse::new(Some(&codes)))),
        None => Err(Problem::new(
            Code::Conflict,
            "Set up a second factor first: recovery codes replace one that is lost.",
        )),
    }
}
