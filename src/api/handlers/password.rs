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
use crate::flows::account::password::{self, Change, Reset};
use crate::flows::notify::links;

/// Changes the caller's password
///
/// For the current one. All other sessions end. An account that has something held (an authenticator, a phone, a
/// recovery code) has to show that recently as well, as for other sensitive changes: `insufficient_user_authentication`
/// tells what helps. The current password is judged before the new one: a new one that breaks a rule is told only after
/// that.
#[utoipa::path(
    post, path = "/password/change", operation_id = "change_password", tag = "Account",
    request_body(content = ChangePasswordRequest),
    responses((status = 204, description = "The new one counts.")),
    security(("access_token" = [])),
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
        Change::Changed => Ok(HttpResponse::NoContent().finish()),
        Change::Refused(refusal) => Err(refusal.into()),
        Change::Rejected(rejection) => Err(rejection.into()),
    }
}

/// Mails a link to set a new password with
///
/// Answers the same whether or not the address is an account's. The link lasts fifteen minutes, and only the newest counts.
#[utoipa::path(
    post, path = "/password/forgot", operation_id = "request_password_reset", tag = "Account",
    request_body(content = EmailRequest),
    responses((status = 202, description = "If the address is an account's, a mail is on its way.", body = AcceptedResponse)),
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

/// Sets a new password with a mail
///
/// All sessions and pending logins end, and the next login wants the second factor as ever. A password that is refused does
/// not use the token up.
#[utoipa::path(
    post, path = "/password/reset", operation_id = "reset_password", tag = "Account",
    request_body(content = ResetPasswordRequest),
    responses((status = 204, description = "The new one counts.")),
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
