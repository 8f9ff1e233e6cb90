//! `/admin/statistics`: how often users signed in, or failed to.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::statistics::StatisticsResponse;
use crate::api::extract::administrator::Administrator;
use crate::api::extract::filter::StatisticsFilter;
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::domain::statistics::Span;
use crate::flows::admin::statistics;

/// Counts sign-ins, failures and waits
///
/// Hour by hour or day by day, up to now, for a page that shows how the service is doing. At most 200,000 events of one
/// name are counted, the newest first: where there were more, a count is null. An administrator gets 20 answers a minute.
/// To watch a service, use its metrics.
#[utoipa::path(
    get, path = "/admin/statistics", operation_id = "get_statistics", tag = "Administration",
    params(
        ("step" = Option<String>, Query, description = "`hour` or `day`; `hour` if omitted."),
        ("steps" = Option<u32>, Query, description = "How many: 1 to 72 hours or 1 to 30 days, of which the last is the present one; 24 if omitted."),
    ),
    responses((status = 200, description = "The counts.", body = StatisticsResponse)),
)]
pub async fn get(
    state: Data<ApiState>,
    Then(administrator, filter): Then<Administrator, StatisticsFilter>,
) -> Result<HttpResponse, Problem> {
    let wait = state.core.rate_limits.statistics(administrator.user_id().uuid());
    if let Some(wait) = wait {
        return Err(Problem::rate_limited(wait));
    }
    let StatisticsFilter { step, steps } = filter;
    let span = Span::until(state.core.clock.now(), step, steps);
    let span = span.ok_or_else(|| InvalidInput::of("/steps", "must be 1 to 72 hours, or 1 to 30 days"))?;
    let counted = statistics::count(&state.core, span.clone()).await?;
    Ok(HttpResponse::Ok().json(StatisticsResponse::new(step, &span, &counted)))
}
