//! `GET /2fa`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::two_factor::{FactorView, SecondFactorsView};
use crate::api::extract::bearer::SignedIn;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::factors;

/// Returns the caller's second factors
///
/// The factors that are set up or wait for their first code, when each was last used, and what the deployment offers
/// and requires.
#[utoipa::path(
    get, path = "/2fa", operation_id = "get_second_factors", tag = "Second factors",
    responses((status = 200, description = "The factors.", body = SecondFactorsView)),
)]
pub async fn get_second_factors(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let factors = factors::list_factors(&state.core, &caller.0).await?;
    let settings = &state.core.settings;
    Ok(HttpResponse::Ok().json(SecondFactorsView {
        policy: settings.two_factor.as_str(),
        available: settings.available_factors(),
        recovery_codes_remaining: factors.recovery_codes_remaining,
        factors: factors.list.into_iter().map(FactorView::new).collect(),
    }))
}
