//! `POST /email/verify`, `POST /email/verify/request` and `POST /email/change`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::account::{AcceptedResponse, EmailRequest, EmailVerificationRequest, LinkTokenRequest};
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::{OptionalJson, StrictJson};
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::email::Email;
use crate::domain::input::InvalidInput;
use crate::domain::link_token::LinkPurpose;
use crate::flows::email::{self, Change, Verification};
use crate::flows::links;

/// Confirms an address
///
/// With the token from the mail: the account's own address, or the one that takes its place. The token works once.
#[utoipa::path(
    post, path = "/email/verify", operation_id = "verify_email", tag = "Account",
    request_body(content = LinkTokenRequest),
    responses((status = 204, description = "The address is confirmed.")),
)]
pub async fn verify(
    state: Data<ApiState>,
    origin: Origin,
    body: StrictJson<LinkTokenRequest>,
) -> Result<HttpResponse, Problem> {
    match email::verify(&state.core, body.0.token.expose_secret(), origin.0).await? {
        Verification::Verified => Ok(HttpResponse::NoContent().finish()),
        Verification::InvalidToken => Err(Problem::of(Code::InvalidLinkToken)),
    }
}

/// Mails the link that confirms an address once more
///
/// To the address of the caller, or to the one in the body. Answers the same whether or not there is anything to confirm.
#[utoipa::path(
    post, path = "/email/verify/request", operation_id = "request_email_verification", tag = "Account",
    request_body(content = EmailVerificationRequest),
    responses((status = 202, description = "If there is something to confirm, a mail is on its way.", body = AcceptedResponse)),
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

/// Asks for another address
///
/// A link goes to the new one, and the change takes effect with it; until then the old one stays. The old one is told.
#[utoipa::path(
    post, path = "/email/change", operation_id = "change_email", tag = "Account",
    request_body(content = EmailRequest),
    responses((status = 202, description = "A mail is on its way to the new address.", body = AcceptedResponse)),
    security(("access_token" = [])),
)]
pub async fn change(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<EmailRequest>>,
) -> Result<HttpResponse, Problem> {
    let email = Email::parse(&body.0.email).map_err(|wanted| InvalidInput::of("/email", wanted))?;
    match email::change(&state.core, &caller.0, email, origin.0).await? {
        Change::Requested => Ok(HttpResponse::Accepted().json(AcceptedResponse::ACCEPTED)),
        Change::Taken => Err(Problem::of(Code::EmailTaken)),
        Change::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}
