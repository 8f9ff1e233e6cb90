//! Which pages may call the API from a browser (the Fetch standard's CORS protocol).
//!
//! Only the origins that the deployment names, exactly; never a wildcard, since answers to them may carry credentials.

use actix_cors::Cors;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;

use crate::api::routes;

/// How long a browser may keep the answer to a preflight.
const MAX_AGE_SECONDS: usize = 7200;

/// Builds the policy.
pub fn policy(origins: &[String]) -> Cors {
    let policy = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .expose_headers([
            "x-request-id",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "www-authenticate",
        ])
        .supports_credentials()
        // A stranger's request is answered without the headers, and the stranger's browser keeps the answer from it.
        .block_on_origin_mismatch(false)
        .max_age(MAX_AGE_SECONDS);
    origins
        .iter()
        .fold(policy, |policy, origin| policy.allowed_origin(origin))
}

/// Lets a page's preflight that a gateway asks about be refused like anything else without a token.
///
/// It is meant for the back end behind the gateway. Answering it here, with 200 and no token needed, would tell the
/// gateway to let it pass, and with it whatever a stranger dresses up as one.
///
/// # Errors
///
/// Hands on what the services below return.
pub async fn leave_to_gateways<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if routes::is_for_gateways(request.path()) {
        // Without it OPTIONS is no preflight (Fetch §3.3.2).
        request.headers_mut().remove(header::ACCESS_CONTROL_REQUEST_METHOD);
    }
    next.call(request).await
}
