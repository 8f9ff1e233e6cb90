//! `/admin/users/{id}`: one account.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::admin::{ManagedUserView, UpdateUserRequest, check_claims};
use crate::api::dto::tokens::{UserSessionView, UserSessionsResponse};
use crate::api::extract::administrator::{Administrator, RecentAdministrator, find_user, parse_id, refused};
use crate::api::extract::json::StrictJson;
use crate::api::extract::service::{Reader, UsersRead};
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::SessionId;
use crate::domain::roles::RolesChange;
use crate::domain::session::SessionKey;
use crate::flows::admin::invitation::Way;
use crate::flows::admin::users::{self, AccountUpdate};
use crate::flows::session::sessions;

/// Returns an account
///
/// Including disabled ones. For administrators, and for services with an access token for the resource
/// `{issuer}/admin` and the scope `users:read`.
#[utoipa::path(
    get, path = "/admin/users/{id}", operation_id = "get_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = ManagedUserView)),
)]
pub async fn get(state: Data<ApiState>, _reader: Reader<UsersRead>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let found = find_user(&state, &id).await?;
    Ok(HttpResponse::Ok().json(ManagedUserView::new(&found)))
}

/// Changes an account
///
/// Disabling an account ends its sessions at once, and it cannot log in until it is enabled again; access tokens that
/// back ends verify by themselves are accepted until they expire. Enabling an account also makes a password usable
/// again that was disabled after a hundred wrong attempts. Access tokens contain changed roles and claims from the next
/// refresh on; for `/admin` roles apply at once. `claims` replaces the whole object; `{}` removes all. Administrators
/// cannot disable or demote themselves, so that one always remains: 409. Roles cannot be granted to an account with an
/// unverified address: 409. Requires a recent proof, unless the body is `{"disabled": true}`. Administrators are
/// notified by mail of changes to one of them, and of the role `admin`.
#[utoipa::path(
    patch, path = "/admin/users/{id}", operation_id = "update_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    request_body(content = UpdateUserRequest),
    responses((status = 200, description = "The account after the change.", body = ManagedUserView)),
)]
pub async fn update(
    state: Data<ApiState>,
    id: Path<String>,
    Then(administrator, body): Then<Administrator, StrictJson<UpdateUserRequest>>,
) -> Result<HttpResponse, Problem> {
    let update = AccountUpdate {
        disabled: body.0.disabled,
        claims: body.0.claims.as_ref().map(check_claims).transpose()?,
        roles: body.0.roles.map(RolesChange::Set),
        unverified: false,
    };
    let id = parse_id(&id)?;
    let updated = if update == AccountUpdate::disabling() {
        users::disable(&state.core, &administrator.operator(), id).await?
    } else {
        let operator = administrator.require_recent_proof(&state).await?;
        users::update(&state.core, &operator, id, update).await?
    };
    Ok(HttpResponse::Ok().json(ManagedUserView::new(&updated.map_err(refused)?)))
}

/// Deletes an account
///
/// And everything that belongs to it, immediately and permanently; its owner is notified by mail. The audit trail
/// remains. Administrators cannot delete their own account here, so that one always remains: 409. Requires a recent
/// proof.
#[utoipa::path(
    delete, path = "/admin/users/{id}", operation_id = "delete_user", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "The account was deleted.")),
)]
pub async fn delete(
    state: Data<ApiState>,
    administrator: RecentAdministrator,
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
/// For owners who have lost them. Recovery codes are removed too, all sessions end, and the owner is notified by mail.
/// The next login with the password sets up a new factor, so verify the identity of the requester first. The owner of
/// an account without a password gets a mail with a link that sets a password or a passkey. Not allowed for the
/// administrator's own account, nor for an account that has neither a password nor an address: 409. Requires a recent
/// proof.
#[utoipa::path(
    delete, path = "/admin/users/{id}/2fa", operation_id = "reset_user_second_factors", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "The second factors were removed.")),
)]
pub async fn reset_second_factors(
    state: Data<ApiState>,
    administrator: RecentAdministrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::reset_second_factors(&state.core, &administrator.0, (id, Way::Mail))
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lists the sessions of an account
///
/// The most recently used first. What an application was granted is part of the session that it was granted in, which
/// names the application. Logins that wait for a second factor are not listed.
#[utoipa::path(
    get, path = "/admin/users/{id}/sessions", operation_id = "list_user_sessions", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The active sessions.", body = UserSessionsResponse)),
)]
pub async fn list_sessions(
    state: Data<ApiState>,
    _administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = find_user(&state, &id).await?;
    let listed = sessions::list(&state.core, found.account.user.id).await?;
    Ok(HttpResponse::Ok().json(UserSessionsResponse {
        sessions: listed.iter().map(UserSessionView::new).collect(),
    }))
}

/// Ends all sessions of an account
///
/// Including pending logins; the owner can sign in again.
#[utoipa::path(
    delete, path = "/admin/users/{id}/sessions", operation_id = "end_user_sessions", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    responses((status = 204, description = "The sessions have ended.")),
)]
pub async fn end_sessions(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&id)?;
    users::end_sessions(&state.core, &administrator.operator(), id)
        .await?
        .map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session of an account
///
/// With what applications were granted in it. The account's other sessions, its trusted devices and its API keys stay:
/// to shut out an attacker, end all sessions. A session of another account is answered like one that does not exist.
#[utoipa::path(
    delete, path = "/admin/users/{id}/sessions/{session_id}", operation_id = "end_user_session", tag = "Administration",
    params(
        ("id" = uuid::Uuid, Path, description = "The account."),
        ("session_id" = uuid::Uuid, Path, description = "The session."),
    ),
    responses((status = 204, description = "The session has ended.")),
)]
pub async fn end_session(
    state: Data<ApiState>,
    administrator: Administrator,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = path.into_inner();
    let unknown = || Problem::new(Code::NotFound, "The account has no such session.");
    let key = SessionKey {
        user_id: parse_id(&user)?,
        session_id: SessionId::parse(&session).ok_or_else(unknown)?,
    };
    let ended = users::end_session(&state.core, &administrator.operator(), key).await?;
    if ended.map_err(refused)? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
