//! Responses to requests that match no row of the table of routes.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};

use crate::api::problem::{Code, Problem};

/// Answers for unknown paths.
///
/// # Errors
///
/// Always `not_found`.
pub async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::of(Code::NotFound))
}

/// Answers for known paths with another method; RFC 9110 §15.5.6 requires `Allow`.
///
/// # Errors
///
/// Always `method_not_allowed`.
pub async fn method_not_allowed(allowed: String) -> Result<HttpResponse, Problem> {
    let allowed = HeaderValue::try_from(allowed).map_err(|_never| Problem::of(Code::InternalError))?;
    Err(Problem::of(Code::MethodNotAllowed).header(header::ALLOW, allowed))
}
