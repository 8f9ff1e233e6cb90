//! Responses to requests that match no row of the table of routes.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::page;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;

/// Answers for unknown paths of the listener for operators.
///
/// # Errors
///
/// Always `not_found`.
pub async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::of(Code::NotFound))
}

/// Answers for unknown paths: browsers get a page for their user.
///
/// # Errors
///
/// `not_found` for other clients.
pub async fn no_such_page(request: HttpRequest, state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    page::missing(&request, &state)
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
