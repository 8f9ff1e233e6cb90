//! `GET /dev/outbox` and `DELETE /dev/outbox`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use crate::api::dto::dev::OutboxMessage;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::input::InvalidInput;
use crate::domain::message::{Channel, canonical_destination};
use crate::flows::notify::outbox;

/// Which messages to list.
#[derive(Debug, Deserialize)]
pub struct OutboxFilter {
    /// Only those for this address or phone number.
    pub to: Option<String>,
    /// Only those of this channel: `email` or `sms`.
    pub channel: Option<String>,
}

/// Lists the messages that would have been sent, newest first
///
/// With their texts, and with the token, code and link that they contain. At most the newest thousand. `vestibule dev`
/// only.
#[utoipa::path(
    get, path = "/dev/outbox", operation_id = "list_outbox", tag = "Development",
    params(
        ("to" = Option<String>, Query, description = "Only those for this address or phone number."),
        ("channel" = Option<String>, Query, description = "Only those of this channel: `email` or `sms`."),
    ),
    responses((status = 200, description = "The messages.", body = Vec<OutboxMessage>)),
)]
pub async fn list(state: Data<ApiState>, filter: Query<OutboxFilter>) -> Result<HttpResponse, Problem> {
    let wanted = || InvalidInput::of("/channel", "must be email or sms");
    let channel = match &filter.channel {
        Some(name) => Some(Channel::parse(name).ok_or_else(wanted)?),
        None => None,
    };
    let to = filter.to.as_deref().map(canonical_destination);
    let captured = outbox::list_captured(&state.core, channel).await?;
    let messages: Vec<OutboxMessage> = captured
        .into_iter()
        .filter(|message| to.as_ref().is_none_or(|to| *to == message.to))
        .map(OutboxMessage::new)
        .collect();
    Ok(HttpResponse::Ok().json(messages))
}

/// Deletes all captured messages
///
/// `vestibule dev` only.
#[utoipa::path(
    delete, path = "/dev/outbox", operation_id = "clear_outbox", tag = "Development",
    responses((status = 204, description = "The outbox is empty.")),
)]
pub async fn clear(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    outbox::clear(&state.core).await?;
    Ok(HttpResponse::NoContent().finish())
}
