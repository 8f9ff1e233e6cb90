//! `POST /step-up`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::dto::tokens::TokenResponse;
use crate::api::dto::two_factor::StepUpRequest;
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::refresh_tokens::RefreshTokens;
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::factors::{self, StepUp};
use crate::flows::session::one_session::Relation;

/// Verifies the user's identity again
///
/// The session continues with new tokens; the old refresh token is no longer valid. A possession factor (a code of an
/// authenticator, of a text message, or a recovery code) updates `auth_time`, which allows sensitive changes for a few
/// minutes; an additional factor also raises `acr`. A right proof that is weaker than an earlier one of the session is
/// recorded, but does not update `auth_time`: a password after a possession factor, or a mailed code after anything
/// else. The `accepted_methods` of `insufficient_user_authentication` list the sufficient methods. The new tokens
/// contain the proofs of the sent access token and the new one, but no proof that was given meanwhile with another
/// token of the session. A cookie with the refresh token of another session is refused with `two_sessions`.
#[utoipa::path(
    post, path = "/step-up", operation_id = "step_up", tag = "Sessions",
    request_body(content = StepUpRequest),
    responses((status = 200, description = "The proof is right.", body = TokenResponse)),
)]
pub async fn step_up(
    state: Data<ApiState>,
    request: HttpRequest,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<StepUpRequest>>,
) -> Result<HttpResponse, Problem> {
    let refresh_tokens = RefreshTokens::of(&state, &request, None);
    if refresh_tokens.relation(&state.core, caller.0.key()).await? == Relation::Foreign {
        return Err(Problem::two_sessions());
    }
    let proof = body.0.proof()?;
    let given = proof.kind();
    match factors::step_up(&state.core, &caller.0, proof, origin.0).await? {
        StepUp::Granted(grant) => Ok(state.cookies.deliver(&grant).json(TokenResponse::new(&grant))),
        StepUp::Refused(refusal) => Err(Problem::refused_proof(refusal, given)),
    }
}
