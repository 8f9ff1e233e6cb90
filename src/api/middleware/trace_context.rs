//! Makes a request's span part of the trace that it says it belongs to (W3C Trace Context).
//!
//! That is believed of trusted proxies, and of whoever is as near as operators are: anybody else could hang their requests
//! into the traces of others, or have every one of them recorded. Nothing but the span goes by it; our own request id counts.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::Extractor;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::api::extract::{operator, origin};

/// Begins a request's span under its parent, and names it as OpenTelemetry's conventions for HTTP do.
pub(super) fn begin(span: &Span, request: &ServiceRequest, method: &'static str, route: &str) {
    span.record("otel.name", format!("{method} {route}"));
    span.record("otel.kind", "server");
    let near = origin::is_by_proxy(request.request()) || operator::is_near(request.request());
    if near {
        let parent = opentelemetry::global::get_text_map_propagator(|known| known.extract(&Headers(request.headers())));
        // Fails where nobody traces.
        let _ = span.set_parent(parent);
    }
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
}

/// Notes the answer's status; only faults of ours are errors of a server's span.
pub(super) fn end(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(opentelemetry::trace::Status::error(""));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
