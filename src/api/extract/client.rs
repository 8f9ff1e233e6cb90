//! Service clients, which RFC 7662 and RFC 7009 require: HTTP Basic credentials (RFC 7617), or `client_id` and
//! `client_secret` in the form (RFC 6749 §2.3.1), never both.

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;

use crate::api::extract::{form, origin};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ServiceClientId;
use crate::flows::service_clients;
use crate::rate_limits::Scope;

/// A request of a service client with valid credentials; the handler does not run without them.
pub struct ClientRequest {
    /// The service client.
    pub client: ServiceClientId,
    /// The token that the request is about.
    pub token: SecretString,
}

impl FromRequest for ClientRequest {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let credentials = Credentials::of(request);
        let in_form = credentials.is_absent() && form::is_form(request);
        let address = origin::client(request);
        let state = Data::<ApiState>::extract(request);
        let body = form::read(request, payload);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            if in_form {
                // A form that cannot be read contains no credentials, so the response is the one for missing
                // credentials.
                let mut form = body.await.map_err(|_unreadable| refuse(&state, address))?;
                let credentials = Credentials::both(form.client_id.take(), form.client_secret.take());
                let client = authenticate(&state, &credentials, address).await?;
                return Ok(Self {
                    client,
                    token: form.token()?,
                });
            }
            let client = authenticate(&state, &credentials, address).await?;
            let form = body.await?;
            if form.client_secret.is_some() || form.client_id.as_ref().is_some_and(|id| !credentials.name(id)) {
                return Err(two_ways());
            }
            Ok(Self {
                client,
                token: form.token()?,
            })
        }
        .boxed_local()
    }
}

/// RFC 6749 §2.3: a client must not use more than one authentication method in a request.
fn two_ways() -> Problem {
    let detail = "The client must send its credentials in the Authorization header or in the form, not in both.";
    Problem::new(Code::MalformedRequest, detail).with("error", "invalid_request")
}

async fn authenticate(
    state: &ApiState,
    credentials: &Credentials,
    address: Option<IpAddr>,
) -> Result<ServiceClientId, Problem> {
    let known = match credentials {
        Credentials::Given(id, secret) => service_clients::authenticate(&state.core, id, secret).await?,
        Credentials::Absent | Credentials::Unreadable => None,
    };
    let id = known.ok_or_else(|| refuse(state, address))?;
    let wait = state.core.rate_limits.service_client(id.uuid());
    wait.map_or(Ok(id), |wait| Err(Problem::rate_limited(wait)))
}

/// Wrong credentials are counted by client address: a real back end knows its secret.
fn refuse(state: &ApiState, address: Option<IpAddr>) -> Problem {
    let limits = &state.core.rate_limits;
    let wait = address.and_then(|address| limits.address(Scope::WrongClient, address).wait);
    wait.map_or_else(|| Problem::of(Code::InvalidClient), Problem::rate_limited)
}

/// An id and a secret, as they were sent.
enum Credentials {
    Absent,
    Unreadable,
    Given(String, SecretString),
}

impl Credentials {
    /// Reads the `Authorization` header.
    fn of(request: &HttpRequest) -> Self {
        let mut values = request.headers().get_all(header::AUTHORIZATION);
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => basic(value).unwrap_or(Self::Unreadable),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }

    fn both(id: Option<String>, secret: Option<SecretString>) -> Self {
        id.zip(secret)
            .map_or(Self::Absent, |(id, secret)| Self::Given(id, secret))
    }

    const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Returns whether they name a client. Some libraries repeat the id in the form.
    fn name(&self, id: &str) -> bool {
        matches!(self, Self::Given(given, _) if given.eq_ignore_ascii_case(id))
    }
}

fn basic(value: &HeaderValue) -> Option<Credentials> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some(Credentials::Given(id.to_owned(), secret.into()))
}
