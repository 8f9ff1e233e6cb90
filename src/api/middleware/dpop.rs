//! What a client that uses proofs of possession finds in every answer (RFC 9449 §7.1, §8.2): a nonce for its next proof,
//! and challenges in the scheme that it uses.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::api::extract::bearer::is_dpop;
use crate::api::extract::proof::DPOP;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::dpop;

/// The header of nonces.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The middleware. Requests without proofs are answered as ever.
pub async fn accompany<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let uses_scheme = is_dpop(request.headers());
    if !uses_scheme && !request.headers().contains_key(DPOP) {
        return next.call(request).await;
    }
    let mut response = next.call(request).await?;
    let nonce = response
        .request()
        .app_data::<Data<ApiState>>()
        .and_then(|state| dpop::nonce(&state.core).ok())
        .and_then(|nonce| HeaderValue::try_from(nonce).ok());
    let headers = response.headers_mut();
    if let Some(nonce) = nonce {
        headers.insert(DPOP_NONCE, nonce);
    }
    if uses_scheme {
        challenge_in_scheme(headers);
    }
    Ok(response)
}

/// Rewrites a challenge of the scheme `Bearer`, with its parameters.
fn challenge_in_scheme(headers: &mut HeaderMap) {
    let challenge = headers.get(header::WWW_AUTHENTICATE);
    let parameters = challenge.and_then(|challenge| challenge.to_str().ok()?.strip_prefix("Bearer"));
    if let Some(challenge) = parameters.and_then(Problem::dpop_challenge) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
}
