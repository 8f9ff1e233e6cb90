//! `/admin/users/{id}/claims`: what back ends keep about a user for tokens.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::admin::SetClaimsRequest;
use crate::api::extract::administrator::{parse_id, unknown_user};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::service::{ClaimsWrite, Service};
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::flows::admin::users;

/// Replaces the claims of an account
///
/// For services, with an access token for the resource `{issuer}/admin` and the scope `claims:write`: a back end that
/// knows what a user may do writes it here. Administrators use `PATCH /admin/users/{id}`. Access tokens contain the
/// claims as `app` from the next refresh on. Of two writers the last one wins, with the whole object.
#[utoipa::path(
    put, path = "/admin/users/{id}/claims", operation_id = "set_user_claims", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The account.")),
    request_body(content = SetClaimsRequest),
    responses((status = 204, description = "The account has these claims.")),
)]
pub async fn set(
    state: Data<ApiState>,
    id: Path<String>,
    origin: Origin,
    Then(service, body): Then<Service<ClaimsWrite>, StrictJson<SetClaimsRequest>>,
) -> Result<HttpResponse, Problem> {
    let (id, claims) = (parse_id(&id)?, body.0.check()?);
    if !users::set_claims(&state.core, service.0, (id, claims), origin.0).await? {
        return Err(unknown_user());
    }
    Ok(HttpResponse::NoContent().finish())
}
