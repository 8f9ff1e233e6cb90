//! Adds the security headers for browsers and caches to every response (ASVS 3.4, 14.3.2).
//!
//! A header that the handler has set itself stays: a public document may be cached, and a page needs a wider policy.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::api::state::ApiState;

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// The middleware.
pub async fn add<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let over_tls = response
        .request()
        .app_data::<Data<ApiState>>()
        .is_some_and(|state| state.public_url.starts_with("https:"));
    let headers = response.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        // RFC 6749 §5.1 requires it in addition to no-store, for caches that only support HTTP/1.0.
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if over_tls {
        let a_year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, a_year);
    }
    Ok(response)
}
