//! `/2fa/email` and `/2fa/phone`: second factors whose codes are sent.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::{ExposeSecret, SecretString};

use crate::api::dto::two_factor::{ChallengeResponse, ConfirmRequest, PhoneRequest};
use crate::api::extract::bearer::RecentlyAuthenticated;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::factor_proof::FactorProof;
use crate::domain::input::InvalidInput;
use crate::domain::message::Channel;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::sent_code::SentCode;
use crate::flows::factors::{self, Confirmation, Removal, Setup};

/// Sets up codes by mail
///
/// Sends a code to the account's verified address; confirm it with `POST /2fa/email/confirm`. Codes by mail are the
/// weakest second factor: they never raise a session to `aal2`.
#[utoipa::path(
    put, path = "/2fa/email", operation_id = "set_up_email_codes", tag = "Second factors",
    responses((status = 202, description = "A code is on its way.", body = ChallengeResponse)),
)]
pub async fn set_up_email(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    set_up(&state, &caller, None, origin).await
}

/// Sets up codes by text message
///
/// Sends a code to the phone; confirm it with `POST /2fa/phone/confirm`. Until then a previously confirmed phone
/// remains. Text messages can be intercepted; an authenticator app is safer.
#[utoipa::path(
    put, path = "/2fa/phone", operation_id = "set_up_phone", tag = "Second factors",
    request_body(content = PhoneRequest),
    responses((status = 202, description = "A code is on its way.", body = ChallengeResponse)),
)]
pub async fn set_up_phone(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<PhoneRequest>>,
) -> Result<HttpResponse, Problem> {
    let number = PhoneNumber::parse(body.0.phone_number.expose_secret())
        .map_err(|wanted| InvalidInput::of("/phone_number", wanted))?;
    set_up(&state, &caller, Some(number), origin).await
}

async fn set_up(
    state: &ApiState,
    caller: &RecentlyAuthenticated,
    number: Option<PhoneNumber>,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    match factors::set_up_sent_codes(&state.core, &caller.0, number, origin.0).await? {
        Setup::Requested(sending) => super::answer(sending),
        Setup::NotOffered => Err(Problem::new(Code::Forbidden, "Such codes are not offered here.")),
        Setup::CountryNotServed => {
            let wanted = "must be in a country that this deployment sends text messages to";
            Err(InvalidInput::of("/phone_number", wanted).into())
        }
        Setup::NoVerifiedEmail => Err(Problem::new(
            Code::Conflict,
            "The account has no verified e-mail address.",
        )),
    }
}

/// Confirms codes by mail
///
/// With the code that was sent, in the session that requested it.
#[utoipa::path(
    post, path = "/2fa/email/confirm", operation_id = "confirm_email_codes", tag = "Second factors",
    request_body(content = ConfirmRequest, example = json!({"code": "12345678"})),
    responses((status = 204, description = "Codes by mail are now a second factor of the account.")),
)]
pub async fn confirm_email(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<ConfirmRequest>>,
) -> Result<HttpResponse, Problem> {
    confirm(&state, &caller, (Channel::Email, &body.0.code), origin).await
}

/// Confirms codes by text message
///
/// With the code that was sent, in the session that requested it. If the phone replaces another one, all other sessions
/// lose their proofs by text message.
#[utoipa::path(
    post, path = "/2fa/phone/confirm", operation_id = "confirm_phone", tag = "Second factors",
    request_body(content = ConfirmRequest),
    responses((status = 204, description = "Codes by text message are now a second factor of the account.")),
)]
pub async fn confirm_phone(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<ConfirmRequest>>,
) -> Result<HttpResponse, Problem> {
    confirm(&state, &caller, (Channel::Sms, &body.0.code), origin).await
}

async fn confirm(
    state: &ApiState,
    caller: &RecentlyAuthenticated,
    (channel, code): (Channel, &SecretString),
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    let code = SentCode::parse(channel, code.expose_secret()).map_err(|wanted| InvalidInput::of("/code", wanted))?;
    let proof = FactorProof::Sent(channel, code);
    match factors::confirm_factor(&state.core, &caller.0, proof, origin.0).await? {
        Confirmation::Confirmed(_) => Ok(HttpResponse::NoContent().finish()),
        Confirmation::Refused(refusal) => Err(refusal.into()),
    }
}

/// Removes codes by mail
///
/// Not allowed if they are the last second factor and the deployment requires one.
#[utoipa::path(
    delete, path = "/2fa/email", operation_id = "remove_email_codes", tag = "Second factors",
    responses((status = 204, description = "Codes by mail are not a second factor of the account.")),
)]
pub async fn remove_email(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    remove(&state, &caller, Channel::Email, origin).await
}

/// Removes codes by text message
///
/// Not allowed if they are the last second factor and the deployment requires one. All other sessions lose their proofs
/// by them, and those without another proof end.
#[utoipa::path(
    delete, path = "/2fa/phone", operation_id = "remove_phone", tag = "Second factors",
    responses((status = 204, description = "Codes by text message are not a second factor of the account.")),
)]
pub async fn remove_phone(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    remove(&state, &caller, Channel::Sms, origin).await
}

async fn remove(
    state: &ApiState,
    caller: &RecentlyAuthenticated,
    channel: Channel,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    match factors::remove_sent_codes(&state.core, &caller.0, channel, origin.0).await? {
        Removal::Removed | Removal::NotSetUp => Ok(HttpResponse::NoContent().finish()),
        Removal::Refused(refusal) => Err(refusal.into()),
    }
}
