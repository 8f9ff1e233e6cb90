//! `POST /oauth/token`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::oauth::{OAuthTokenForm, OAuthTokens};
use crate::api::extract::oauth::{CallingClient, ClientForm, Parameters, malformed};
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::oauth::client::ClientKind;
use crate::domain::oauth::pkce::CodeVerifier;
use crate::flows::oauth::device::{self, DevicePoll};
use crate::flows::oauth::tokens::{self, Exchange, PresentedCode, PresentedRefresh, ServiceGrant};

/// The grant type of devices (RFC 8628 §3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Exchanges a grant for tokens
///
/// The token endpoint of OAuth (RFC 6749 §3.2). `authorization_code` redeems the code of `GET /oauth/authorize`, once;
/// `refresh_token` gets the next tokens, with the same rules as `POST /token/refresh`; `client_credentials` gives a
/// service a token of its own; `urn:ietf:params:oauth:grant-type:device_code` is for devices that wait for their user. A client with a secret authenticates by HTTP Basic or in the form; one without sends its
/// `client_id`.
#[utoipa::path(
    post, path = "/oauth/token", operation_id = "exchange_grant", tag = "Applications",
    request_body(content = OAuthTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The tokens.", body = OAuthTokens)),
)]
pub async fn exchange(state: Data<ApiState>, origin: Origin, form: ClientForm) -> Result<HttpResponse, Problem> {
    let ClientForm { client, mut parameters } = form;
    match parameters.take("grant_type").as_deref() {
        Some("authorization_code") => redeem(&state, client, parameters, origin.0).await,
        Some("refresh_token") => refresh(&state, client, parameters, origin.0).await,
        Some(DEVICE_CODE) => poll(&state, client, parameters, origin.0).await,
        Some("client_credentials") => grant_service(&state, client, parameters).await,
        Some(_) => Err(Problem::of(Code::UnsupportedGrantType)),
        None => Err(malformed("The parameter grant_type is missing.")),
    }
}

async fn redeem(
    state: &ApiState,
    client: CallingClient,
    mut parameters: Parameters,
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
    };
    answer(tokens::redeem(&state.core, &client, presented, origin).await?)
}

async fn refresh(
    state: &ApiState,
    client: CallingClient,
    mut parameters: Parameters,
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    let token = parameters.require("refresh_token")?;
    let (scope, resource) = (parameters.take("scope"), parameters.take("resource"));
    let presented = PresentedRefresh {
        token: &token,
        scope: scope.as_deref(),
        resource: resource.as_deref(),
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
        Exchange::Invalid => Err(Problem::of(Code::InvalidGrant)),
        Exchange::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        Exchange::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}

async fn poll(
    state: &ApiState,
    client: CallingClient,
    mut parameters: Parameters,
    origin: RequestOrigin,
) -> Result<HttpResponse, Problem> {
    let client = client.find(state).await?;
    let code = parameters.require("device_code")?;
    Err(Problem::of(
        match device::poll(&state.core, &client, &code, origin).await? {
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
    mut parameters: Parameters,
) -> Result<HttpResponse, Problem> {
    let client = client.find(state).await?;
    if client.kind != ClientKind::Service {
        return Err(Problem::of(Code::UnauthorizedClient));
    }
    let (scope, resource) = (parameters.take("scope"), parameters.take("resource"));
    match tokens::grant_service(&state.core, &client, (scope.as_deref(), resource.as_deref()))? {
        ServiceGrant::Granted(token) => Ok(HttpResponse::Ok().json(OAuthTokens::of_service(&token))),
        ServiceGrant::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        ServiceGrant::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}
