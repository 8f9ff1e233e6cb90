//! Services that call with an access token of their own, alone or beside administrators.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;

use super::administrator::Administrator;
use super::bearer::Bearer;
use super::client::refuse_with;
use super::origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ClientId;
use crate::domain::oauth::scope::{CLAIMS_WRITE, EVENTS_READ, USERS_READ};
use crate::flows::oauth::services::{self, ServiceCall};

/// What a route requires of a service.
pub trait ServiceScope: 'static {
    /// The scope.
    const NAME: &'static str;
}

/// Setting the claims of users.
pub struct ClaimsWrite;

impl ServiceScope for ClaimsWrite {
    const NAME: &'static str = CLAIMS_WRITE;
}

/// Reading the audit trail.
pub struct EventsRead;

impl ServiceScope for EventsRead {
    const NAME: &'static str = EVENTS_READ;
}

/// Reading accounts.
pub struct UsersRead;

impl ServiceScope for UsersRead {
    const NAME: &'static str = USERS_READ;
}

/// A service with a scope; the handler does not run for any other caller.
pub struct Service<S>(pub ClientId, PhantomData<S>);

impl<S: ServiceScope> FromRequest for Service<S> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::of(request);
        let address = origin::client(request);
        let state = Data::<ApiState>::extract(request);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let invalid = || Problem::of(Code::InvalidToken).bearer_error();
            let client = find::<S>(&state, bearer).await?;
            let client = client.ok_or_else(|| refuse_with(&state, address, invalid))?;
            Ok(Self(client, PhantomData))
        }
        .boxed_local()
    }
}

/// A service with a scope, or an administrator as [`Administrator`] says; the handler does not run for any other caller.
pub struct Reader<S>(PhantomData<S>);

impl<S: ServiceScope> FromRequest for Reader<S> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::of(request);
        let state = Data::<ApiState>::extract(request);
        let administrator = Administrator::from_request(request, payload);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            // No token is both: one of a service has no session, and one of a session has other members.
            if find::<S>(&state, bearer).await?.is_none() {
                administrator.await?;
            }
            Ok(Self(PhantomData))
        }
        .boxed_local()
    }
}

/// Finds the service that presents a token with the scope, and counts its call. `None`: the token is not a valid one of
/// a service for this resource.
async fn find<S: ServiceScope>(state: &ApiState, bearer: Bearer) -> Result<Option<ClientId>, Problem> {
    let presented = bearer.require(Code::InvalidToken, &state.core)?;
    let token = presented.token.expose_secret();
    match services::authorize(&state.core, token, presented.proof, S::NAME).await? {
        ServiceCall::Allowed(client) => admit(state, client).map(Some),
        ServiceCall::InsufficientScope => Err(insufficient(S::NAME)),
        ServiceCall::InvalidToken => Ok(None),
    }
}

/// Lets a service in unless it calls too often.
fn admit(state: &ApiState, client: ClientId) -> Result<ClientId, Problem> {
    let wait = state.core.rate_limits.service_client(client.uuid());
    wait.map_or(Ok(client), |wait| Err(Problem::rate_limited(wait)))
}

/// RFC 6750 §3.1.
fn insufficient(scope: &str) -> Problem {
    let problem = Problem::of(Code::InsufficientScope);
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
