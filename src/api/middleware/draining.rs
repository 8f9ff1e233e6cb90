//! Adds `Connection: close` to responses once the process is about to stop (RFC 9112 §9.6).
//!
//! Otherwise a client could send its next request just when the connection is closed, and would not know whether the
//! request was carried out.

use std::sync::atomic::Ordering;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::api::state::ApiState;

/// The middleware.
pub async fn part<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let draining = response
        .request()
        .app_data::<Data<ApiState>>()
        .is_some_and(|state| state.draining.load(Ordering::Acquire));
    if draining {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
