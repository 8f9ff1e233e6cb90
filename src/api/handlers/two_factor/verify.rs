//! `POST /2fa/verify`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::tokens::TokenResponse;
use crate::api::dto::two_factor::VerifyRequest;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::sign_in::second_factor::{self, SecondFactorAttempt, Verification};

/// Completes a login with a second factor
///
/// Exchanges a pre-auth token and a proof of a second factor for tokens. The first right code of a new account confirms its
/// authenticator, and only that response contains the recovery codes. With `trust_device` the next logins on this
/// device need the password alone, for a time that the deployment sets. A recovery code or a mailed code completes the
/// login, but no device is trusted with it.
#[utoipa::path(
    post, path = "/2fa/verify", operation_id = "verify_second_factor", tag = "Sign in",
    request_body(content = VerifyRequest),
    responses((status = 200, description = "The user is signed in.", body = TokenResponse)),
)]
pub async fn verify(
    state: Data<ApiState>,
    origin: Origin,
    proof: ProofHeader,
    body: StrictJson<VerifyRequest>,
) -> Result<HttpResponse, Problem> {
    let request = body.0;
    let code = request.proof()?;
    let pre_auth_token = request.pre_auth_token.expose_secret();
    let delivery = RefreshTokenTransport::requested(request.delivery.as_deref())?;
    let given = Some(code.kind());
    let attempt = SecondFactorAttempt {
        code,
        delivery,
        trust_device: request.trust_device,
        shown: proof.shown(&state)?,
        work: request.altcha,
    };
    match second_factor::verify(&state.core, pre_auth_token, attempt, origin.0).await? {
        Verification::SignedIn(signed_in) => Ok(state
            .cookies
            .deliver(&signed_in.grant)
            .json(TokenResponse::signed_in(&signed_in))),
        Verification::Refused(refusal) => Err(Problem::refused_proof(refusal, given)),
        Verification::EmailNotVerified => Err(Problem::of(Code::EmailNotVerified)),
        Verification::WrongKey => Err(Problem::wrong_key()),
        Verification::InvalidPreAuthToken => Err(Problem::of(Code::InvalidPreAuthToken)),
    }
}
