//! `POST /oauth/token`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::oauth::{OAuthTokenForm, OAuthTokens};
use crate::api::extract::oauth::{CallingClient, GrantForm, Parameters, malformed};
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::oauth::api_key::{ACCESS_TOKEN_TYPE, API_KEY_TYPE, TOKEN_EXCHANGE};
use crate::domain::oauth::client::ClientKind;
use crate::domain::oauth::pkce::CodeVerifier;
use crate::flows::oauth::api_keys::{self, KeyExchange, PresentedKey};
use crate::flows::oauth::device::{self, DevicePoll};
use crate::flows::oauth::tokens::{self, Exchange, PresentedCode, PresentedRefresh, ServiceGrant};

/// The grant type of devices (RFC 8628 §3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Exchanges a grant for tokens
///
/// The token endpoint of OAuth (RFC 6749 §3.2). `authorization_code` redeems the code of `GET /oauth/authorize`, once;
/// `refresh_token` gets the next tokens, with the same rules as `POST /token/refresh`; `client_credentials` gives a
/// service a token of its own; `urn:ietf:params:oauth:grant-type:device_code` is for devices that wait for their user.
/// A client with a secret authenticates by HTTP Basic or in the form; one without sends its `client_id`.
///
/// `urn:ietf:params:oauth:grant-type:token-exchange` exchanges an API key of `POST /me/api-keys` for an access token
/// (RFC 8693). It needs no client. The token is for the back ends of the deployment and has no session: nothing of this
/// service accepts it.
#[utoipa::path(
    post, path = "/oauth/token", operation_id = "exchange_grant", tag = "Applications",
    request_body(content = OAuthTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The tokens.", body = OAuthTokens)),
)]
pub async fn exchange(
    state: Data<ApiState>,
    origin: Origin,
    proof: ProofHeader,
    form: GrantForm,
) -> Result<HttpResponse, Problem> {
    let GrantForm {
        client,
        grant_type,
        parameters,
    } = form;
    if grant_type.as_deref() == Some(TOKEN_EXCHANGE) {
        return exchange_key(&state, client, (parameters, &proof), origin.0).await;
    }
    let client = client.ok_or_else(|| Problem::of(Code::InvalidClient))?;
    match grant_type.as_deref() {
        Some("authorization_code") => redeem(&state, client, (parameters, &proof), origin.0).await,
        Some("refresh_token") => refresh(&state, client, (parameters, &proof), origin.0).await,
        Some(DEVICE_CODE) => poll(&state, client, (parameters, &proof), origin.0).await,
        Some("client_credentials") => grant_service(&state, client, (parameters, &proof)).await,
        Some(_) => Err(Problem::of(Code::UnsupportedGrantType)),
        None => Err(malformed("The parameter grant_type is missing.")),
    }
}

async fn redeem(
    state: &ApiState,
    client: CallingClient,
    (mut parameters, proof): (Parameters, &ProofHeader),
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    let client = client.find(state).await?;
    let code = parameters.require("code")?;
    let redirect_uri = parameters.take("redirect_uri");
    let redirect_uri = redirect_uri.ok_or_else(|| malformed("The parameter redirect_uri is missing."))?;
    let verifier = CodeVerifier::parse(parameters.require("code_verifier")?);
    let verifier = verifier.ok_or_else(|| malformed("The code_verifier must have 43 to 128 unreserved characters."))?;
    let presented = PresentedCode {
        code,
        redirect_uri,
        verifier,
        proof: proof.of_client(state, &client)?,
    };
    answer(tokens::redeem(&state.core, &client, presented, origin).await?)
}

async fn refresh(
    state: &ApiState,
    client: CallingClient,
    (mut parameters, proof): (Parameters, &ProofHeader),
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    let token = parameters.require("refresh_token")?;
    let (scope, resource) = (parameters.take("scope"), parameters.take("resource"));
    let presented = PresentedRefresh {
        token: &token,
        scope: scope.as_deref(),
        resource: resource.as_deref(),
        shown: proof.of_known_client(state, client.known())?,
        known: client.known(),
    };
    let exchanged = tokens::refresh(&state.core, client.presented(), presented, origin).await?;
    if matches!(exchanged, Exchange::Invalid) {
        // Whether the client exists is asked only now: the statement that refreshes has checked it already.
        client.find(state).await?;
    }
    answer(exchanged)
}

fn answer(exchanged: Exchange) -> Result<HttpResponse, Problem> {
    match exchanged {
        Exchange::Granted(tokens) => Ok(HttpResponse::Ok().json(OAuthTokens::of_application(&tokens))),
        Exchange::TooOften(wait) => Err(Problem::rate_limited(wait)),
        Exchange::WrongKey => Err(Problem::wrong_key()),
        Exchange::Invalid => Err(Problem::of(Code::InvalidGrant)),
        Exchange::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        Exchange::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}

async fn poll(
    state: &ApiState,
    client: CallingClient,
    (mut parameters, proof): (Parameters, &ProofHeader),
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    let client = client.find(state).await?;
    let code = parameters.require("device_code")?;
    let proof = proof.of_client(state, &client)?;
    Err(Problem::of(
        match device::poll(&state.core, &client, (&code, proof), origin).await? {
            DevicePoll::Granted(tokens) => return Ok(HttpResponse::Ok().json(OAuthTokens::of_application(&tokens))),
            DevicePoll::Pending => Code::AuthorizationPending,
            DevicePoll::SlowDown => Code::SlowDown,
            DevicePoll::Denied => Code::AccessDenied,
            DevicePoll::Expired => Code::ExpiredToken,
            DevicePoll::Invalid => Code::InvalidGrant,
        },
    ))
}

async fn grant_service(
    state: &ApiState,
    client: CallingClient,
    (mut parameters, proof): (Parameters, &ProofHeader),
) -> Result<HttpResponse, Problem> {
    let client = client.find(state).await?;
    if client.kind != ClientKind::Service {
        return Err(Problem::of(Code::UnauthorizedClient));
    }
    let (scope, resource) = (parameters.take("scope"), parameters.take("resource"));
    let proof = proof.of_client(state, &client)?;
    match tokens::grant_service(&state.core, &client, (scope.as_deref(), resource.as_deref()), proof)? {
        ServiceGrant::Granted(token) => Ok(HttpResponse::Ok().json(OAuthTokens::of_service(&token))),
        ServiceGrant::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        ServiceGrant::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}

async fn exchange_key(
    state: &ApiState,
    client: Option<CallingClient>,
    (mut parameters, proof): (Parameters, &ProofHeader),
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    if let Some(client) = client {
        client.find(state).await?;
    }
    let api_key = parameters.require("subject_token")?;
    let (kind, wanted) = (
        parameters.take("subject_token_type"),
        parameters.take("requested_token_type"),
    );
    // RFC 8693 §2.1. A token that acts for another one would say less than it seems to.
    if kind.as_deref() != Some(API_KEY_TYPE)
        || wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN_TYPE)
        || parameters.take_secret("actor_token").is_some()
    {
        return Err(malformed(format!(
            "Only a subject token of the type {API_KEY_TYPE} is exchanged, for an access token and without an actor."
        )));
    }
    let scope = parameters.take("scope");
    let presented = PresentedKey {
        api_key: &api_key,
        scope: scope.as_deref(),
        targets: [parameters.take("resource"), parameters.take("audience")]
            .into_iter()
            .flatten()
            .collect(),
        proof: proof.begin(state)?,
    };
    match api_keys::exchange(&state.core, presented, origin).await? {
        KeyExchange::Granted(token) => Ok(HttpResponse::Ok().json(OAuthTokens::of_key(&token))),
        KeyExchange::TooOften(wait) => Err(Problem::rate_limited(wait)),
        // RFC 8693 §2.2.2: `invalid_request`, also for a subject token that is not valid.
        KeyExchange::Invalid => Err(Problem::of(Code::InvalidApiKey)),
        KeyExchange::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        KeyExchange::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}
