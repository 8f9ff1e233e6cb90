//! `/admin/health`: how the service is doing.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::health::{Checks, HealthOverview, QueuesView};
use crate::api::extract::administrator::Administrator;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::maintenance::health;

/// Reports how the service is doing
///
/// The state of each part, as `GET /health/ready` reports it on the listener for metrics, the version of the instance
/// that answers, and how many messages wait to be sent.
#[utoipa::path(
    get, path = "/admin/health", operation_id = "get_health_overview", tag = "Administration",
    responses((status = 200, description = "The state.", body = HealthOverview)),
)]
pub async fn get(state: Data<ApiState>, _administrator: Administrator) -> Result<HttpResponse, Problem> {
    let overview = health::overview(&state.core).await?;
    Ok(HttpResponse::Ok().json(HealthOverview {
        version: overview.version,
        checks: Checks::new(&overview.report),
        queues: QueuesView::new(&overview.queues),
    }))
}
