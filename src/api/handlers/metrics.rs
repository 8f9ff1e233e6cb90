//! `GET /metrics`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::extract::monitoring::MonitoringAccess;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;

/// The text form of Prometheus.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows the measures
///
/// For Prometheus, in its text form. Only on the listener that `METRICS_LISTEN` names, by default a loopback port of its
/// own; on the public listener there is nothing here. `vestibule dev` shows them to this machine.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "Operation",
    responses((status = 200, description = "The measures.", body = String, content_type = "text/plain",
        example = "# TYPE vestibule_db_up gauge\nvestibule_db_up 1\n")),
)]
pub async fn metrics(state: Data<ApiState>, access: MonitoringAccess) -> Result<HttpResponse, Problem> {
    let shown = state.metrics.as_ref().filter(|_| access.is_granted);
    let exposition = shown.ok_or_else(|| Problem::of(Code::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .body(exposition()))
}
