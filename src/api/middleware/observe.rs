//! Observes every request: gives it an id and a span, logs it in one line and counts it.
//!
//! The line contains the pattern of the route, never the URL, which might contain a secret.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use tracing::Instrument;

use crate::api::problem::{Code, Problem};
use crate::api::routes;
use crate::api::state::ApiState;
use crate::domain::ids::RequestId;
use crate::metrics::{self, Present, Stopwatch};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let (begun, _answered) = (Stopwatch::start(), Present::request());
    let Some(state) = request.app_data::<Data<ApiState>>() else {
        return Err(Problem::of(Code::InternalError).into());
    };
    let id = RequestId::new(state.core.clock.now(), state.core.random.as_ref());
    request.extensions_mut().insert(id);
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let (counted_method, counted_route) = routes::known(request.method(), &route);
    let span = tracing::info_span!(
        "http",
        request_id = %id.uuid(),
        method = %request.method(),
        route = route.as_str(),
        otel.name = tracing::field::Empty,
        otel.kind = tracing::field::Empty,
    );
    #[cfg(feature = "otlp")]
    super::trace_context::begin(&span, &request, counted_method, counted_route);
    let mut response = next.call(request).instrument(span.clone()).await?;
    if let Ok(value) = HeaderValue::from_str(&id.uuid().to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = begun.elapsed();
    let duration_ms = took.as_secs_f64() * 1000.0;
    #[cfg(feature = "otlp")]
    super::trace_context::end(&span, response.status().as_u16());
    metrics::request(counted_method, counted_route, response.status().as_u16(), took);
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), duration_ms, "request"));
    Ok(response)
}
