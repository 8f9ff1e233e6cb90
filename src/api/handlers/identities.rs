//! `/me/identities`: who the caller is at upstream providers.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::federation::IdentitiesResponse;
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
use crate::api::extract::origin::Origin;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::IdentityId;
use crate::flows::factors::{self, Unlinking};

/// Lists the caller's identities
///
/// Who they are at upstream providers, which sign them in.
#[utoipa::path(
    get, path = "/me/identities", operation_id = "list_identities", tag = "Account",
    responses((
        status = 200, description = "The identities.", body = IdentitiesResponse,
        example = json!({"identities": []}),
    )),
)]
pub async fn list(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let linked = factors::list_identities(&state.core, &caller.0).await?;
    Ok(HttpResponse::Ok().json(IdentitiesResponse::new(linked)))
}

/// Unlinks an identity
///
/// The user of the provider no longer signs in to the account. Sessions without another factor end, except for the one
/// of the request. Other sessions that a provider signed in continue at `aal1`. To end all of them, send
/// `DELETE /sessions`. Logins that wait for a second factor after a sign-in at a provider end, too. The last way to sign
/// in is never removed.
#[utoipa::path(
    delete, path = "/me/identities/{id}", operation_id = "unlink_identity", tag = "Account",
    params(("id" = uuid::Uuid, Path, description = "The identity's id.")),
    responses((status = 204, description = "It is unlinked.")),
)]
pub async fn unlink(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::NotFound, "You have no such identity.");
    let id = IdentityId::parse(&id).ok_or_else(unknown)?;
    match factors::unlink_identity(&state.core, &caller.0, id, origin.0).await? {
        Unlinking::Unlinked => Ok(HttpResponse::NoContent().finish()),
        Unlinking::Unknown => Err(unknown()),
        Unlinking::LastWayIn => Err(Problem::new(
            Code::Conflict,
            "This is your last way to sign in. Set a password, add a passkey, or connect another provider first.",
        )),
    }
}
