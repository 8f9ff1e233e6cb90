//! `/userinfo`.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::dto::oauth::UserInfo as UserInfoResponse;
use crate::api::extract::bearer::{Bearer, PresentedToken};
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
    let PresentedToken { token, proof } = Bearer::of(&request).require(Code::InvalidToken, &state.core)?;
    match userinfo::tell(&state.core, token.expose_secret(), proof).await? {
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
/// The same as `GET /userinfo`: OpenID Connect Core 1.0 §5.3.1 requires both methods. A body is not read.
#[utoipa::path(
    post, path = "/userinfo", operation_id = "post_userinfo", tag = "Applications",
    responses((status = 200, description = "The user.", body = UserInfoResponse)),
    security(("application_token" = [])),
)]
pub async fn post(state: Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    get(state, request).await
}
