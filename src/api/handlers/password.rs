//! `POST /password/change`, `POST /password/forgot` and `POST /password/reset`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::account::{AcceptedResponse, ChangePasswordRequest, EmailRequest, ResetPasswordRequest};
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::email::Email;
use crate::domain::input::InvalidInput;
use crate::domain::link_token::LinkPurpose;
use crate::domain::password::Password;
use crate::flows::account::password::{self, PasswordChange, Reset};
use crate::flows::notify::links;

/// Changes the caller's password
///
/// Requires the current password and ends all other sessions. If the account has a possession factor (an
/// authenticator, a phone, a recovery code), a recent proof of it is required as well, as for other sensitive changes:
/// `insufficient_user_authentication` says which methods are accepted. The current password is verified first: only if
/// it is right does the response say that the new one breaks a rule.
#[utoipa::path(
    post, path = "/password/change", operation_id = "change_password", tag = "Account",
    request_body(content = ChangePasswordRequest),
    responses((status = 204, description = "The password was changed.")),
)]
pub async fn change(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<ChangePasswordRequest>>,
) -> Result<HttpResponse, Problem> {
    let (current, new) = (&body.0.current_password, &body.0.new_password);
    let passwords = (Password::new(current), Password::new(new));
    let holder = caller.require_holder(&state).await?;
    match password::change(&state.core, &holder, passwords, origin.0).await? {
        PasswordChange::Changed => Ok(HttpResponse::NoContent().finish()),
        PasswordChange::Refused(refusal) => Err(refusal.into()),
        PasswordChange::Rejected(rejection) => Err(rejection.into()),
    }
}

/// Sends a mail with a link to set a new password
///
/// The response is the same whether or not the address belongs to an account. The link is valid for fifteen minutes,
/// and only the newest link works.
#[utoipa::path(
    post, path = "/password/forgot", operation_id = "request_password_reset", tag = "Account",
    request_body(content = EmailRequest),
    responses((status = 202, description = "If the address belongs to an account, a mail is on its way.", body = AcceptedResponse)),
)]
pub async fn forgot(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<EmailRequest>,
) -> Result<HttpResponse, Problem> {
    let email = Email::parse(&body.0.email).map_err(|wanted| InvalidInput::of("/email", wanted))?;
    links::request(&state.core, LinkPurpose::PasswordReset, email, origin.0).await?;
    Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED))
}

/// Sets a new password with a token from a mail
///
/// All sessions and pending logins end, and the next login requires the second factor as usual. A refused password
/// does not use up the token.
#[utoipa::path(
    post, path = "/password/reset", operation_id = "reset_password", tag = "Account",
    request_body(content = ResetPasswordRequest),
    responses((status = 204, description = "The password was set.")),
)]
pub async fn reset(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<ResetPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let new = Password::new(&body.0.new_password);
    match password::reset(&state.core, body.0.token.expose_secret(), new, origin.0).await? {
        Reset::Done => Ok(HttpResponse::NoContent().finish()),
        Reset::InvalidToken => Err(Problem::of(Code::InvalidLinkToken)),
        Reset::Rejected(rejection) => Err(rejection.into()),
    }
}
