//! The page for users whose browser asks for a path where there is none.

use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::{HttpRequest, HttpResponse};

use super::problem::{Code, ErrorPage, Problem};
use super::redirect::prefers_html;
use super::state::ApiState;

/// What pages may do. Scripts and styles are files of this origin, never inline, and nothing is loaded from another
/// origin. Images may be data URIs, for QR codes. `trusted-types` prevents any text from becoming markup.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// Tells a user in a browser that there is no such page. The answer is not cacheable, as none to an error is.
///
/// # Errors
///
/// `not_found` for other clients, which read problems, and in a deployment without pages.
pub fn missing(request: &HttpRequest, state: &ApiState) -> Result<HttpResponse, Problem> {
    tell_with(&state.branding.missing_page, request, state)
}

/// The same for a path below the console, in its frame.
///
/// # Errors
///
/// As of [`missing`].
pub fn missing_in_console(request: &HttpRequest, state: &ApiState) -> Result<HttpResponse, Problem> {
    tell_with(&state.branding.missing_console, request, state)
}

fn tell_with(document: &str, request: &HttpRequest, state: &ApiState) -> Result<HttpResponse, Problem> {
    if !state.account_pages || !prefers_html(request) {
        return Err(Problem::of(Code::NotFound));
    }
    let mut response = HttpResponse::NotFound()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type("text/html; charset=utf-8")
        .body(document.to_owned());
    response.extensions_mut().insert(ErrorPage);
    Ok(response)
}
