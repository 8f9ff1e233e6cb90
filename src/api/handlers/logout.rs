//! `POST /logout`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::tokens::RefreshRequest;
use crate::api::extract::bearer::{Bearer, PresentedToken};
use crate::api::extract::json::OptionalJson;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::session::logout::{logout, logout_presented};

/// Ends the session
///
/// With one of its tokens: the access token as bearer, the refresh token in the body or in the cookie, or the pre-auth
/// token of a pending login as bearer. The response is the same if the session has already ended, so a client that
/// lost the response can try again.
#[utoipa::path(
    post, path = "/logout", operation_id = "log_out", tag = "Sessions",
    request_body(content = RefreshRequest, description = "May be omitted with a bearer token or a cookie."),
    responses((status = 204, description = "The session has ended.")),
    security((), ("access_token" = []), ("pre_auth_token" = [])),
)]
pub async fn log_out(
    state: Data<ApiState>,
    request: HttpRequest,
    origin: Origin,
    body: OptionalJson<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let in_body = body.0.and_then(|body| body.refresh_token);
    let in_cookie = state.cookies.refresh.read(&request);
    let mut response = HttpResponse::NoContent();
    if in_cookie.is_some() {
        state.cookies.refresh.clear(&mut response);
    }
    let presented = in_body.or(in_cookie);
    let bearer = Bearer::of(&request);
    if !matches!(bearer, Bearer::Absent) || presented.is_none() {
        let PresentedToken { token, proof } = bearer.require(Code::InvalidToken, &state.core)?;
        let known = logout_presented(&state.core, token.expose_secret(), proof, origin.0.clone()).await?;
        if !known {
            return Err(Problem::of(Code::InvalidToken).bearer_error());
        }
    }
    if let Some(token) = presented {
        // It may belong to another session than the bearer. An unknown token counts as ended (RFC 7009 §2.2).
        logout(&state.core, token.expose_secret(), origin.0).await?;
    }
    Ok(response.finish())
}
