//! `/userinfo`.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::oauth::UserInfo as UserInfoResponse;
use crate::api::extract::bearer::{Bearer, PresentedToken};
use crate::api::extract::oauth::{Parameters, malformed};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::flows::oauth::userinfo::{self, UserInfo};

/// Tells an application about its user
///
/// OpenID Connect Core 1.0 §5.3, with an access token of an application that has the scope `openid`. Which claims are
/// told depends on its scopes.
#[utoipa::path(
    get, path = "/userinfo", operation_id = "get_userinfo", tag = "Applications",
    responses((status = 200, description = "The user.", body = UserInfoResponse)),
    security(("application_token" = [])),
)]
pub async fn get(state: Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    tell(&state, Bearer::of(&request).require(Code::InvalidToken, &state.core)?).await
}

async fn tell(state: &ApiState, presented: PresentedToken) -> Result<HttpResponse, Problem> {
    match userinfo::tell(&state.core, presented.token.expose_secret(), presented.proof).await? {
        UserInfo::Told(user, told) => Ok(HttpResponse::Ok().json(UserInfoResponse::new(user.uuid(), *told))),
        UserInfo::InvalidToken => Err(Problem::of(Code::InvalidToken).bearer_error()),
        UserInfo::InsufficientScope => Err(Problem::of(Code::InsufficientScope).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"openid\""),
        )),
    }
}

/// Tells an application about its user
///
/// The same as `GET /userinfo`: OpenID Connect Core 1.0 §5.3.1 requires both methods. The token is in the header, or it is
/// `access_token` of a form (RFC 6750 §2.2). Another body is not read.
#[utoipa::path(
    post, path = "/userinfo", operation_id = "post_userinfo", tag = "Applications",
    responses((status = 200, description = "The user.", body = UserInfoResponse)),
    security(("application_token" = [])),
)]
pub async fn post(
    state: Data<ApiState>,
    request: HttpRequest,
    form: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    let in_form = match form {
        Err(problem) if problem.code == Code::UnsupportedMediaType => None,
        form => form?.take_secret("access_token"),
    };
    match (Bearer::of(&request), in_form) {
        // A form has no place for the scheme, so a token in one is not bound to a key.
        (Bearer::Absent, Some(token)) => tell(&state, PresentedToken { token, proof: None }).await,
        (bearer, None) => tell(&state, bearer.require(Code::InvalidToken, &state.core)?).await,
        // RFC 6750 §2: a client must not use more than one method.
        (_, Some(_)) => Err(malformed(
            "The token must be in the header or in the form, not in both.",
        )),
    }
}
