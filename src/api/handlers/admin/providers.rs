//! `/admin/providers`: the upstream providers.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::managed_provider::{ManagedProviderView, ManagedProvidersResponse};
use crate::api::extract::administrator::Administrator;
use crate::api::state::ApiState;
use crate::domain::federation::provider::Provider;

/// Lists the upstream providers with their settings
///
/// As the operator's file describes them, which only the operator changes. Secrets are not shown.
#[utoipa::path(
    get, path = "/admin/providers", operation_id = "list_managed_providers", tag = "Administration",
    responses((
        status = 200, description = "The providers.", body = ManagedProvidersResponse, example = json!({"items": []}),
    )),
)]
pub async fn list(state: Data<ApiState>, _administrator: Administrator) -> HttpResponse {
    let providers = &state.core.providers;
    let show = |provider: &Provider| {
        let fault = providers.pause_of(&provider.id);
        ManagedProviderView::new(provider, fault.map(|fault| fault.to_string()))
    };
    HttpResponse::Ok().json(ManagedProvidersResponse {
        items: providers.list().map(show).collect(),
    })
}
