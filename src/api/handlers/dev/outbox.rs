//! `GET /dev/outbox` and `DELETE /dev/outbox`.

use actix_web::HttpResponse;

use crate::api::dto::dev::OutboxMessage;

/// Lists the messages that would have been sent, newest first
///
/// No flow sends messages yet, so the list is empty. `vestibule dev` only.
#[utoipa::path(
    get, path = "/dev/outbox", operation_id = "list_outbox", tag = "Development",
    responses((status = 200, description = "The messages.", body = Vec<OutboxMessage>)),
)]
pub async fn list() -> HttpResponse {
    HttpResponse::Ok().json(Vec::<OutboxMessage>::new())
}

/// Throws all kept messages away
///
/// `vestibule dev` only.
#[utoipa::path(
    delete, path = "/dev/outbox", operation_id = "clear_outbox", tag = "Development",
    responses((status = 204, description = "The outbox is empty.")),
)]
pub async fn clear() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
