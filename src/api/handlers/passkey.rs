//! `/passkey`: signing in with a passkey alone.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::login::LoginResponse;
use crate::api::dto::passkey::{PasskeyRequestResponse, PasskeySignInRequest};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::login_response;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::factors;
use crate::flows::sign_in::login::Login;
use crate::flows::sign_in::passkey;

/// Starts a sign-in with a passkey
///
/// The options are the same for every user: the user chooses the passkey, and it names the account.
#[utoipa::path(
    post, path = "/passkey/options", operation_id = "start_passkey_sign_in", tag = "Sign in",
    responses((status = 200, description = "The options.", body = PasskeyRequestResponse)),
)]
pub async fn options(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let made = factors::sign_in_challenge(&state.core)?.ok_or_else(Problem::no_passkeys)?;
    let party = state
        .core
        .settings
        .relying_party
        .as_ref()
        .ok_or_else(Problem::no_passkeys)?;
    let shown = PasskeyRequestResponse::new(made, party);
    Ok(HttpResponse::Ok().json(shown))
}

/// Signs a user in with a passkey
///
/// The authenticator has verified its user, by PIN or fingerprint for instance. So the session is at `aal2`, and no
/// other factor is asked for.
#[utoipa::path(
    post, path = "/passkey/verify", operation_id = "sign_in_with_passkey", tag = "Sign in",
    request_body(content = PasskeySignInRequest),
    responses((
        status = 200, description = "The user is signed in.", body = LoginResponse,
        example = json!({
            "status": "authenticated", "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…",
            "token_type": "Bearer", "expires_in": 600, "refresh_token": "vrt_AQGTx…", "refresh_expires_in": 604_800,
            "session": {
                "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "created_at": "2026-03-01T12:00:00Z",
                "expires_at": "2026-03-31T12:00:00Z", "idle_expires_at": "2026-03-08T12:00:00Z",
                "acr": "aal2", "amr": ["pop", "mfa"],
            },
        }),
    )),
)]
pub async fn verify(
    state: Data<ApiState>,
    origin: Origin,
    proof: ProofHeader,
    body: StrictJson<PasskeySignInRequest>,
) -> Result<HttpResponse, Problem> {
    let given = body.0.credential.parse("/credential")?;
    let delivery = RefreshTokenTransport::requested(body.0.delivery.as_deref())?;
    let proof = proof.begin(&state)?;
    match passkey::verify(&state.core, given, delivery, proof, origin.0).await? {
        Login::InvalidCredentials => Err(Problem::refused_sign_in_by_passkey()),
        other => login_response::answer(&state, &other),
    }
}
