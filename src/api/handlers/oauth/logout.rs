//! `/oauth/logout`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::dto::oauth::LogoutForm;
use crate::api::extract::oauth::Parameters;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::redirect;
use crate::api::state::ApiState;
use crate::flows::oauth::end_session::{self, Ending, LogoutParameters};

/// Signs the user out of all applications
///
/// OpenID Connect RP-Initiated Logout 1.0: an application sends the user's browser here. With an ID token the session
/// in which the user allowed the application ends, with everything that was allowed in it. Without one, a page asks. A
/// client that prefers HTML, as browsers do, is shown on a page what is wrong.
#[utoipa::path(
    get, path = "/oauth/logout", operation_id = "end_session_of_application", tag = "Applications",
    params(LogoutForm),
    responses((status = 303, description = "Back to the application, or to a page.")),
)]
pub async fn end(state: Data<ApiState>, request: HttpRequest, origin: Origin) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::parse(request.query_string().as_bytes());
    answer_browser(&state, (&request, origin), parameters).await
}

/// Signs the user out of all applications
///
/// A form with the parameters of `GET /oauth/logout` is answered like that request: OpenID Connect RP-Initiated Logout
/// 1.0 §2 requires both methods. It may come from a page of any origin.
#[utoipa::path(
    post, path = "/oauth/logout", operation_id = "end_session_of_application_by_form", tag = "Applications",
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Back to the application, or to a page.")),
)]
pub async fn end_by_form(
    state: Data<ApiState>,
    request: HttpRequest,
    origin: Origin,
    form: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    answer_browser(&state, (&request, origin), form).await
}

/// Answers the browser that an application sent. What is wrong is shown on a page.
async fn answer_browser(
    state: &ApiState,
    (request, origin): (&HttpRequest, Origin),
    parameters: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    let answered = end_checked(state, parameters, origin).await;
    answered.or_else(|problem| redirect::explain(state, request, redirect::SIGN_OUT_PAGE, problem))
}

async fn end_checked(
    state: &ApiState,
    given: Result<Parameters, Problem>,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    let mut given = given?;
    let parameters = LogoutParameters {
        id_token_hint: given.take("id_token_hint"),
        client_id: given.take("client_id"),
        post_logout_redirect_uri: given.take("post_logout_redirect_uri"),
        state: given.take("state"),
        is_signed_out: given.take("signed_out").is_some(),
    };
    match end_session::end(&state.core, parameters, origin.0).await? {
        Ending::Redirect(url) => Ok(redirect::see_other(&url)),
        Ending::Shown(reason) => Err(Problem::new(Code::InvalidAuthorizationRequest, reason)),
    }
}
