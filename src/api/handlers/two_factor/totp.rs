//! `POST /2fa/totp`, `POST /2fa/totp/confirm` and `DELETE /2fa/totp`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::enrolment::TotpEnrolmentView;
use crate::api::dto::two_factor::{ConfirmRequest, RecoveryCodesResponse, RemoveTotpRequest};
use crate::api::extract::bearer::{Enrolling, PresentedToken, RecentlyAuthenticated};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::factor_proof::FactorProof;
use crate::domain::input::InvalidInput;
use crate::domain::password::Password;
use crate::domain::totp::TotpCode;
use crate::flows::factors::{self, Confirmation, Enrolment, Removal};

/// Generates a new TOTP secret
///
/// With an access token: the active secret continues to work until `POST /2fa/totp/confirm` replaces it with the new
/// one. With a pre-auth token, for an account that has no second factor yet: discards the pending secret and generates
/// a new one, which `POST /2fa/verify` confirms.
#[utoipa::path(
    post, path = "/2fa/totp", operation_id = "enrol_totp", tag = "Second factors",
    responses((status = 201, description = "The new secret, which is never shown again.", body = TotpEnrolmentView)),
)]
pub async fn enrol(state: Data<ApiState>, origin: Origin, who: Enrolling) -> Result<HttpResponse, Problem> {
    let outcome = match who {
        Enrolling::Pending(PresentedToken { token, proof }) => {
            factors::enrol_totp(&state.core, (token.expose_secret(), proof), origin.0).await?
        }
        Enrolling::SignedIn(caller) => factors::replace_totp(&state.core, &caller, origin.0).await?,
    };
    match outcome {
        Enrolment::Started(enrolment) => Ok(HttpResponse::Created().json(TotpEnrolmentView::new(&enrolment)?)),
        Enrolment::InvalidPreAuthToken => Err(Problem::of(Code::InvalidPreAuthToken).bearer_error()),
        Enrolment::PasskeyOnly => Err(Problem::new(
            Code::Forbidden,
            "An account without a password begins with a passkey.",
        )),
        Enrolment::AlreadyConfirmed => Err(Problem::new(
            Code::Forbidden,
            "A second factor is confirmed; a pre-auth token cannot replace it.",
        )),
    }
}

/// Confirms a new authenticator
///
/// With its first code. It replaces the old authenticator, and all other sessions lose their proofs by that. If the
/// account has no recovery codes left, new ones are generated.
#[utoipa::path(
    post, path = "/2fa/totp/confirm", operation_id = "confirm_totp", tag = "Second factors",
    request_body(content = ConfirmRequest),
    responses((status = 200, description = "The authenticator is active.", body = RecoveryCodesResponse)),
)]
pub async fn confirm(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<ConfirmRequest>>,
) -> Result<HttpResponse, Problem> {
    let code = TotpCode::parse(body.0.code.expose_secret()).map_err(|wanted| InvalidInput::of("/code", wanted))?;
    match factors::confirm_factor(&state.core, &caller.0, FactorProof::Totp(code), origin.0).await? {
        Confirmation::Confirmed(codes) => Ok(HttpResponse::Ok().json(RecoveryCodesResponse::new(codes.as_deref()))),
        Confirmation::Refused(refusal) => Err(refusal.into()),
    }
}

/// Removes the authenticator
///
/// Requires the password, if the account has one, and a code. Not allowed if it is the last second factor and the
/// deployment requires one. All other sessions lose their proofs by it, and those without another proof end.
#[utoipa::path(
    delete, path = "/2fa/totp", operation_id = "remove_totp", tag = "Second factors",
    request_body(content = RemoveTotpRequest),
    responses((status = 204, description = "The authenticator was removed.")),
)]
pub async fn remove(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<RecentlyAuthenticated, StrictJson<RemoveTotpRequest>>,
) -> Result<HttpResponse, Problem> {
    let code = FactorProof::parse(body.0.code.expose_secret(), None)?;
    let proof = (body.0.password.as_ref().map(Password::new), code);
    match factors::remove_authenticator(&state.core, &caller.0, proof, origin.0).await? {
        Removal::Removed => Ok(HttpResponse::NoContent().finish()),
        Removal::NotSetUp => Err(Problem::new(Code::NotFound, "You have no authenticator.")),
        Removal::Refused(refusal) => Err(refusal.into()),
    }
}
