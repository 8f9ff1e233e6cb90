//! `/me/applications`: what the caller allowed applications.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::oauth::ApplicationsResponse;
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ClientId;
use crate::flows::oauth::consents;

/// Lists the applications that the caller allowed something
///
/// Those that were asked about, and those of the deployment that are signed in.
#[utoipa::path(
    get, path = "/me/applications", operation_id = "list_applications", tag = "Account",
    responses((status = 200, description = "The applications.", body = ApplicationsResponse, example = json!({"items": []}))),
)]
pub async fn list(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let listed = consents::list(&state.core, &caller.0).await?;
    Ok(HttpResponse::Ok().json(ApplicationsResponse::new(listed)))
}

/// Withdraws what an application was allowed
///
/// It is signed out at once: its refresh tokens are refused, and it has to ask again.
#[utoipa::path(
    delete, path = "/me/applications/{client_id}", operation_id = "withdraw_application", tag = "Account",
    params(("client_id" = String, Path, format = Uuid, description = "The application.")),
    responses((status = 204, description = "It is withdrawn.")),
)]
pub async fn withdraw(
    state: Data<ApiState>,
    caller: SignedIn,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::of(Code::NotFound);
    let id = ClientId::parse(&id).ok_or_else(unknown)?;
    if consents::withdraw(&state.core, &caller.0, id, origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
