//! `/oauth/authorize`.

#![expect(unused_qualifications, reason = "utoipa qualifies the type of the parameters")]

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use utoipa::{IntoParams, ToSchema};

use crate::api::dto::oauth::{AuthorizeRequest, AuthorizeResponse};
use crate::api::extract::bearer::{Bearer, SignedIn};
use crate::api::extract::json::StrictJson;
use crate::api::extract::oauth::Parameters;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::domain::oauth::authorization_request::AuthorizationParameters;
use crate::flows::oauth::authorize::{self, Answer, Beginning, Decision};

/// The parameters of an authorization request (RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2.1).
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that parameters_of reads")]
pub struct AuthorizationForm {
    /// The application.
    client_id: String,
    /// Where the answer goes: one of the registered URIs, repeated exactly.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// Always `code`.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    response_type: Option<String>,
    /// `query`, which is the default.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    response_mode: Option<String>,
    /// Repeated in the answer.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    state: Option<String>,
    /// What is asked for, separated by spaces. Scopes that the application may not get are left out.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The resource that access tokens are for (RFC 8707).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    resource: Option<String>,
    /// The SHA-256 of a secret of the application, in base64url (RFC 7636).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    code_challenge: Option<String>,
    /// Always `S256`.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    code_challenge_method: Option<String>,
    /// Repeated in the ID token.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    nonce: Option<String>,
    /// `none`: nothing is shown. `login`: the user signs in again. `consent`: the user is asked again.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    prompt: Option<String>,
    /// How many seconds ago the user may have signed in.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    max_age: Option<String>,
    /// `aal2`: two factors are required.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    acr_values: Option<String>,
    /// The name that the user probably signs in with.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    login_hint: Option<String>,
    /// What `POST /oauth/par` answered; the other parameters are then left out.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    request_uri: Option<String>,
}

/// Reads the parameters.
pub(super) fn parameters_of(mut given: Parameters) -> AuthorizationParameters {
    let mut take = |name| given.take(name);
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
        prompt: take("prompt"),
        max_age: take("max_age"),
        acr_values: take("acr_values"),
        login_hint: take("login_hint"),
        ui_locales: take("ui_locales"),
        request: take("request"),
        request_uri: take("request_uri"),
    }
}

/// Sends the user to the page where they decide
///
/// The authorization endpoint of OAuth (RFC 6749 §3.1): an application sends the user's browser here. What is wrong with
/// the application or its redirect URI is shown; everything else that is wrong is sent to the application.
#[utoipa::path(
    get, path = "/oauth/authorize", operation_id = "begin_authorization", tag = "Applications",
    params(AuthorizationForm),
    responses((status = 303, description = "To the page, or back to the application with an error.")),
)]
pub async fn begin(state: Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = parameters_of(Parameters::parse(request.query_string().as_bytes())?);
    match authorize::begin(&state.core, &parameters).await? {
        Beginning::Page(url) | Beginning::Redirect(url) => Ok(see_other(&url)),
        Beginning::Shown(reason) => Err(Problem::new(Code::InvalidAuthorizationRequest, reason)),
    }
}

/// Sends the browser on. 303, so that a POST is not repeated there (RFC 9700 §4.12).
pub(super) fn see_other(url: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, url)).finish()
}

/// Shows what an application asks for, or decides
///
/// For the page that `GET /oauth/authorize` leads to. Without `decision` the response says what to ask the user, and
/// nothing changes. With it, and where the application allows no question (`prompt=none`), the response says where the
/// browser goes. A request can be approved once. Without an access token, only a request that allows no question is
/// answered.
#[utoipa::path(
    post, path = "/oauth/authorize", operation_id = "decide_authorization", tag = "Applications",
    request_body(content = AuthorizeRequest),
    responses((status = 200, description = "What the page does next.", body = AuthorizeResponse)),
    security(("access_token" = []), ()),
)]
pub async fn decide(
    state: Data<ApiState>,
    http: HttpRequest,
    origin: Origin,
    body: StrictJson<AuthorizeRequest>,
) -> Result<HttpResponse, Problem> {
    let AuthorizeRequest { request, decision } = body.0;
    let sealed = request.expose_secret();
    let decision = decision.map(|name| Decision::parse(&name).ok_or(name));
    let decision = decision
        .transpose()
        .map_err(|_unknown| InvalidInput::of("/decision", "must be approve or deny"))?;
    if matches!(Bearer::of(&http), Bearer::Absent) {
        let answered = authorize::consider_signed_out(&state.core, sealed).await?;
        return answered.map_or_else(|| Err(Problem::of(Code::InvalidToken)), answer);
    }
    let SignedIn(caller) = SignedIn::of(&http).await?;
    answer(match decision {
        None => authorize::consider(&state.core, &caller, sealed, origin.0).await?,
        Some(decision) => authorize::decide(&state.core, &caller, (sealed, decision), origin.0).await?,
    })
}

fn answer(answer: Answer) -> Result<HttpResponse, Problem> {
    match answer {
        Answer::Question(question) => Ok(HttpResponse::Ok().json(AuthorizeResponse::question(*question))),
        Answer::Redirect(url) => Ok(HttpResponse::Ok().json(AuthorizeResponse::redirect(url))),
        Answer::StepUpRequired(demand) => Err(Problem::insufficient_user_authentication(&demand)),
        Answer::Invalid => Err(Problem::of(Code::InvalidAuthorizationRequest)),
    }
}
