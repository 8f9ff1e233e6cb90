//! Turns away addresses that ask too often, and tells every other how much is left.
//!
//! It stands at each route, behind everything that describes an answer and before anything is read or looked up: who is
//! turned away costs no query and no hash. The fields are those of draft-ietf-httpapi-ratelimit-headers-10.

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

/// Puts a route under the limits of a scope.
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

/// A caller without an address came over a socket of this machine.
fn check(scope: Scope, request: &ServiceRequest) -> Verdict {
    let state = request.app_data::<Data<ApiState>>();
    let address = origin::client(request.request());
    warn_of_hidden_proxies(request);
    let verdict = state
        .zip(address)
        .map(|(state, address)| state.core.rate_limits.address(scope, address));
    verdict.unwrap_or_default()
}

/// Counting a proxy in place of those behind it would turn them all away together.
fn warn_of_hidden_proxies(request: &ServiceRequest) {
    static WARNED: Once = Once::new();
    let forwarded = [header::FORWARDED, header::X_FORWARDED_FOR];
    if forwarded.iter().any(|name| request.headers().contains_key(name)) && !origin::is_by_proxy(request.request()) {
        WARNED.call_once(|| {
            tracing::warn!(
                "a request says on whose behalf it comes, but from no trusted proxy: it counts for the address it came from; \
                 if a proxy of yours stands there, name its network in VESTIBULE_TRUSTED_PROXIES"
            );
        });
    }
}

/// Adds to what the answer tells already: a refusal may come from the account, while the address has some left.
fn append_quotas(headers: &mut HeaderMap, quotas: &[Remaining]) {
    for (name, value) in fields(quotas) {
        headers.append(name, value);
    }
}

/// Writes both fields, each a list with one item a policy.
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
