//! `GET /health/live` and `GET /health/ready`.

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::health::Health;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows;

/// Tells that the process runs
///
/// For a supervisor that restarts what hangs; asks nothing of the database.
#[utoipa::path(
    get, path = "/health/live", operation_id = "get_liveness", tag = "Operation",
    responses((status = 200, description = "It runs.", body = Health)),
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "live" })
}

/// Tells whether requests can be served
///
/// For a load balancer: the database answers, its schema is this program's, the signing keys are loaded, and it is not
/// about to stop.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "Operation",
    responses((status = 200, description = "Send requests.", body = Health)),
)]
pub async fn ready(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    if state.draining.load(Ordering::Acquire) {
        return Err(Problem::of(Code::ServiceUnavailable));
    }
    flows::health::ready(&state.core).await?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}
