//! `/account/`: the pages for users.
//!
//! They are a client like any other: they call the public API and nothing else.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::page;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::api::web_files::{ACCOUNT_PAGE, is_of_console, respond};

/// The pages, by the last segment of their path; it is empty for the start page. `web/js/pages.js` has the same list.
pub const PAGES: [&str; 25] = [
    "",
    "login",
    "login-by-mail",
    "lost-device",
    "magic-link",
    "register",
    "set-up",
    "second-factor",
    "recovery-codes",
    "forgot-password",
    "reset-password",
    "verify-email",
    "cancel-email-change",
    "security",
    "authenticator",
    "sessions",
    "applications",
    "activity",
    "token",
    "authorize",
    "federation",
    "device",
    "sign-out",
    "signed-out",
    "deleted",
];

/// The page that shows an access token. Users would have it for no reason but to be talked into passing it on.
const DEVELOPERS_PAGE: &str = "token";

/// Redirects `/` and `/account` to `/account/`, by a relative URL, so that it also works below a path.
pub async fn redirect() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "account/"))
        .finish()
}

/// Serves a file or a page.
///
/// # Errors
///
/// `not_found` for any other path, if the client is not a browser.
pub async fn serve(request: HttpRequest, state: Data<ApiState>, name: Path<String>) -> Result<HttpResponse, Problem> {
    let file = match name.as_str() {
        DEVELOPERS_PAGE if state.development.is_none() => None,
        name if PAGES.contains(&name) => respond(&request, &state, ACCOUNT_PAGE),
        file if is_of_console(file) => None,
        file => respond(&request, &state, file),
    };
    file.map_or_else(|| page::missing(&request, &state), Ok)
}
