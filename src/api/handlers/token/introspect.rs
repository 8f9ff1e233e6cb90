//! `POST /token/introspect`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::tokens::{IntrospectionResponse, TokenForm, TokenRequest};
use crate::api::extract::client::ClientRequest;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::session::introspect;

/// Returns whether an access token is valid at this moment
///
/// RFC 7662, for service clients, which send their credentials as HTTP Basic (`client_secret_basic`) or in the form
/// (`client_secret_post`), never both. Takes a logout into account at once, which a signature check does not. For
/// anything but a valid access token the response is `{"active": false}`.
#[utoipa::path(
    post, path = "/token/introspect", operation_id = "introspect_token", tag = "Verification",
    request_body(
        description = "A form, as in RFC 7662, or JSON.",
        content((TokenRequest = "application/json"), (TokenForm = "application/x-www-form-urlencoded")),
    ),
    responses((status = 200, description = "The state of the token.", body = IntrospectionResponse<'static>)),
)]
pub async fn introspect_token(state: Data<ApiState>, request: ClientRequest) -> Result<HttpResponse, Problem> {
    let introspected = introspect::introspect(&state.core, request.token.expose_secret()).await?;
    Ok(HttpResponse::Ok().json(IntrospectionResponse::new(introspected.as_ref())))
}
