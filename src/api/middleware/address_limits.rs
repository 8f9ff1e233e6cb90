//! Rejects requests of addresses that are over their rate limit, and adds the remaining quota to every other response.
//!
//! It wraps each route. It runs inside of the middleware that completes responses, and before a body is read or the
//! database is queried: a rejected request costs no query and no hash. The header fields are those of
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::sync::Once;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, Route};

use crate::api::extract::origin;
use crate::api::problem::{Problem, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::api::state::ApiState;
use crate::rate_limits::{Remaining, Scope, Verdict};

/// Applies the limits of a scope to a route.
pub fn apply(route: Route, scope: Scope) -> Route {
    route.wrap(from_fn(move |request, next| count(scope, request, next)))
}

async fn count(scope: Scope, request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let verdict = check(scope, &request);
    if let Some(wait) = verdict.wait {
        let mut problem = Problem::rate_limited(wait);
        for (name, value) in fields(&verdict.quotas) {
            problem = problem.header(name, value);
        }
        return Ok(request.error_response(problem));
    }
    let mut response = next.call(request).await?;
    append_quotas(response.headers_mut(), &verdict.quotas);
    Ok(response)
}

/// A request without a client address came over a Unix socket of this machine and is not limited.
fn check(scope: Scope, request: &ServiceRequest) -> Verdict {
    let state = request.app_data::<Data<ApiState>>();
    let address = origin::client(request.request());
    warn_of_hidden_proxies(request);
    let verdict = state
        .zip(address)
        .map(|(state, address)| state.core.rate_limits.address(scope, address));
    verdict.unwrap_or_default()
}

/// If a proxy is not trusted, all of its clients share one quota and are rejected together.
fn warn_of_hidden_proxies(request: &ServiceRequest) {
    static WARNED: Once = Once::new();
    let forwarded = [header::FORWARDED, header::X_FORWARDED_FOR];
    if forwarded.iter().any(|name| request.headers().contains_key(name)) && !origin::is_by_proxy(request.request()) {
        WARNED.call_once(|| {
            tracing::warn!(
                "a request has a forwarded client address, but does not come from a trusted proxy: it counts for the \
                 address of the connection; if that is your proxy, add its network to VESTIBULE_TRUSTED_PROXIES"
            );
        });
    }
}

/// Appends to the fields of the response: a refusal may come from the limit of the account, while the address has
/// quota left.
fn append_quotas(headers: &mut HeaderMap, quotas: &[Remaining]) {
    for (name, value) in fields(quotas) {
        headers.append(name, value);
    }
}

/// Writes both fields, each a list with one item for each policy.
fn fields(quotas: &[Remaining]) -> Vec<(header::HeaderName, HeaderValue)> {
    let list = |item: fn(&Remaining) -> String| quotas.iter().map(item).collect::<Vec<_>>().join(", ");
    let policies = list(|left| {
        let policy = left.policy;
        format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window)
    });
    let limits = list(|left| format!("\"{}\";r={};t={}", left.policy.name, left.remaining, left.reset));
    [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, limits)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
        .collect()
}
