//! `/admin/users/{id}/identities`: who one user is at upstream providers.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::extract::administrator::{Administrator, parse_id, refused};
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::IdentityId;
use crate::flows::admin::users;

/// Unlinks an identity of an account
///
/// As after the owner lost their account at the provider. The user of the provider no longer signs in to the account.
/// Sessions without another factor end. Other sessions that a provider signed in continue at `aal1`. To end all of
/// them, send `DELETE /admin/users/{id}/sessions`. Logins that wait for a second factor after a sign-in at a provider
/// end, too. The owner is notified by mail. An account with neither an address nor a password is refused.
#[utoipa::path(
    delete, path = "/admin/users/{id}/identities/{identity_id}", operation_id = "unlink_user_identity",
    tag = "Administration",
    params(
        ("id" = uuid::Uuid, Path, description = "The account."),
        ("identity_id" = uuid::Uuid, Path, description = "The identity."),
    ),
    responses((status = 204, description = "It is unlinked.")),
)]
pub async fn unlink(
    state: Data<ApiState>,
    administrator: Administrator,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (user, identity) = path.into_inner();
    let unknown = || Problem::new(Code::NotFound, "The account has no such identity.");
    let ids = (parse_id(&user)?, IdentityId::parse(&identity).ok_or_else(unknown)?);
    let unlinked = users::unlink_identity(&state.core, &administrator.operator(), ids).await?;
    if unlinked.map_err(refused)? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
