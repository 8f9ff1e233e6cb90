//! The credentials of clients: HTTP Basic (RFC 7617), or `client_id` and `client_secret` in the form (RFC 6749 §2.3.1),
//! never both; and the services that RFC 7662 and RFC 7009 are for.

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
use crate::domain::ids::ClientId;
use crate::domain::oauth::client::{Client, ClientKind};
use crate::flows::admin::clients;
use crate::flows::oauth::known_clients::{self, ClientSearch};
use crate::rate_limits::Scope;

/// A request of a service client with valid credentials; the handler does not run without them.
pub struct ClientRequest {
    /// The service client.
    pub client: ClientId,
    /// The token that the request is about.
    pub token: SecretString,
}

impl FromRequest for ClientRequest {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let credentials = Credentials::of(request);
        let in_form = credentials.is_absent() && form::is_form(request.headers());
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
                let client = authenticate_service(&state, &credentials, address).await?;
                return Ok(Self {
                    client,
                    token: form.token()?,
                });
            }
            let client = authenticate_service(&state, &credentials, address).await?;
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
pub(super) fn two_ways() -> Problem {
    let detail = "The client must send its credentials in the Authorization header or in the form, not in both.";
    Problem::new(Code::MalformedRequest, detail).with("error", "invalid_request")
}

/// Finds a service by its credentials: applications may neither introspect nor revoke what is not theirs.
async fn authenticate_service(
    state: &ApiState,
    credentials: &Credentials,
    address: Option<IpAddr>,
) -> Result<ClientId, Problem> {
    let client = authenticate(state, credentials, address).await?;
    match client.kind {
        ClientKind::Service => Ok(client.id),
        ClientKind::Public | ClientKind::Confidential => Err(refuse(state, address)),
    }
}

/// Finds a client by its credentials.
pub(super) async fn authenticate(
    state: &ApiState,
    credentials: &Credentials,
    address: Option<IpAddr>,
) -> Result<Client, Problem> {
    let known = match credentials {
        Credentials::Given(id, secret) => clients::authenticate(&state.core, id, secret).await?,
        Credentials::Absent | Credentials::Unreadable => None,
    };
    admit(state, known, address)
}

/// Finds a client by its assertion. The `client_id` of the form may be left out, or repeats the client.
pub(super) async fn authenticate_by_assertion(
    state: &ApiState,
    (assertion, named): (&SecretString, Option<&str>),
    address: Option<IpAddr>,
) -> Result<Client, Problem> {
    let known = found(known_clients::authenticate_by_assertion(&state.core, assertion).await?)?;
    let is_named = |client: &Client| named.is_none_or(|named| is_id_of(named, client));
    admit(state, known.filter(is_named), address)
}

/// Returns whether a `client_id` names a client. UUIDs are compared in any case, and URLs as texts.
fn is_id_of(named: &str, client: &Client) -> bool {
    if client.is_described() {
        named == client.reference().client_id()
    } else {
        ClientId::parse(named) == Some(client.id)
    }
}

/// Finds an application that describes itself and need not authenticate.
pub(super) async fn find_described(state: &ApiState, client_id: &str) -> Result<Client, Problem> {
    let known = found(known_clients::find(&state.core, client_id).await?)?;
    let public = known.filter(|client| !client.kind.authenticates());
    public.ok_or_else(|| Problem::of(Code::InvalidClient))
}

fn found(search: ClientSearch) -> Result<Option<Client>, Problem> {
    match search {
        ClientSearch::Found(client) => Ok(Some(*client)),
        ClientSearch::Unknown => Ok(None),
        ClientSearch::Refused(why) => Err(Problem::new(Code::InvalidClient, undescribed(why))),
        ClientSearch::Unavailable(why) => Err(Problem::new(Code::ServiceUnavailable, undescribed(why))),
    }
}

/// Says what is wrong with the document of an application that describes itself.
pub fn undescribed(why: &str) -> String {
    format!("The document of the application cannot be used. {why}")
}

/// Lets a client in unless it calls too often.
fn admit(state: &ApiState, known: Option<Client>, address: Option<IpAddr>) -> Result<Client, Problem> {
    let client = known.ok_or_else(|| refuse(state, address))?;
    let wait = state.core.rate_limits.service_client(client.id.uuid());
    wait.map_or(Ok(client), |wait| Err(Problem::rate_limited(wait)))
}

fn refuse(state: &ApiState, address: Option<IpAddr>) -> Problem {
    refuse_with(state, address, || Problem::of(Code::InvalidClient))
}

/// Wrong credentials are counted by client address: a real back end knows its secret.
pub(super) fn refuse_with(state: &ApiState, address: Option<IpAddr>, problem: impl FnOnce() -> Problem) -> Problem {
    let limits = &state.core.rate_limits;
    let wait = address.and_then(|address| limits.address(Scope::WrongClient, address).wait);
    wait.map_or_else(problem, Problem::rate_limited)
}

/// An id and a secret, as they were sent.
pub(super) enum Credentials {
    Absent,
    Unreadable,
    Given(String, SecretString),
}

impl Credentials {
    /// Reads the `Authorization` header.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let mut values = request.headers().get_all(header::AUTHORIZATION);
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => basic(value).unwrap_or(Self::Unreadable),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }

    pub(super) fn both(id: Option<String>, secret: Option<SecretString>) -> Self {
        id.zip(secret)
            .map_or(Self::Absent, |(id, secret)| Self::Given(id, secret))
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Returns whether they name a client. Some libraries repeat the id in the form.
    pub(super) fn name(&self, id: &str) -> bool {
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
    // RFC 6749 §2.3.1: both are encoded as in a form. Some libraries encode even the dash.
    let plain = |text| percent_encoding::percent_decode_str(text).decode_utf8().ok();
    Some(Credentials::Given(
        plain(id)?.into_owned(),
        plain(secret)?.into_owned().into(),
    ))
}
