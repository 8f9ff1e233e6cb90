//! Turns every error response into problem details, including those of the framework; where standards of OAuth say what
//! an error looks like, into that.
//!
//! Handlers and extractors return [`Problem`]; this middleware writes it, with the public URL and the id of the
//! request. Any other response with an error status comes from the framework and gets the code of its status, except a
//! page for users.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};

use crate::api::problem::{Code, ErrorPage, Problem, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::api::routes;
use crate::api::state::ApiState;
use crate::domain::ids::RequestId;

/// The middleware.
///
/// # Errors
///
/// Returns errors that have no request to respond to.
pub async fn rewrite<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    if response.status().as_u16() < 400 || response.response().extensions().contains::<ErrorPage>() {
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
    let is_oauth = request
        .match_pattern()
        .is_some_and(|pattern| routes::is_for_oauth(&pattern));
    let mut written = if is_oauth {
        problem.oauth_response(public_url)
    } else {
        problem.response(public_url, id)
    };
    let kept = || response.headers().iter().filter(|(name, _)| is_kept(name));
    // The values that the problem itself has set are among them.
    kept().for_each(|(name, _)| drop(written.headers_mut().remove(name)));
    for (name, value) in kept() {
        written.headers_mut().append(name.clone(), value.clone());
    }
    Ok(response.into_response(written))
}

/// Without the CORS headers a page of a listed origin could not read the problem; the quotas are part of every
/// response.
fn is_kept(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.starts_with("access-control-") || *name == header::VARY || *name == RATE_LIMIT_POLICY || *name == RATE_LIMIT
}

/// Returns the code for an error of the framework; an unknown status is a fault of the service.
fn code_of(status: StatusCode) -> Code {
    let exact = Code::ALL.iter().find(|code| code.status() == status);
    let fallback = if status.is_client_error() {
        Code::MalformedRequest
    } else {
        Code::InternalError
    };
    exact.copied().unwrap_or(fallback)
}
