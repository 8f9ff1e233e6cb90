//! `GET /openapi.json`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::api::dto::well_known::OpenApiDocument;
use crate::api::state::ApiState;

/// Returns this document
///
/// The OpenAPI description of the API.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "Operation",
    responses((status = 200, description = "The document.", body = OpenApiDocument)),
)]
pub async fn openapi(state: Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/json")
        .body(state.openapi.clone())
}
