//! Which pages may call the API from a browser (the Fetch standard's CORS protocol).
//!
//! Only the origins that the deployment names, exactly; never a wildcard, since answers to them may carry credentials.

use actix_cors::Cors;
use actix_web::http::{Method, header};

/// How long a browser may keep the answer to a preflight.
const MAX_AGE_SECONDS: usize = 7200;

/// Builds the policy.
pub fn policy(origins: &[String]) -> Cors {
    let policy = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .expose_headers(["x-request-id", "retry-after", "www-authenticate"])
        .supports_credentials()
        // A stranger's request is answered without the headers, and the stranger's browser keeps the answer from it.
        .block_on_origin_mismatch(false)
        .max_age(MAX_AGE_SECONDS);
    origins
        .iter()
        .fold(policy, |policy, origin| policy.allowed_origin(origin))
}
