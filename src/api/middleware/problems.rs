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

use crate::api::problem::{Code, Problem};
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
    // Without these a page of a listed origin could not read what went wrong.
    for (name, value) in response.headers().iter().filter(|(name, _)| is_for_cors(name)) {
        written.headers_mut().append(name.clone(), value.clone());
    }
    Ok(response.into_response(written))
}

fn is_for_cors(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-") || *name == header::VARY
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
