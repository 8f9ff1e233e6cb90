//! `POST /oauth/revoke`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::tokens::TokenForm;
use crate::api::extract::oauth::ClientForm;
use crate::api::extract::origin::Origin;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::oauth::client::ClientKind;
use crate::flows::session::revoke;

/// Ends the grant of a token
///
/// RFC 7009, for applications, with their own access and refresh tokens. The response to any other token is the same,
/// and ends nothing. For a service it does what `POST /token/revoke` does.
#[utoipa::path(
    post, path = "/oauth/revoke", operation_id = "revoke_grant", tag = "Applications",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is no longer valid.")),
)]
pub async fn revoke(state: Data<ApiState>, origin: Origin, mut form: ClientForm) -> Result<HttpResponse, Problem> {
    let token = form.parameters.require("token")?;
    // RFC 7009 §2.1: the client is checked first.
    let client = form.client.find(&state).await?;
    let token = token.expose_secret();
    if client.kind == ClientKind::Service {
        revoke::revoke(&state.core, client.id, token, origin.0).await?;
    } else {
        revoke::revoke_own(&state.core, &client, token, origin.0).await?;
    }
    Ok(HttpResponse::Ok().finish())
}
