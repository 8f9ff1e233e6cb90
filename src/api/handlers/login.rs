//! `POST /login`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::login::{LoginRequest, LoginResponse};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::password::Password;
use crate::domain::user::Identifier;
use crate::flows::login::{Login, login};

/// Opens the first door
///
/// Checks the password. Answers with a pre-auth token and the methods that open the second door; `status` tells how to
/// go on.
///
/// # Errors
///
/// Answers with the problems listed for the route.
#[utoipa::path(
    post, path = "/login", operation_id = "log_in", tag = "Sign in",
    request_body(content = LoginRequest, description = "Exactly one of `email` and `username`."),
    responses((status = 200, description = "The password was right.", body = LoginResponse)),
)]
pub async fn log_in(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let request = body.0;
    let identifier = Identifier::parse(request.email.as_deref(), request.username.as_deref())?;
    match login(&state.core, identifier, Password::new(&request.password), origin.0).await? {
        Login::Pending(pending) => Ok(HttpResponse::Ok().json(LoginResponse::pending(&pending))),
        Login::Authenticated(grant) => Ok(HttpResponse::Ok().json(LoginResponse::authenticated(&grant))),
        Login::InvalidCredentials => Err(Problem::of(Code::InvalidCredentials)),
    }
}
