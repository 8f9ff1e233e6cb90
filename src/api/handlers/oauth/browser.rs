//! What is wrong with a request that an application sent a user's browser with.

use actix_web::http::header::Accept;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use crate::api::handlers::see_other;
use crate::api::problem::Problem;
use crate::api::state::ApiState;

/// The page that explains a refused `GET /oauth/authorize`.
pub(super) const AUTHORIZE_PAGE: &str = "authorize";
/// The page that explains a refused `GET /oauth/logout`.
pub(super) const SIGN_OUT_PAGE: &str = "sign-out";

/// Sends a browser to the page that explains a refusal in the user's language. Other clients get the problem, which says
/// more. The page gets nothing but its code: a page that shows a text of its URL shows that of an attacker, too.
pub(super) fn explain(
    state: &ApiState,
    request: &HttpRequest,
    page: &str,
    problem: Problem,
) -> Result<HttpResponse, Problem> {
    if !problem.code.status().is_client_error() || !prefers_html(request) {
        return Err(problem);
    }
    let (base, code) = (&state.core.settings.link_base_url, problem.code.as_str());
    Ok(see_other(&format!("{base}/{page}#error={code}")))
}

/// Browsers name HTML first when a user navigates. Scripts and programs accept anything, or JSON.
fn prefers_html(request: &HttpRequest) -> bool {
    let accepted = request.get_header::<Accept>();
    accepted.is_some_and(|accepted| accepted.preference().essence_str() == "text/html")
}
