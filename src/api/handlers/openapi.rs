//! `GET /openapi.json`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::dto::well_known::OpenApiDocument;
use crate::api::openapi::document_of;
use crate::api::state::ApiState;

/// Returns this document
///
/// The OpenAPI description of the API.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "Operation",
    responses((status = 200, description = "The document.", body = OpenApiDocument)),
)]
pub async fn openapi(state: Data<ApiState>) -> HttpResponse {
    let make = || document_of(&state.public_url, state.core.settings.password_rules).into();
    let document = state.openapi.get_or_init(make).clone();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/json")
        .body(document)
}
