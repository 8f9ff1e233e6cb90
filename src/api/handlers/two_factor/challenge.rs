//! `POST /2fa/challenge`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::passkey::PasskeyRequestResponse;
use crate::api::dto::two_factor::{ChallengeRequest, ChallengeResponse};
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::factor::FactorKind;
use crate::domain::input::InvalidInput;
use crate::flows::factors::{self, Challenge};

/// Sends a code by mail or text message, or makes a challenge for a passkey
///
/// To the confirmed address or phone of the user of a pending login, identified by its pre-auth token; or, before
/// `POST /step-up`, of the caller, identified by an access token as bearer. After the waiting time a new code replaces
/// the old one, and the count of wrong attempts continues. With `passkey`, the response has the options that the browser
/// needs.
#[utoipa::path(
    post, path = "/2fa/challenge", operation_id = "send_second_factor_code", tag = "Sign in",
    request_body(content = ChallengeRequest),
    responses(
        (status = 200, description = "The options for a passkey.", body = PasskeyRequestResponse),
        (status = 202, description = "The code is on its way.", body = ChallengeResponse),
    ),
    security((), ("access_token" = [])),
)]
pub async fn send_code(
    state: Data<ApiState>,
    origin: Origin,
    request: HttpRequest,
    body: StrictJson<ChallengeRequest>,
) -> Result<HttpResponse, Problem> {
    let not_set_up = || {
        InvalidInput::of(
            "/method",
            "must be one of your second factors with a challenge: email, sms or passkey",
        )
    };
    let kind = FactorKind::parse(&body.0.method).ok_or_else(not_set_up)?;
    let outcome = if let Some(token) = body.0.pre_auth_token {
        let shown = ProofHeader::of(&request).shown(&state).map_err(Problem::at_resource)?;
        factors::challenge_login(&state.core, (token.expose_secret(), shown), kind, origin.0).await?
    } else {
        let caller = SignedIn::of(&request).await?;
        factors::challenge_session(&state.core, &caller.0, kind, origin.0).await?
    };
    match outcome {
        Challenge::Requested(sending) => super::answer(sending),
        Challenge::Assertion(made) => {
            let party = state.core.settings.relying_party.as_ref().ok_or_else(not_set_up)?;
            let shown = PasskeyRequestResponse::new(made, party);
            Ok(HttpResponse::Ok().json(shown))
        }
        Challenge::NotSetUp => Err(not_set_up().into()),
        Challenge::InvalidPreAuthToken => Err(Problem::of(Code::InvalidPreAuthToken)),
    }
}
