//! The last resort: a panic in a handler makes its own request a 500 and affects nothing else (ASVS 16.5.4).
//!
//! It wraps each route and not the application: only there may a copy of the request be held, which the response needs.

use std::panic::AssertUnwindSafe;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures_util::FutureExt;

use crate::api::problem::{Code, Problem};

/// The middleware.
pub async fn catch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answered) => answered.map(ServiceResponse::map_into_boxed_body),
        Err(_panic) => {
            // The panic hook has logged the message and its place; this line connects it to the request.
            tracing::error!("a handler panicked");
            Ok(ServiceResponse::from_err(Problem::of(Code::InternalError), kept))
        }
    }
}
