//! `POST /2fa/totp`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::ExposeSecret;

use crate::api::dto::enrolment::TotpEnrolmentView;
use crate::api::extract::bearer::PreAuthBearer;
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::enrolment::{self, Enrolment};

/// Makes a new TOTP secret
///
/// For an account whose authenticator is not confirmed yet: throws the pending secret away and makes a new one. Confirm
/// it with `POST /2fa/verify`.
#[utoipa::path(
    post, path = "/2fa/totp", operation_id = "enrol_totp", tag = "Second factors",
    responses((status = 201, description = "The new secret, shown this once.", body = TotpEnrolmentView)),
    security(("pre_auth_token" = [])),
)]
pub async fn enrol(state: Data<ApiState>, origin: Origin, bearer: PreAuthBearer) -> Result<HttpResponse, Problem> {
    match enrolment::start(&state.core, bearer.0.expose_secret(), origin.0).await? {
        Enrolment::Started(enrolment) => Ok(HttpResponse::Created().json(TotpEnrolmentView::new(&enrolment)?)),
        Enrolment::InvalidPreAuthToken => Err(Problem::of(Code::InvalidPreAuthToken).bearer_error()),
        Enrolment::AlreadyConfirmed => Err(Problem::new(
            Code::Forbidden,
            "An authenticator is confirmed; a pre-auth token cannot replace it.",
        )),
    }
}
