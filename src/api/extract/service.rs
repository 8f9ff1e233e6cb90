//! Services that call with an access token of their own.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;

use super::bearer::Bearer;
use super::client::refuse_with;
use super::origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ClientId;
use crate::domain::oauth::scope::CLAIMS_WRITE;
use crate::flows::oauth::services::{self, ServiceCall};

/// A service that may set the claims of users; the handler does not run for any other caller.
pub struct ClaimsWriter(pub ClientId);

impl FromRequest for ClaimsWriter {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::of(request);
        let address = origin::client(request);
        let state = Data::<ApiState>::extract(request);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let presented = bearer.require(Code::InvalidToken, &state.core)?;
            let token = presented.token.expose_secret();
            match services::authorize(&state.core, token, presented.proof, CLAIMS_WRITE).await? {
                ServiceCall::Allowed(client) => admit(&state, client).map(Self),
                ServiceCall::InsufficientScope => Err(insufficient()),
                ServiceCall::InvalidToken => Err(refuse_with(&state, address, || {
                    Problem::of(Code::InvalidToken).bearer_error()
                })),
            }
        }
        .boxed_local()
    }
}

/// Lets a service in unless it calls too often.
fn admit(state: &ApiState, client: ClientId) -> Result<ClientId, Problem> {
    let wait = state.core.rate_limits.service_client(client.uuid());
    wait.map_or(Ok(client), |wait| Err(Problem::rate_limited(wait)))
}

/// RFC 6750 §3.1.
fn insufficient() -> Problem {
    Problem::of(Code::InsufficientScope).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"claims:write\""),
    )
}
