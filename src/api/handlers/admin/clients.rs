//! `/admin/clients`: the registered clients.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::TimeDelta;

use crate::api::dto::client::{
    ClientView, ClientsResponse, RegisterClientRequest, RotateSecretRequest, RotatedSecret, UpdateClientRequest,
};
use crate::api::extract::administrator::{Administrator, RecentAdministrator, refused};
use crate::api::extract::json::{OptionalJson, StrictJson};
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::ClientId;
use crate::domain::input::InvalidInput;
use crate::flows::admin::clients::{self, Registration, Update};

/// How long an old secret is accepted beside the new one, in hours.
const OVERLAP: u16 = 24;
const LONGEST_OVERLAP: u16 = 720;

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "There is no such client.")
}

fn name_taken() -> Problem {
    Problem::new(Code::Conflict, "There is another client with this name.")
}

fn parse_id(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).ok_or_else(unknown)
}

/// Lists the registered clients
///
/// Applications that users sign in to, and services that act for themselves.
#[utoipa::path(
    get, path = "/admin/clients", operation_id = "list_clients", tag = "Administration",
    responses((status = 200, description = "The clients.", body = ClientsResponse, example = json!({"items": []}))),
)]
pub async fn list(state: Data<ApiState>, _administrator: Administrator) -> Result<HttpResponse, Problem> {
    let clients = clients::list(&state.core).await?;
    Ok(HttpResponse::Ok().json(ClientsResponse::new(&clients)))
}

/// Registers a client
///
/// The response has its secret, if it has one. It is not shown again. Requires a recent proof.
#[utoipa::path(
    post, path = "/admin/clients", operation_id = "register_client", tag = "Administration",
    request_body(content = RegisterClientRequest),
    responses((status = 201, description = "The client is registered.", body = ClientView)),
)]
pub async fn register(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, StrictJson<RegisterClientRequest>>,
) -> Result<HttpResponse, Problem> {
    match clients::create(&state.core, &administrator.0, body.0.into()).await? {
        Registration::Registered(client, secret) => {
            Ok(HttpResponse::Created().json(ClientView::registered(&client, secret.as_ref())))
        }
        Registration::NameTaken => Err(name_taken()),
        Registration::Invalid(invalid) => Err(invalid.into()),
        Registration::Refused(refusal) => Err(refused(refusal)),
    }
}

/// Returns a registered client
///
/// Without its secret, which is shown once.
#[utoipa::path(
    get, path = "/admin/clients/{id}", operation_id = "get_client", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The client.")),
    responses((status = 200, description = "The client.", body = ClientView)),
)]
pub async fn get(
    state: Data<ApiState>,
    _administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = clients::find(&state.core, parse_id(&id)?).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(ClientView::new(&client)))
}

/// Changes a registered client
///
/// From the next refresh on, its grants have lost the scopes that it loses. Grants for a resource that it loses end, and
/// so do those that could be refreshed if it loses `offline_access`. Requests and codes for a redirect URI that it loses
/// are refused. Access tokens that were issued stay valid until they expire. Requires a recent proof.
#[utoipa::path(
    patch, path = "/admin/clients/{id}", operation_id = "update_client", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The client.")),
    request_body(content = UpdateClientRequest),
    responses((status = 200, description = "The client as it is now.", body = ClientView)),
)]
pub async fn update(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, StrictJson<UpdateClientRequest>>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    match clients::update(&state.core, &administrator.0, parse_id(&id)?, body.0.into()).await? {
        Update::Updated(client) => Ok(HttpResponse::Ok().json(ClientView::new(&client))),
        Update::Unknown => Err(unknown()),
        Update::NameTaken => Err(name_taken()),
        Update::Invalid(invalid) => Err(invalid.into()),
        Update::Refused(refusal) => Err(refused(refusal)),
    }
}

/// Replaces the secret of a client
///
/// The old secret is accepted for another day, or for as long as the request says. 404 as well for a client that has no
/// secret. Requires a recent proof.
#[utoipa::path(
    post, path = "/admin/clients/{id}/secret", operation_id = "rotate_client_secret", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The client.")),
    request_body(content = RotateSecretRequest, description = "May be omitted."),
    responses((status = 200, description = "The new secret.", body = RotatedSecret)),
)]
pub async fn rotate_secret(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, OptionalJson<RotateSecretRequest>>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let hours = body.0.and_then(|body| body.overlap_hours).unwrap_or(OVERLAP);
    if hours > LONGEST_OVERLAP {
        return Err(InvalidInput::of("/overlap_hours", "must be at most 720").into());
    }
    let overlap = TimeDelta::hours(i64::from(hours));
    let replaced = clients::rotate_secret(&state.core, &administrator.0, parse_id(&id)?, overlap).await?;
    let secret = replaced.map_err(refused)?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(RotatedSecret::new(&secret)))
}

/// Deletes a client
///
/// Its credentials and its refresh tokens are refused at once, and users are signed out of it. Requires a recent
/// proof.
#[utoipa::path(
    delete, path = "/admin/clients/{id}", operation_id = "delete_client", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The client.")),
    responses((status = 204, description = "The client is deleted.")),
)]
pub async fn delete(
    state: Data<ApiState>,
    administrator: RecentAdministrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = clients::delete(&state.core, &administrator.0, parse_id(&id)?).await?;
    if deleted.map_err(refused)? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}
