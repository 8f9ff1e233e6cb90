//! `/oauth/authorize`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::oauth::{AuthorizationForm, AuthorizeRequest, AuthorizeResponse};
use crate::api::extract::bearer::{Bearer, SignedIn};
use crate::api::extract::client::undescribed;
use crate::api::extract::json::StrictJson;
use crate::api::extract::oauth::Parameters;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::redirect;
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::flows::oauth::authorize::{self, Answer, Beginning, Decision};

/// Sends the user to the page where they decide
///
/// The authorization endpoint of OAuth (RFC 6749 §3.1): an application sends the user's browser here. What is wrong with
/// the application or its redirect URI is shown; everything else that is wrong is sent to the application. A client that
/// prefers HTML, as browsers do, is shown it on a page.
#[utoipa::path(
    get, path = "/oauth/authorize", operation_id = "begin_authorization", tag = "Applications",
    params(AuthorizationForm),
    responses((status = 303, description = "To a page, or back to the application with an error.")),
)]
pub async fn begin(state: Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::parse(request.query_string().as_bytes());
    answer_browser(&state, &request, parameters).await
}

/// Sends the user to the page where they decide
///
/// A form with the parameters of `GET /oauth/authorize` is answered like that request: OpenID Connect Core 1.0 §3.1.2.1
/// requires both methods. A form decides nothing, and may come from a page of any origin.
#[utoipa::path(
    post, path = "/oauth/authorize", operation_id = "begin_authorization_by_form", tag = "Applications",
    request_body(content = AuthorizationForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To a page, or back to the application with an error.")),
)]
pub async fn begin_by_form(
    state: Data<ApiState>,
    request: HttpRequest,
    form: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    answer_browser(&state, &request, form).await
}

/// Answers the browser that an application sent. What is wrong is shown on a page.
async fn answer_browser(
    state: &ApiState,
    request: &HttpRequest,
    parameters: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    let answered = begin_checked(state, parameters).await;
    answered.or_else(|problem| redirect::explain(state, request, redirect::AUTHORIZE_PAGE, problem))
}

async fn begin_checked(state: &ApiState, parameters: Result<Parameters, Problem>) -> Result<HttpResponse, Problem> {
    match authorize::begin(&state.core, &parameters?.into_authorization()).await? {
        Beginning::Page(url) | Beginning::Redirect(url) => Ok(redirect::see_other(&url)),
        Beginning::Shown(reason) => Err(Problem::new(Code::InvalidAuthorizationRequest, reason)),
        Beginning::Undescribed(why) => Err(Problem::new(Code::InvalidAuthorizationRequest, undescribed(why))),
        Beginning::Unavailable(why) => Err(Problem::new(Code::ServiceUnavailable, undescribed(why))),
    }
}

/// Shows what an application asks for, or decides
///
/// For the page that `GET /oauth/authorize` leads to. Without `decision` the response says what to ask the user, and
/// nothing changes. With it, and where the application allows no question (`prompt=none`), the response says where the
/// browser goes: to the application, or to a page of this service that posts the answer there
/// (`response_mode=form_post`). A request can be approved once. Without an access token, only a request that allows no
/// question is answered.
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
        .map_err(|_unknown| InvalidInput::of("/decision", "must be approve, continue or deny"))?;
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
        Answer::TooOften(wait) => Err(Problem::rate_limited(wait)),
    }
}
