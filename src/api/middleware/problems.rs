//! Makes every error answer a problem document, the framework's own included.
//!
//! Handlers and extractors return [`Problem`]; it is written here, with the public URL and the request's id. Anything
//! else with an error status came from the framework and is given the code of its status.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};

use crate::api::problem::{Code, Problem, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::api::state::ApiState;
use crate::domain::ids::RequestId;

/// The middleware.
///
/// # Errors
///
/// Hands on errors that came without a request to answer.
pub async fn rewrite<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    if response.status().as_u16() < 400 {
        return Ok(response);
    }
    let thrown = response
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    let problem = thrown
        .cloned()
        .unwrap_or_else(|| Problem::of(code_of(response.status())));
    let request = response.request();
    let id = request.extensions().get::<RequestId>().copied();
    let public_url = request
        .app_data::<Data<ApiState>>()
        .map_or("", |state| state.public_url.as_str());
    let mut written = problem.response(public_url, id);
    let kept = || response.headers().iter().filter(|(name, _)| is_kept(name));
    // What the problem said of them is among them.
    kept().for_each(|(name, _)| drop(written.headers_mut().remove(name)));
    for (name, value) in kept() {
        written.headers_mut().append(name.clone(), value.clone());
    }
    Ok(response.into_response(written))
}

/// Without the headers of CORS a page of a listed origin could not read what went wrong; quotas are told on every answer.
fn is_kept(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.starts_with("access-control-") || *name == header::VARY || *name == RATE_LIMIT_POLICY || *name == RATE_LIMIT
}

/// Names an error that the framework made; a status we do not know of is a fault of ours.
fn code_of(status: StatusCode) -> Code {
    let exact = Code::ALL.iter().find(|code| code.status() == status);
    let fallback = if status.is_client_error() {
        Code::MalformedRequest
    } else {
        Code::InternalError
    };
    exact.copied().unwrap_or(fallback)
}
