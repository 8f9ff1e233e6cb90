//! `GET /dev/clock` and `POST /dev/clock`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::TimeDelta;

use crate::api::dto::dev::{AdvanceClockRequest, ClockView};
use crate::api::extract::json::StrictJson;
use crate::api::problem::{Code, Problem};
use crate::api::state::{ApiState, Development};
use crate::domain::input::InvalidInput;

/// The greatest move in seconds: ten years.
const MOST: i64 = 315_360_000;

/// Returns the service's time
///
/// And how far it is ahead of the machine's clock. `vestibule dev` only.
#[utoipa::path(
    get, path = "/dev/clock", operation_id = "get_clock", tag = "Development",
    responses((status = 200, description = "The time, and how far it was moved.", body = ClockView)),
)]
pub async fn get(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(view(development(&state)?)))
}

/// Moves the service's clock forward
///
/// Every expiry, code and token follows it. `vestibule dev` only.
#[utoipa::path(
    post, path = "/dev/clock", operation_id = "advance_clock", tag = "Development",
    request_body(content = AdvanceClockRequest),
    responses((status = 200, description = "The time after the move.", body = ClockView)),
)]
pub async fn advance(state: Data<ApiState>, body: StrictJson<AdvanceClockRequest>) -> Result<HttpResponse, Problem> {
    let development = development(&state)?;
    if !(0..=MOST).contains(&body.0.advance) {
        return Err(InvalidInput::of("/advance", "must be 0 to 315360000 seconds").into());
    }
    development.clock.advance(TimeDelta::seconds(body.0.advance));
    Ok(HttpResponse::Ok().json(view(development)))
}

fn development(state: &ApiState) -> Result<&Development, Problem> {
    state.development.as_ref().ok_or_else(|| Problem::of(Code::NotFound))
}

fn view(development: &Development) -> ClockView {
    ClockView {
        now: development.clock.now(),
        offset: development.clock.offset().num_seconds(),
    }
}
