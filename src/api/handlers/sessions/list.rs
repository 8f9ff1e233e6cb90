//! `GET /sessions`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::tokens::ListedSessionView;
use crate::api::extract::bearer::SignedIn;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::session::sessions;

/// Lists the caller's sessions
///
/// The most recently used first; `current` marks the session of this request. What an application was granted is part of
/// the session that it was granted in, which names the application.
#[utoipa::path(
    get, path = "/sessions", operation_id = "list_sessions", tag = "Sessions",
    responses((status = 200, description = "The active sessions.", body = Vec<ListedSessionView>)),
)]
pub async fn list_sessions(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let listed = sessions::list(&state.core, caller.0.user.id).await?;
    let current = caller.0.key().session_id;
    let views: Vec<_> = listed
        .iter()
        .map(|session| ListedSessionView::new(session, current))
        .collect();
    Ok(HttpResponse::Ok().json(views))
}
