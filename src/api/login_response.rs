//! The login response: the answer to a right first factor, be it a password or a magic link.

use actix_web::HttpResponse;

use super::dto::login::LoginResponse;
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::flows::sign_in::login::Login;

/// Writes the answer.
///
/// # Errors
///
/// `invalid_credentials`, `email_not_verified` or `rate_limited`.
pub fn answer(state: &ApiState, outcome: &Login) -> Result<HttpResponse, Problem> {
    match outcome {
        Login::Pending(pending) => Ok(HttpResponse::Ok().json(LoginResponse::pending(pending))),
        Login::Authenticated(grant) => Ok(state.cookies.deliver(grant).json(LoginResponse::authenticated(grant))),
        Login::Locked(wait) => Err(Problem::must_wait(wait)),
        Login::EmailNotVerified => Err(Problem::of(Code::EmailNotVerified)),
        Login::InvalidCredentials => Err(Problem::of(Code::InvalidCredentials)),
    }
}
