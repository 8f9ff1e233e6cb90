//! Where a user's browser is sent, and what is wrong with a request that an application sent it with.

use actix_web::http::header::{Accept, LOCATION};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use crate::api::problem::Problem;
use crate::api::state::ApiState;

/// The page that explains a refused `GET /oauth/authorize`.
pub const AUTHORIZE_PAGE: &str = "authorize";
/// The page that finishes a sign-in at a provider.
pub const FEDERATION_PAGE: &str = "federation";
/// The page that explains a refused `GET /oauth/logout`.
pub const SIGN_OUT_PAGE: &str = "sign-out";

/// Sends the browser on. 303, so that a POST is not repeated there (RFC 9700 §4.12).
pub fn see_other(url: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, url)).finish()
}

/// Sends a browser to the page that explains a refusal in the user's language. Other clients get the problem, which says
/// more. The page gets nothing but its code: a page that shows a text of its URL shows that of an attacker, too.
pub fn explain(state: &ApiState, request: &HttpRequest, page: &str, problem: Problem) -> Result<HttpResponse, Problem> {
    if !problem.code.status().is_client_error() || !prefers_html(request) {
        return Err(problem);
    }
    let (base, code) = (&state.core.settings.link_base_url, problem.code.as_str());
    Ok(see_other(&format!("{base}/{page}#error={code}")))
}

/// Browsers name HTML first when a user navigates. Scripts and programs accept anything, or JSON.
pub fn prefers_html(request: &HttpRequest) -> bool {
    let accepted = request.get_header::<Accept>();
    accepted.is_some_and(|accepted| accepted.preference().essence_str() == "text/html")
}
