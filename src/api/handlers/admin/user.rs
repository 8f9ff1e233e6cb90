//! `/admin/users/{id}`: one account.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::admin::{ManagedUserView, UpdateUserRequest};
use crate::api::extract::administrator::{Administrator, parse_id, refused, unknown_user};
use crate::api::extract::json::StrictJson;
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::managed_user::UserSelector;
use crate::domain::roles::RolesChange;
use crate::flows::admin::users::{self, Update};

/// Returns an account
///
/// Disabled ones included.
#[utoipa::path(
    get, path = "/admin/users/{id}", operation_id = "get_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = ManagedUserView)),
    security(("access_token" = [])),
)]
pub async fn get(
    state: Data<ApiState>,
    _administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let selector = UserSelector::Id(parse_id(&id)?);
    let found = users::find(&state.core, selector).await?.ok_or_else(unknown_user)?;
    Ok(HttpResponse::Ok().json(ManagedUserView::new(&found)))
}

/// Changes an account
///
/// A disabled account is out at once: its sessions end, and nothing lets it in until it is enabled again; access tokens that
/// back ends verify by themselves pass until they expire. Enabling also lets a password count again that was disabled after
/// a hundred wrong ones. Changed roles are in the tokens from the next refresh on; for `/admin` they count at once.
/// Administrators cannot disable or demote themselves, so one is always left: 409. Roles cannot be granted to an account with
/// an address that nobody has confirmed: 409.
#[utoipa::path(
    patch, path = "/admin/users/{id}", operation_id = "update_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    request_body(content = UpdateUserRequest),
    responses((status = 200, description = "The account as it stands now.", body = ManagedUserView)),
    security(("access_token" = [])),
)]
pub async fn update(
    state: Data<ApiState>,
    id: Path<String>,
    Then(administrator, body): Then<Administrator, StrictJson<UpdateUserRequest>>,
) -> Result<HttpResponse, Problem> {
    let update = Update {
        disabled: body.0.disabled,
        roles: body.0.roles.map(RolesChange::Set),
        unverified: false,
    };
    let id = parse_id(&id)?;
    let updated = users::update(&state.core, &administrator.0, id, update).await?;
    Ok(HttpResponse::Ok().json(ManagedUserView::new(&updated.map_err(refused)?)))
}

/// Deletes an account
///
/// And everything that belongs to it, at once and for good; its owner is told by mail. The audit trail stays. Administrators
/// cannot delete themselves here, so one is always left: 409.
#[utoipa::path(
    delete, path = "/admin/users/{id}", operation_id = "delete_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "The account is gone.")),
    security(("access_token" = [])),
)]
pub async fn delete(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::delete(&state.core, &administrator.0, id)
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes all second factors of an account
///
/// For owners who have lost them; recovery codes go, too, all sessions end, and the owner is told by mail. The next login
/// with the password sets up a new factor, so make sure of who is asking. Not for one's own account: 409.
#[utoipa::path(
    delete, path = "/admin/users/{id}/2fa", operation_id = "reset_user_second_factors", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "They are gone.")),
    security(("access_token" = [])),
)]
pub async fn reset_second_factors(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::reset_second_factors(&state.core, &administrator.0, id)
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends all sessions of an account
///
/// Pending logins included; the owner can sign in again.
#[utoipa::path(
    delete, path = "/admin/users/{id}/sessions", operation_id = "end_user_sessions", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "They have ended.")),
    security(("access_token" = [])),
)]
pub async fn end_sessions(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::end_sessions(&state.core, &administrator.0, id)
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}
