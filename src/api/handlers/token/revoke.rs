//! `POST /token/revoke`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::tokens::{TokenForm, TokenRequest};
use crate::api::extract::client::ClientRequest;
use crate::api::extract::origin::Origin;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::session::revoke;

/// Ends the session of a token
///
/// RFC 7009, for service clients, which send their credentials as HTTP Basic (`client_secret_basic`) or in the form
/// (`client_secret_post`), never both. Accepts access, refresh and pre-auth tokens; the response to an unknown token
/// is the same. An API key, or an access token of one, deletes the key.
#[utoipa::path(
    post, path = "/token/revoke", operation_id = "revoke_token", tag = "Verification",
    request_body(
        description = "A form, as in RFC 7009, or JSON.",
        content((TokenRequest = "application/json"), (TokenForm = "application/x-www-form-urlencoded")),
    ),
    responses((status = 200, description = "The token is no longer valid.")),
)]
pub async fn revoke_token(
    state: Data<ApiState>,
    origin: Origin,
    request: ClientRequest,
) -> Result<HttpResponse, Problem> {
    revoke::revoke(&state.core, request.client, request.token.expose_secret(), origin.0).await?;
    Ok(HttpResponse::Ok().finish())
}
