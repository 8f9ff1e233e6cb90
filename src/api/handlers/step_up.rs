//! `POST /step-up`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::tokens::TokenResponse;
use crate::api::dto::two_factor::StepUpRequest;
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::domain::password::Password;
use crate::domain::second_factor_code::SecondFactorCode;
use crate::flows::factors::step_up::{self, StepUp, StepUpProof};

/// Proves once more who is calling
///
/// The same session goes on with new tokens; the old refresh token is dead. Something held (a code of an authenticator, a
/// text message, a recovery code) makes `auth_time` fresh, which allows sensitive changes for a few minutes; a further factor
/// also raises `acr`. A right proof that is weaker than what the session has shown is recorded, and leaves `auth_time` where
/// it was: a password where something held was shown, a mailed code beside anything else. The `accepted_methods` of
/// `insufficient_user_authentication` name those that help. The new tokens say what the sent access token said and the new
/// proof, and nothing that was proven with another token of the session meanwhile.
#[utoipa::path(
    post, path = "/step-up", operation_id = "step_up", tag = "Sessions",
    request_body(content = StepUpRequest),
    responses((status = 200, description = "Proven.", body = TokenResponse)),
    security(("access_token" = [])),
)]
pub async fn step_up(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<StepUpRequest>>,
) -> Result<HttpResponse, Problem> {
    match step_up::step_up(&state.core, &caller.0, proof(&body.0)?, origin.0).await? {
        StepUp::Granted(grant) => Ok(state.refresh_cookie.deliver(&grant).json(TokenResponse::new(&grant))),
        StepUp::Refused(refusal) => Err(refusal.into()),
    }
}

fn proof(request: &StepUpRequest) -> Result<StepUpProof, InvalidInput> {
    match (&request.code, &request.password, &request.method) {
        (Some(code), None, method) => {
            SecondFactorCode::parse(code.expose_secret(), method.as_deref()).map(StepUpProof::Code)
        }
        (None, Some(password), None) => Ok(StepUpProof::Password(Password::new(password))),
        (None, Some(_), Some(_)) => Err(InvalidInput::of("/method", "goes with a code only")),
        _ => Err(InvalidInput::of("", "give either code or password")),
    }
}
