//! The last resort: a panic in a handler costs its own request a 500, and nothing else (ASVS 16.5.4).
//!
//! Stands around each route rather than around the application: only there may the request be held on to, which the
//! answer needs.

use std::panic::AssertUnwindSafe;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures_util::FutureExt;

use crate::api::problem::{Code, Problem};

/// The middleware.
///
/// # Errors
///
/// Hands on what the route returns.
pub async fn catch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answered) => answered.map(ServiceResponse::map_into_boxed_body),
        Err(_panic) => {
            // The panic hook has written what happened and where; this ties it to the request.
            tracing::error!("a handler panicked");
            Ok(ServiceResponse::from_err(Problem::of(Code::InternalError), kept))
        }
    }
}
