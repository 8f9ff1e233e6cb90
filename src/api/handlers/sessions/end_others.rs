//! `DELETE /sessions`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::extract::bearer::SignedIn;
use crate::api::extract::origin::Origin;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::session::sessions;

/// Ends all of the caller's other sessions
///
/// Including pending logins; the session of this request continues.
#[utoipa::path(
    delete, path = "/sessions", operation_id = "end_other_sessions", tag = "Sessions",
    responses((status = 204, description = "The other sessions have ended.")),
)]
pub async fn end_other_sessions(
    state: Data<ApiState>,
    caller: SignedIn,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    sessions::end_others(&state.core, &caller.0, origin.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
