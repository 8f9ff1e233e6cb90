//! `POST /logout`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::tokens::RefreshRequest;
use crate::api::extract::bearer::{Bearer, PresentedToken};
use crate::api::extract::json::OptionalJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::refresh_tokens::RefreshTokens;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::session::logout::{logout, session_of_bearer, session_of_refresh_token};
use crate::flows::session::one_session::Relation;

/// Ends the session
///
/// With one of its tokens: the access token as bearer, the refresh token in the body or in the cookie, or the pre-auth
/// token of a pending login as bearer. The response is the same if the session has already ended, so a client that
/// lost the response can try again. Two tokens of different sessions are refused with `two_sessions`, and end neither.
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
    let core = &state.core;
    let refresh_tokens = RefreshTokens::of(&state, &request, body.0.and_then(|body| body.refresh_token));
    let session = match (Bearer::of(&request), refresh_tokens.first()) {
        // An unknown token counts as that of a session that has ended (RFC 7009 §2.2).
        (Bearer::Absent, Some(first)) => session_of_refresh_token(core, first.expose_secret()),
        (bearer, _) => {
            let PresentedToken { token, proof } = bearer.require(Code::InvalidToken, core)?;
            let session = session_of_bearer(core, token.expose_secret(), proof).await?;
            Some(session.ok_or_else(|| Problem::of(Code::InvalidToken).bearer_error())?)
        }
    };
    let is_cookie_over = if let Some(session) = session {
        let relation = refresh_tokens.relation(core, session).await?;
        if relation == Relation::Foreign {
            return Err(Problem::two_sessions());
        }
        logout(core, session, origin.0).await?;
        relation == Relation::Own && refresh_tokens.has_cookie()
    } else {
        refresh_tokens.is_first_in_cookie()
    };
    let mut response = HttpResponse::NoContent();
    if is_cookie_over {
        state.cookies.refresh.clear(&mut response);
    }
    Ok(response.finish())
}
