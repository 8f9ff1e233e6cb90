//! `POST /email/verify`, `POST /email/verify/request`, `POST /email/change` and `POST /email/change/cancel`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::account::{
    AcceptedResponse, EmailRequest, EmailVerificationRequest, LinkTokenRequest, VerifyEmailRequest,
};
use crate::api::extract::bearer::{AccountBearer, RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::{OptionalJson, StrictJson};
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::email::Email;
use crate::domain::input::InvalidInput;
use crate::domain::link_token::LinkPurpose;
use crate::flows::account::email::{self, AddressChange};
use crate::flows::account::email_verification::{self, EmailVerification};
use crate::flows::notify::links;

/// Confirms an address
///
/// With the token from the mail: the current address of the account, or the one that replaces it. This also requires a
/// proof that the account is the caller's: an access token or a pre-auth token of the account as bearer, its password,
/// or a passkey that answered `POST /passkey/options`. Without a proof the response is 401 `proof_required`, and the
/// token stays valid. A wrong password counts like one at `POST /login`. Sending the same token again gets the same
/// response, until the token expires or the account has another address. A link that changes the address works only
/// while the session that requested it is active.
#[utoipa::path(
    post, path = "/email/verify", operation_id = "verify_email", tag = "Account",
    request_body(content = VerifyEmailRequest),
    responses((status = 204, description = "The address is verified.")),
    security((), ("access_token" = []), ("pre_auth_token" = [])),
)]
pub async fn verify(
    state: Data<ApiState>,
    origin: Origin,
    Then(bearer, body): Then<AccountBearer, StrictJson<VerifyEmailRequest>>,
) -> Result<HttpResponse, Problem> {
    let proof = body.0.proof()?;
    let token = body.0.token.expose_secret();
    match email_verification::verify(&state.core, token, (bearer.0, proof), origin.0).await? {
        EmailVerification::Verified => Ok(HttpResponse::NoContent().finish()),
        EmailVerification::InvalidToken => Err(Problem::of(Code::InvalidLinkToken)),
        EmailVerification::ProofRequired => Err(Problem::of(Code::ProofRequired)),
        EmailVerification::InvalidPreAuthToken => Err(Problem::of(Code::InvalidPreAuthToken).bearer_error()),
        EmailVerification::Refused(refusal) => Err(refusal.into()),
        EmailVerification::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Sends another link that confirms an address
///
/// To the address of the caller, or to the one in the body. The response is the same whether or not there is anything
/// to confirm.
#[utoipa::path(
    post, path = "/email/verify/request", operation_id = "request_email_verification", tag = "Account",
    request_body(content = EmailVerificationRequest),
    responses((status = 202, description = "If there is something to verify, a mail is on its way.", body = AcceptedResponse)),
    security((), ("access_token" = [])),
)]
pub async fn request_verification(
    state: Data<ApiState>,
    origin: Origin,
    request: HttpRequest,
    body: OptionalJson<EmailVerificationRequest>,
) -> Result<HttpResponse, Problem> {
    let email = match body.0.and_then(|body| body.email) {
        Some(text) => Some(Email::parse(&text).map_err(|wanted| InvalidInput::of("/email", wanted))?),
        None => SignedIn::of(&request).await?.0.user.email,
    };
    if let Some(email) = email {
        links::request(&state.core, LinkPurpose::EmailVerification, email, origin.0).await?;
    }
    Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED))
}

/// Requests a change of the address
///
/// Sends a link to the new address. The change takes effect when the link is used, provided that the session of this
/// request is still active; until then the old address stays. If the old address is verified, it gets a mail with a
/// link that stops the change.
#[utoipa::path(
    post, path = "/email/change", operation_id = "change_email", tag = "Account",
    request_body(content = EmailRequest),
    responses((status = 202, description = "A mail is on its way to the new address.", body = AcceptedResponse)),
)]
pub async fn change(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<EmailRequest>>,
) -> Result<HttpResponse, Problem> {
    let email = Email::parse(&body.0.email).map_err(|wanted| InvalidInput::of("/email", wanted))?;
    match email::change(&state.core, &caller.0, email, origin.0).await? {
        AddressChange::Requested => Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED)),
        AddressChange::Taken => Err(Problem::of(Code::EmailTaken)),
        AddressChange::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Stops a change of the address
///
/// With the token from the mail to the old address. This cancels the change, ends all sessions of the account and
/// invalidates all tokens in mails. The token works once.
#[utoipa::path(
    post, path = "/email/change/cancel", operation_id = "cancel_email_change", tag = "Account",
    request_body(content = LinkTokenRequest),
    responses((status = 204, description = "The change is cancelled; all sessions have ended.")),
)]
pub async fn cancel_change(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<LinkTokenRequest>,
) -> Result<HttpResponse, Problem> {
    if email::cancel_change(&state.core, body.0.token.expose_secret(), origin.0).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::of(Code::InvalidLinkToken))
    }
}
