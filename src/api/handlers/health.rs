//! `GET /health/live` and `GET /health/ready`.

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::health::{Checks, Health};
use crate::api::extract::monitoring::MonitoringAccess;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows;

/// Reports that the process is running
///
/// For a supervisor that restarts a process that hangs. Does not query the database.
#[utoipa::path(
    get, path = "/health/live", operation_id = "get_liveness", tag = "Operation",
    responses((status = 200, description = "The process is running.", body = Health)),
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: "live",
        checks: None,
    })
}

/// Reports whether requests can be served
///
/// For a load balancer: the database answers, its schema is the one of this program, the signing keys are loaded, and
/// the process is not about to stop. On the listener for metrics the response also contains the state of each part,
/// even if it is an error.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "Operation",
    responses((status = 200, description = "Requests can be served.", body = Health)),
)]
pub async fn ready(state: Data<ApiState>, access: MonitoringAccess) -> Result<HttpResponse, Problem> {
    if state.draining.load(Ordering::Acquire) {
        return Err(Problem::of(Code::ServiceUnavailable));
    }
    let ready = flows::maintenance::health::ready(&state.core).await;
    let checks = if access.is_granted {
        Some(Checks::new(
            &flows::maintenance::health::report(&state.core, &ready).await,
        ))
    } else {
        None
    };
    match (ready, checks) {
        (Ok(()), checks) => Ok(HttpResponse::Ok().json(Health {
            status: "ready",
            checks,
        })),
        (Err(fault), Some(checks)) => Err(Problem::from(fault).with("checks", checks.to_json())),
        (Err(fault), None) => Err(fault.into()),
    }
}
