//! `DELETE /sessions/{id}`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::extract::bearer::SignedIn;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::SessionId;
use crate::flows::session::sessions;

/// Ends one of the caller's sessions
///
/// Including the session of this request. The session of another user is answered like one that does not exist.
#[utoipa::path(
    delete, path = "/sessions/{id}", operation_id = "end_session", tag = "Sessions",
    params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 204, description = "The session has ended.")),
)]
pub async fn end_session(
    state: Data<ApiState>,
    caller: SignedIn,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::NotFound, "You have no such session.");
    let id = SessionId::parse(&id).ok_or_else(unknown)?;
    if sessions::end_own(&state.core, &caller.0, id, origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
