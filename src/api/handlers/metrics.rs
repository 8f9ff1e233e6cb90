//! `GET /metrics`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::extract::monitoring::MonitoringAccess;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;

/// The text format of Prometheus.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the metrics
///
/// For Prometheus, in its text format. Only on the listener that `METRICS_LISTEN` names, by default a separate
/// loopback port; on the public listener the response is 404. `vestibule dev` shows them to clients on this machine.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "Operation",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain",
        example = "# TYPE vestibule_db_up gauge\nvestibule_db_up 1\n")),
)]
pub async fn metrics(state: Data<ApiState>, access: MonitoringAccess) -> Result<HttpResponse, Problem> {
    let shown = state.metrics.as_ref().filter(|_| access.is_granted);
    let exposition = shown.ok_or_else(|| Problem::of(Code::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .body(exposition()))
}
