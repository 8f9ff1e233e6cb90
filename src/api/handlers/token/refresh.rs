//! `POST /token/refresh`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::tokens::{RefreshRequest, TokenResponse};
use crate::api::extract::json::OptionalJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::extract::refresh_tokens::RefreshTokens;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::session::logout::session_of_refresh_token;
use crate::flows::session::one_session::Relation;
use crate::flows::session::refresh::{self, Refresh};

/// Refreshes the tokens of a session
///
/// Exchanges the refresh token for new tokens; the old one cannot be used again. A client that lost the response may
/// send the same token again within a few seconds and gets the same successor; any other use of an old token ends the
/// session. With a cookie, send an empty object or no body at all.
#[utoipa::path(
    post, path = "/token/refresh", operation_id = "refresh_tokens", tag = "Sessions",
    request_body(content = RefreshRequest, description = "May be omitted with a cookie."),
    responses((status = 200, description = "The new tokens of the session.", body = TokenResponse)),
)]
pub async fn refresh_tokens(
    state: Data<ApiState>,
    request: HttpRequest,
    origin: Origin,
    proof: ProofHeader,
    body: OptionalJson<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let invalid = || Problem::of(Code::InvalidRefreshToken);
    // The `Authorization` header is not read: a page whose access token is of an earlier session learns here who is
    // signed in now.
    let refresh_tokens = RefreshTokens::of(&state, &request, body.0.and_then(|body| body.refresh_token));
    let presented = refresh_tokens.first().ok_or_else(invalid)?;
    if refresh_tokens.are_two()
        && let Some(session) = session_of_refresh_token(&state.core, presented.expose_secret())
        && refresh_tokens.relation(&state.core, session).await? == Relation::Foreign
    {
        return Err(Problem::two_sessions());
    }
    let shown = proof.shown(&state)?;
    match refresh::refresh(&state.core, presented.expose_secret(), shown, origin.0).await? {
        Refresh::Granted(grant) => Ok(state.cookies.deliver(&grant).json(TokenResponse::new(&grant))),
        Refresh::TooOften(wait) => Err(Problem::rate_limited(wait)),
        Refresh::WrongKey => Err(Problem::wrong_key()),
        Refresh::Invalid => Err(invalid()),
    }
}
