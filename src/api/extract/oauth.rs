//! Forms of OAuth clients (RFC 6749 §2.3, §3.2), with the client that sends them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use secrecy::{ExposeSecret, SecretString};

use super::client::{Credentials, authenticate, authenticate_by_assertion, find_described, two_ways};
use super::form::is_form;
use super::json::read_body;
use super::origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ClientId;
use crate::domain::oauth::api_key::TOKEN_EXCHANGE;
use crate::domain::oauth::authorization_request::AuthorizationParameters;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::client_assertion::ASSERTION_TYPE;
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::grant::{ClientStanding, PresentedClient};
use crate::flows::admin::clients;

/// The parameters of a form. One without a value counts as left out (RFC 6749 §3.2).
pub struct Parameters(BTreeMap<String, SecretString>);

impl Parameters {
    /// Parses a form or a query.
    ///
    /// # Errors
    ///
    /// `malformed_request` if a parameter is there twice: two readers could take different ones (RFC 6749 §3.1).
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text).filter(|(_, value)| !value.is_empty()) {
            if parameters
                .insert(name.clone().into_owned(), SecretString::from(value.into_owned()))
                .is_some()
            {
                return Err(malformed("A parameter is there twice."));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes a secret parameter.
    pub fn take_secret(&mut self, name: &str) -> Option<SecretString> {
        self.0.remove(name)
    }

    /// Takes a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).map(|value| value.expose_secret().to_owned())
    }

    /// Takes a parameter that has to be there.
    ///
    /// # Errors
    ///
    /// `malformed_request` if it is missing.
    pub fn require(&mut self, name: &str) -> Result<SecretString, Problem> {
        self.take_secret(name)
            .ok_or_else(|| malformed(format!("The parameter {name} is missing.")))
    }
}

/// The parameters of a form.
impl FromRequest for Parameters {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !is_form(request.headers()) {
            let detail = "Send a form: application/x-www-form-urlencoded.";
            return ready(Err(Problem::new(Code::UnsupportedMediaType, detail))).boxed_local();
        }
        let body = read_body(request, payload);
        async move { Self::parse(&body.await?) }.boxed_local()
    }
}

impl Parameters {
    /// Takes the parameters of an authorization request.
    pub fn into_authorization(mut self) -> AuthorizationParameters {
        let mut take = |name| self.take(name);
        AuthorizationParameters {
            client_id: take("client_id"),
            redirect_uri: take("redirect_uri"),
            response_type: take("response_type"),
            response_mode: take("response_mode"),
            state: take("state"),
            scope: take("scope"),
            resource: take("resource"),
            code_challenge: take("code_challenge"),
            code_challenge_method: take("code_challenge_method"),
            nonce: take("nonce"),
            dpop_jkt: take("dpop_jkt"),
            prompt: take("prompt"),
            max_age: take("max_age"),
            acr_values: take("acr_values"),
            id_token_hint: take("id_token_hint"),
            login_hint: take("login_hint"),
            ui_locales: take("ui_locales"),
            request: take("request"),
            request_uri: take("request_uri"),
        }
    }
}

/// Makes the answer to a form that cannot be used.
pub fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(Code::MalformedRequest, detail)
}

/// The client that sends a form.
pub enum CallingClient {
    /// It has authenticated; or it describes itself, and its document says that it need not.
    Known(Box<Client>),
    /// It says who it is. Only applications that cannot keep a secret may do that.
    Named(ClientId),
}

/// A form of a client.
pub struct ClientForm {
    /// The client.
    pub client: CallingClient,
    /// The other parameters.
    pub parameters: Parameters,
}

impl CallingClient {
    /// Returns the client, if it was looked at.
    pub fn known(&self) -> Option<&Client> {
        match self {
            Self::Known(client) => Some(client),
            Self::Named(_) => None,
        }
    }

    /// Returns who presents a token, without a query.
    pub fn presented(&self) -> PresentedClient {
        match self {
            Self::Known(client) => PresentedClient::of(client),
            Self::Named(id) => PresentedClient {
                id: *id,
                standing: ClientStanding::Named,
            },
        }
    }

    /// Finds the client.
    ///
    /// # Errors
    ///
    /// `invalid_client` if there is none, or if it has to authenticate and did not.
    pub async fn find(self, state: &ApiState) -> Result<Client, Problem> {
        let found = match self {
            Self::Known(client) => return Ok(*client),
            Self::Named(id) => clients::find(&state.core, id).await?,
        };
        let public = found.filter(|client| !client.kind.authenticates());
        public.ok_or_else(|| Problem::of(Code::InvalidClient))
    }
}

impl FromRequest for ClientForm {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = Sender::receive(request, payload);
        async move {
            let (sender, parameters) = received.await?;
            let client = sender.identify().await?;
            Ok(Self { client, parameters })
        }
        .boxed_local()
    }
}

/// The form of a grant, which comes from a client. A token exchange may come from none: the script of a user is not
/// registered, and its API key says who it is.
pub struct GrantForm {
    /// The client, if there is one. Only a token exchange may come without.
    pub client: Option<CallingClient>,
    /// What is asked for.
    pub grant_type: Option<String>,
    /// The other parameters.
    pub parameters: Parameters,
}

impl FromRequest for GrantForm {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = Sender::receive(request, payload);
        async move {
            let (sender, mut parameters) = received.await?;
            let grant_type = parameters.take("grant_type");
            let needs_client = grant_type.as_deref() != Some(TOKEN_EXCHANGE);
            // A client that says who it is must be that client, whatever it asks for.
            let client = if needs_client || sender.shows_anything() {
                Some(sender.identify().await?)
            } else {
                None
            };
            Ok(Self {
                client,
                grant_type,
                parameters,
            })
        }
        .boxed_local()
    }
}

/// What a form and its headers say about the client that sends it.
struct Sender {
    state: Data<ApiState>,
    address: Option<IpAddr>,
    credentials: Credentials,
    id: Option<String>,
    secret: Option<SecretString>,
    assertion: Option<SecretString>,
}

impl Sender {
    fn receive(
        request: &HttpRequest,
        payload: &mut Payload,
    ) -> impl Future<Output = Result<(Self, Parameters), Problem>> + use<> {
        let credentials = Credentials::of(request);
        let address = origin::client(request);
        let state = Data::<ApiState>::extract(request);
        let parameters = Parameters::from_request(request, payload);
        async move {
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let mut parameters = parameters.await?;
            let (id, secret) = (parameters.take("client_id"), parameters.take_secret("client_secret"));
            let sender = Self {
                assertion: take_assertion(&mut parameters)?,
                state,
                address,
                credentials,
                id,
                secret,
            };
            Ok((sender, parameters))
        }
    }

    /// Returns whether it says anything about who it is, valid or not.
    const fn shows_anything(&self) -> bool {
        !self.credentials.is_absent() || self.id.is_some() || self.secret.is_some() || self.assertion.is_some()
    }

    /// Finds the client.
    async fn identify(self) -> Result<CallingClient, Problem> {
        if let Some(assertion) = &self.assertion {
            if !self.credentials.is_absent() || self.secret.is_some() {
                return Err(two_ways());
            }
            let client = authenticate_by_assertion(&self.state, (assertion, self.id.as_deref()), self.address).await?;
            return Ok(CallingClient::Known(Box::new(client)));
        }
        let given = match (self.credentials, self.id, self.secret) {
            (Credentials::Absent, Some(id), None) if ClientUrl::is_meant(&id) => {
                let client = find_described(&self.state, &id).await?;
                return Ok(CallingClient::Known(Box::new(client)));
            }
            (Credentials::Absent, Some(id), None) => {
                let id = ClientId::parse(&id).ok_or_else(|| Problem::of(Code::InvalidClient))?;
                return Ok(CallingClient::Named(id));
            }
            (Credentials::Absent, id, secret) => Credentials::both(id, secret),
            (_, _, Some(_)) => return Err(two_ways()),
            (given, Some(id), None) if !given.name(&id) => return Err(two_ways()),
            (given, _, None) => given,
        };
        let client = authenticate(&self.state, &given, self.address).await?;
        Ok(CallingClient::Known(Box::new(client)))
    }
}

/// Takes the assertion of a client (RFC 7521 §4.2).
fn take_assertion(parameters: &mut Parameters) -> Result<Option<SecretString>, Problem> {
    let kind = parameters.take("client_assertion_type");
    let assertion = parameters.take_secret("client_assertion");
    match (kind.as_deref(), assertion) {
        (None, None) => Ok(None),
        (Some(ASSERTION_TYPE), Some(assertion)) => Ok(Some(assertion)),
        _ => Err(malformed(
            "The client_assertion needs the client_assertion_type of RFC 7523.",
        )),
    }
}
