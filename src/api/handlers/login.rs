//! `POST /login`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::dto::login::{LoginRequest, LoginResponse};
use crate::api::extract::device::presented_device;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::login_response;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::password::Password;
use crate::domain::session::RefreshTokenTransport;
use crate::domain::user::Identifier;
use crate::flows::sign_in::login::{LoginAttempt, login};

/// Logs in with a password
///
/// Verifies the password. The response has a pre-auth token and the second factors that can complete the login; its
/// `status` says how to continue. On a trusted device the password is enough: the session is at `aal1`, its `amr` names
/// `tdv`, and what requires two factors demands a step-up. The answer then has the next device token, which goes the way
/// that this one came: in the body or in a cookie.
#[utoipa::path(
    post, path = "/login", operation_id = "log_in", tag = "Sign in",
    request_body(content = LoginRequest, description = "Exactly one of `email` and `username`."),
    responses((
        status = 200, description = "The password was right.", body = LoginResponse,
        examples(
            ("second_factor_required" = (summary = "Ask for a code", value = json!({
                "status": "second_factor_required", "pre_auth_token": "vpa_AQGTx…", "expires_in": 300,
                "methods": [{"type": "totp"}, {"type": "recovery_code", "remaining": 10}], "default_method": "totp",
            }))),
            ("enrolment_required" = (summary = "Set up a second factor", value = json!({
                "status": "enrolment_required", "pre_auth_token": "vpa_AQGTx…", "expires_in": 300,
                "methods": [],
            }))),
            ("authenticated" = (summary = "Signed in: where the second factor is optional, or on a trusted device", value = json!({
                "status": "authenticated", "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…",
                "token_type": "Bearer", "expires_in": 600, "refresh_token": "vrt_AQGTx…", "refresh_expires_in": 604_800,
                "session": {
                    "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "created_at": "2026-03-01T12:00:00Z",
                    "expires_at": "2026-03-31T12:00:00Z", "idle_expires_at": "2026-03-08T12:00:00Z",
                    "acr": "aal1", "amr": ["pwd"],
                },
            }))),
        ),
    )),
)]
pub async fn log_in(
    state: Data<ApiState>,
    http: HttpRequest,
    origin: Origin,
    proof: ProofHeader,
    body: StrictJson<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let request = body.0;
    let identifier = Identifier::parse(request.email.as_deref(), request.username.as_deref())?;
    let attempt = LoginAttempt {
        identifier,
        password: Password::new(&request.password),
        delivery: RefreshTokenTransport::requested(request.delivery.as_deref())?,
        device: presented_device(&state, &http, request.device_token),
        proof: proof.begin(&state)?,
        work: request.altcha,
    };
    login_response::answer(&state, &login(&state.core, attempt, origin.0).await?)
}
