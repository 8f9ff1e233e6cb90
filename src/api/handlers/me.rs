//! `GET /me`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::user::UserView;
use crate::api::extract::bearer::SignedIn;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::account;

/// Returns the caller's account
///
/// As it stands now, not as it stood when the token was made.
#[utoipa::path(
    get, path = "/me", operation_id = "get_me", tag = "Account",
    responses((status = 200, description = "The account.", body = UserView)),
    security(("access_token" = [])),
)]
pub async fn get_me(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let user = caller.0.user;
    let factors = account::second_factors(&state.core, &user).await?;
    Ok(HttpResponse::Ok().json(UserView::new(&user, &factors)))
}
