//! `/console/`: the pages for administrators.
//!
//! They call the API under `/admin` as every client does, and have no rights of their own: the role and the proofs of
//! the user who signed in decide. They share the modules of the account pages, with which administrators sign in.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::page;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::api::web_files::{ACCOUNT_PAGE, respond, respond_with_console};

/// The pages, by the last segment of their path; it is empty for the overview. `web/js/console/pages.js` has the same
/// list.
pub const PAGES: [&str; 14] = [
    "",
    "users",
    "user",
    "invite",
    "applications",
    "application",
    "new-application",
    "providers",
    "webhooks",
    "webhook",
    "new-webhook",
    "trail",
    "keys",
    "health",
];

/// Redirects `/console` to `/console/`, by a relative URL, so that it also works below a path.
pub async fn redirect() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "console/"))
        .finish()
}

/// Serves a file or a page.
///
/// # Errors
///
/// `not_found` for any other path, if the client is not a browser.
pub async fn serve(request: HttpRequest, state: Data<ApiState>, name: Path<String>) -> Result<HttpResponse, Problem> {
    let file = match name.as_str() {
        page if PAGES.contains(&page) => return Ok(respond_with_console(&request, &state)),
        ACCOUNT_PAGE => None,
        file => respond(&request, &state, file),
    };
    file.map_or_else(|| page::missing_in_console(&request, &state), Ok)
}
