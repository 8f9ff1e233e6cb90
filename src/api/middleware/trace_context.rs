//! Makes the span of a request part of the trace that its headers name (W3C Trace Context).
//!
//! The headers are believed only from trusted proxies, and from peers on this machine or a private network that do not
//! forward requests of others. Otherwise an attacker could add requests to the traces of others, or force every
//! request to be recorded. Only the span uses the trace context; the request id is always the service's own.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use opentelemetry::propagation::Extractor;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::api::extract::origin;

/// The headers that proxies add (RFC 7239 §4, RFC 9110 §7.6.3, and older ones).
const TRACES_OF_PROXIES: [HeaderName; 5] = [
    header::FORWARDED,
    header::X_FORWARDED_FOR,
    header::X_FORWARDED_HOST,
    header::VIA,
    HeaderName::from_static("x-real-ip"),
];

/// Begins the span of a request under its parent, and names it by the HTTP conventions of OpenTelemetry.
pub(super) fn begin(span: &Span, request: &ServiceRequest, method: &'static str, route: &str) {
    span.record("otel.name", format!("{method} {route}"));
    span.record("otel.kind", "server");
    let trusted = origin::is_by_proxy(request.request()) || is_private_peer(request.request());
    if trusted {
        let parent = opentelemetry::global::get_text_map_propagator(|known| known.extract(&Headers(request.headers())));
        // Fails if tracing is switched off.
        let _ = span.set_parent(parent);
    }
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
}

/// Returns whether a request comes from this machine or a private network, and has no header of a proxy.
fn is_private_peer(request: &HttpRequest) -> bool {
    let forwarded = TRACES_OF_PROXIES
        .iter()
        .any(|name| request.headers().contains_key(name));
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    !forwarded && peer.is_some_and(is_private)
}

/// RFC 1918, RFC 4193, loopback and link-local addresses.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Records the status of the response; only 5xx are errors of a server's span.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_lead_nowhere_else_are_private() {
        for trusted in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(is_private(trusted.parse().unwrap()), "{trusted}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "192.0.2.1", "::"] {
            assert!(!is_private(far.parse().unwrap()), "{far}");
        }
    }
}
