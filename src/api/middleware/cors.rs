//! The CORS protocol of the Fetch standard, by which browsers decide whether a page of another origin may call the API.
//!
//! `api::origins` decides which origins may call. It never allows all, since the responses may contain credentials.
//! Public documents that need no credentials (keys, metadata, the OpenAPI document) may be read by pages of every
//! origin. So may the endpoints of OAuth that a page calls with what it knows itself, since they take no cookie.

use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::api::problem::{Code, Problem};
use crate::api::routes;
use crate::api::state::ApiState;

/// How long a browser may cache the response to a preflight.
const MAX_AGE_SECONDS: usize = 7200;

/// The headers that pages may send in addition to those that the Fetch standard always allows. Tracing libraries add
/// four of them to every request (W3C Trace Context, W3C Baggage, Sentry), and older libraries add the last one.
const REQUEST_HEADERS: [&str; 9] = [
    "authorization",
    "dpop",
    "content-type",
    "accept",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "x-requested-with",
];

/// The headers that pages may read in addition to those that the Fetch standard always exposes. The list is set here,
/// since the library would write its list in another order in each process, and responses of two instances should be
/// equal.
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("x-request-id, retry-after, ratelimit, ratelimit-policy, www-authenticate, dpop-nonce");

/// Builds the policy for the allowed origins.
pub fn policy(state: Data<ApiState>) -> Cors {
    Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers(REQUEST_HEADERS)
        .supports_credentials()
        // `sort` has refused pages of other origins already. The remaining requests with another `Origin` come from the
        // service's own pages behind a proxy, or do not come from a page.
        .block_on_origin_mismatch(false)
        .allowed_origin_fn(move |origin, _head| origin.to_str().is_ok_and(|origin| state.origins.allows(origin)))
        .max_age(MAX_AGE_SECONDS)
}

/// Handles special requests before the policy runs: public documents are for every page, gateways call on behalf of
/// clients, and pages of other origins are refused.
pub async fn sort<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if routes::is_for_every_page(request.path()) {
        return answer_every_page(request, next).await;
    }
    if routes::is_for_gateways(request.path()) {
        // A gateway passes the headers of the page's request on. A preflight among them is meant for the back end
        // behind the gateway. If this service answered it with 200 and without a token, the gateway would let it pass,
        // and so any request that an attacker makes look like a preflight. Without this header, OPTIONS is not a
        // preflight (Fetch §3.3.2).
        request.headers_mut().remove(header::ACCESS_CONTROL_REQUEST_METHOD);
    } else if let Some(state) = request.app_data::<Data<ApiState>>()
        && !routes::is_sent_by_every_page(&request)
        && !state.origins.admit(request.head())
    {
        warn_refused_origin(state, request.headers().get(header::ORIGIN));
        return Ok(request.error_response(Problem::of(Code::OriginNotAllowed)));
    }
    leave_out_unlisted_headers(&mut request);
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    if response.headers().contains_key(header::SET_COOKIE) {
        warn_cross_site_cookie(response.request());
    }
    Ok(response)
}

/// Has a preflight answered as if it asked for listed headers only. The answer lists those, and the browser, which
/// compares them itself (Fetch §4.8, "CORS-preflight fetch"), refuses the page and names the header in its console. The
/// policy's library would answer 400, which the console shows as a fault of the service. The operator gets a line, for
/// the page cannot read any answer.
fn leave_out_unlisted_headers(request: &mut ServiceRequest) {
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let Some(asked) = asked.filter(|_| is_preflight).and_then(|asked| asked.to_str().ok()) else {
        return;
    };
    let names = asked
        .split(',')
        .filter_map(|name| HeaderName::try_from(name.trim()).ok());
    let (listed, unlisted): (Vec<_>, Vec<_>) = names.partition(|name| REQUEST_HEADERS.contains(&name.as_str()));
    if unlisted.is_empty() {
        return;
    }
    if let Some(state) = request.app_data::<Data<ApiState>>() {
        let now = state.core.clock.now();
        for name in unlisted.iter().filter(|name| state.origins.is_header_to_log(name, now)) {
            tracing::warn!(
                header = name.as_str(),
                "a page asked to send a header that pages may not send here, so its browser refuses the request: have the page \
                 leave the header out; pages may send {}",
                REQUEST_HEADERS.join(", ")
            );
        }
    }
    let listed: Vec<&str> = listed.iter().map(HeaderName::as_str).collect();
    let headers = request.headers_mut();
    headers.remove(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if let Ok(listed) = HeaderValue::from_str(&listed.join(", "))
        && !listed.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, listed);
    }
}

/// Names the setting to the operator. The page cannot read the response, and the browser's console only mentions CORS.
fn warn_refused_origin(state: &ApiState, origin: Option<&HeaderValue>) {
    let origin = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if let Some(origin) = state.origins.to_log(origin, state.core.clock.now()) {
        tracing::warn!(
            origin,
            "a page of this origin was refused; if it is your page, add the origin to VESTIBULE_CORS_ORIGINS"
        );
    }
}

/// Explains to a developer of a client why the cookie is not sent back: a browser drops a `SameSite=Strict` cookie in
/// the response to a page of another site, and reports that in its developer tools only. The request says that the
/// page is of another site (Fetch Metadata §2.3).
fn warn_cross_site_cookie(request: &HttpRequest) {
    let state = request.app_data::<Data<ApiState>>();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if state.is_some_and(|state| state.development.is_some()) && header("sec-fetch-site") == Some("cross-site") {
        let (page, service) = (header("origin"), header("host"));
        tracing::warn!(
            page,
            service,
            "the browser drops the refresh cookie: the page and the service are two different sites, such as localhost and \
             127.0.0.1; call the service by the host name of the page"
        );
    }
}

/// Answers with `*`, which browsers accept only for requests without credentials (Fetch §3.3.5).
async fn answer_every_page<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let headers = request.headers_mut();
    let preflight = headers.remove(header::ACCESS_CONTROL_REQUEST_METHOD).next().is_some();
    headers.remove(header::ORIGIN);
    let mut response = if preflight && request.method() == Method::OPTIONS {
        request.into_response(HttpResponse::build(StatusCode::NO_CONTENT).finish())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let headers = response.headers_mut();
    headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    // The response is the same for every origin, so caches need not store one for each.
    headers.remove(header::VARY);
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    if preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST");
        // The star does not include this header (Fetch §3.3.4).
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, *");
        set(header::ACCESS_CONTROL_MAX_AGE, "7200");
    }
    Ok(response)
}
