//! `/oauth/device_authorization` and `/oauth/device`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::oauth::{DeviceAuthorization, DeviceAuthorizationForm, DeviceRequest, DeviceResponse};
use crate::api::extract::bearer::SignedIn;
use crate::api::extract::json::StrictJson;
use crate::api::extract::oauth::ClientForm;
use crate::api::extract::origin::Origin;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::domain::oauth::device::UserCode;
use crate::flows::oauth::authorize::Decision;
use crate::flows::oauth::device::{self, DeviceAnswer, DeviceBeginning};

/// Begins the sign-in of a device
///
/// RFC 8628 §3.1, for devices without a browser. The device shows `user_code` and `verification_uri`, and asks at
/// `POST /oauth/token` with `device_code` until the user has decided.
#[utoipa::path(
    post, path = "/oauth/device_authorization", operation_id = "begin_device_authorization", tag = "Applications",
    request_body(content = DeviceAuthorizationForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The codes.", body = DeviceAuthorization)),
)]
pub async fn begin(state: Data<ApiState>, mut form: ClientForm) -> Result<HttpResponse, Problem> {
    let client = form.client.find(&state).await?;
    if !client.kind.is_application() {
        return Err(Problem::of(Code::UnauthorizedClient));
    }
    let (scope, resource) = (form.parameters.take("scope"), form.parameters.take("resource"));
    match device::begin(&state.core, &client, (scope.as_deref(), resource.as_deref())).await? {
        DeviceBeginning::Begun(codes) => Ok(HttpResponse::Ok().json(DeviceAuthorization::new(&codes))),
        DeviceBeginning::Unauthorized => Err(Problem::of(Code::UnauthorizedClient)),
        DeviceBeginning::InvalidScope => Err(Problem::of(Code::InvalidScope)),
        DeviceBeginning::InvalidTarget => Err(Problem::of(Code::InvalidTarget)),
    }
}

/// Shows what a device asks for, or decides
///
/// For the page where the user types the code of their device. Without `decision` the response says which application
/// asks for what, and claims the request: no other session sees it from then on. With it, the session that has seen the
/// request decides; the response is then empty.
#[utoipa::path(
    post, path = "/oauth/device", operation_id = "decide_device_authorization", tag = "Applications",
    request_body(content = DeviceRequest),
    responses(
        (status = 200, description = "What the user has to decide.", body = DeviceResponse),
        (status = 204, description = "The decision is stored."),
    ),
)]
pub async fn decide(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<DeviceRequest>>,
) -> Result<HttpResponse, Problem> {
    let DeviceRequest { user_code, decision } = body.0;
    // A device is always asked about.
    let parse = |name: String| Decision::parse(&name).filter(|decision| *decision != Decision::Continue);
    let decision = decision.map(|name| parse(name).ok_or(()));
    let decision = decision
        .transpose()
        .map_err(|()| InvalidInput::of("/decision", "must be approve or deny"))?;
    let unknown = || Problem::of(Code::InvalidUserCode);
    let code = UserCode::parse(&user_code).ok_or_else(unknown)?;
    let answer = match decision {
        None => device::look(&state.core, &caller.0, &code, origin.0).await?,
        Some(decision) => device::decide(&state.core, &caller.0, (&code, decision), origin.0).await?,
    };
    match answer {
        DeviceAnswer::Question(question) => Ok(HttpResponse::Ok().json(DeviceResponse::new(*question))),
        DeviceAnswer::Decided => Ok(HttpResponse::NoContent().finish()),
        DeviceAnswer::Unknown => Err(unknown()),
        DeviceAnswer::TooOften(wait) => Err(Problem::rate_limited(wait)),
    }
}
