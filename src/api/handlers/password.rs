//! `/password`: changing, resetting, removing and setting a password.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::account::{
    AcceptedResponse, ChangePasswordRequest, EmailRequest, RemovePasswordRequest, ResetPasswordRequest,
    SetPasswordRequest,
};
use crate::api::dto::passkey::PasskeyRequestResponse;
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
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
use crate::flows::account::passwordless::{self, NoRemoval, PasswordRemoval, PasswordSetting};
use crate::flows::notify::links;

/// Changes the caller's password
///
/// Requires the current password and ends all other sessions. If the account has a possession factor (an
/// authenticator, a phone, a recovery code), a recent proof of it is required as well, as for other sensitive changes:
/// `insufficient_user_authentication` says which methods are accepted. The current password is verified first: only if
/// it is right does the response say that the new one breaks a rule. An account without a password sets one with
/// `POST /password/set`: 409.
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
        PasswordChange::NoPassword => Err(no_password()),
    }
}

/// Starts to remove the caller's password
///
/// Returns the options that the browser needs for the passkey that `POST /password/remove` takes. They are for the
/// session of the access token.
#[utoipa::path(
    post, path = "/password/remove/options", operation_id = "start_password_removal", tag = "Account",
    responses((status = 200, description = "The options.", body = PasskeyRequestResponse)),
)]
pub async fn removal_options(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let party = state.core.settings.relying_party.as_ref();
    let party = party.ok_or_else(Problem::no_passkeys)?;
    match passwordless::removal_options(&state.core, &caller.0)? {
        Ok(made) => Ok(HttpResponse::Ok().json(PasskeyRequestResponse::new(made, party))),
        Err(NoRemoval::NoPassword) => Err(no_password()),
        Err(NoRemoval::NotOffered) => Err(Problem::no_passkeys()),
    }
}

/// Removes the caller's password
///
/// From then on the account signs in with a passkey. It takes a passkey that can: ask the browser to sign the options
/// of `POST /password/remove/options`, and send the result here, with a token of the same session. A passkey that is
/// only good beside a password is refused, so that no owner removes the last way in.
///
/// All other sessions end, and the owner is notified by mail. `POST /password/set` sets a password again.
#[utoipa::path(
    post, path = "/password/remove", operation_id = "remove_password", tag = "Account",
    request_body(content = RemovePasswordRequest),
    responses((status = 204, description = "The account has no password.")),
)]
pub async fn remove(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<RemovePasswordRequest>>,
) -> Result<HttpResponse, Problem> {
    let given = body.0.passkey.parse("/passkey")?;
    match passwordless::remove(&state.core, &caller.0, given, origin.0).await? {
        PasswordRemoval::Removed => Ok(HttpResponse::NoContent().finish()),
        PasswordRemoval::NoPassword => Err(no_password()),
        PasswordRemoval::Refused => Err(Problem::of(Code::InvalidCode)),
    }
}

/// Sets a password for an account without one
///
/// Requires a recent proof, as other sensitive changes do, and no old password. Where there is a password already, the
/// response is 409, and `POST /password/change` changes it.
///
/// Passkeys and sessions stay, and the owner is notified by mail. From then on the password is a first factor, beside
/// which a second one is required as the deployment says.
#[utoipa::path(
    post, path = "/password/set", operation_id = "set_password", tag = "Account",
    request_body(content = SetPasswordRequest),
    responses((status = 204, description = "The account has the password.")),
)]
pub async fn set(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<SetPasswordRequest>>,
) -> Result<HttpResponse, Problem> {
    let new = Password::new(&body.0.new_password);
    match passwordless::set(&state.core, &caller.0, new, origin.0).await? {
        PasswordSetting::Set => Ok(HttpResponse::NoContent().finish()),
        PasswordSetting::AlreadyThere => Err(Problem::new(Code::Conflict, "The account has a password already.")),
        PasswordSetting::Rejected(rejection) => Err(rejection.into()),
    }
}

fn no_password() -> Problem {
    Problem::new(Code::Conflict, "The account has no password.")
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
