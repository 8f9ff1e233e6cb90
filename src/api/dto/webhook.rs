//! Endpoints for account events, and the messages to them, as operators see them.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::reveal;
use crate::domain::webhook::{Delivery, DeliveryState, Webhook, WebhookChanges, WebhookDescription};
use crate::flows::admin::webhooks::{Replayed, Rotated};

/// An endpoint to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://api.example.com/hooks/accounts", "events": ["user.created", "user.deleted"]}))]
pub struct CreateWebhookRequest {
    /// Where messages are posted to: https, on the public internet unless the deployment allows the address.
    /// It must hold no secret, since every administrator sees it: the signature authenticates messages.
    #[schema(max_length = 2048)]
    pub url: String,
    /// The types of events that it is told; all if the list is omitted or empty.
    #[schema(max_items = 20)]
    pub events: Option<Vec<String>>,
    /// Whether messages have the address and the name of the account, as they are when a message is sent.
    pub include_addresses: Option<bool>,
    /// `standard`: JSON, as Standard Webhooks describes it. `caep`: Security Event Tokens of CAEP and RISC, pushed as
    /// RFC 8935 describes it, for the types that these have. `standard` if omitted.
    pub format: Option<String>,
}

impl From<CreateWebhookRequest> for WebhookDescription {
    fn from(request: CreateWebhookRequest) -> Self {
        Self {
            url: request.url,
            events: request.events.unwrap_or_default(),
            include_addresses: request.include_addresses.unwrap_or_default(),
            format: request.format,
        }
    }
}

/// What changes of an endpoint. What is left out stays as it is; a list replaces the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "disabled"}))]
pub struct UpdateWebhookRequest {
    /// Where messages are posted to. It must hold no secret.
    #[schema(nullable = false, max_length = 2048)]
    pub url: Option<String>,
    /// The types of events that it is told; all if the list is empty.
    #[schema(nullable = false, max_items = 20)]
    pub events: Option<Vec<String>>,
    /// Whether messages have the address and the name of the account.
    #[schema(nullable = false)]
    pub include_addresses: Option<bool>,
    /// `enabled` or `disabled`. Of what happens while it is disabled, it is told nothing, unless it is replayed.
    #[schema(nullable = false)]
    pub state: Option<String>,
}

impl From<UpdateWebhookRequest> for WebhookChanges {
    fn from(request: UpdateWebhookRequest) -> Self {
        Self {
            url: request.url,
            events: request.events,
            include_addresses: request.include_addresses,
            state: request.state,
        }
    }
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its id.
    id: Uuid,
    /// Where messages are posted to.
    #[schema(example = "https://api.example.com/hooks/accounts")]
    url: String,
    /// The types of events that it is told. Empty: all.
    #[schema(example = json!(["user.created", "user.deleted"]))]
    events: Vec<String>,
    /// Whether messages have the address and the name of the account.
    include_addresses: bool,
    /// `standard` or `caep`.
    #[schema(example = "standard")]
    format: &'static str,
    /// `enabled` or `disabled`. The service disables an endpoint that answers 410.
    #[schema(example = "enabled")]
    state: &'static str,
    /// When it answered 410, by which the service disabled it; null if an operator set the state.
    #[schema(required)]
    gone_at: Option<DateTime<Utc>>,
    /// Until when the secret before the newest one signs messages as well; null without one. If it is past, the secret
    /// has ended.
    #[schema(required)]
    previous_secret_expires_at: Option<DateTime<Utc>>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// Its secret, with which the receiver verifies the signature of messages. It is shown only once, when it was just
    /// made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "whsec_…")]
    secret: Option<String>,
}

impl WebhookView {
    /// Shows an endpoint.
    pub fn new(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.uuid(),
            url: webhook.url.as_str().to_owned(),
            events: webhook.events.clone(),
            include_addresses: webhook.include_addresses,
            format: webhook.format.as_str(),
            state: webhook.state.as_str(),
            gone_at: webhook.gone_at,
            previous_secret_expires_at: webhook.previous_secret_expires_at,
            created_at: webhook.created_at,
            secret: None,
        }
    }

    /// Shows an endpoint that was just created.
    pub fn created(webhook: &Webhook, secret: &SecretString) -> Self {
        Self {
            secret: Some(reveal(secret)),
            ..Self::new(webhook)
        }
    }
}

/// The endpoints.
#[derive(Serialize, ToSchema)]
pub struct WebhooksResponse {
    /// Oldest first.
    items: Vec<WebhookView>,
}

impl WebhooksResponse {
    /// Shows a list.
    pub fn new(webhooks: &[Webhook]) -> Self {
        Self {
            items: webhooks.iter().map(WebhookView::new).collect(),
        }
    }
}

/// A new secret of an endpoint.
#[derive(Serialize, ToSchema)]
pub struct RotatedWebhookSecret {
    /// The secret, which is shown only once.
    #[schema(example = "whsec_…")]
    secret: String,
    /// Until when the secret before signs messages as well.
    previous_secret_expires_at: DateTime<Utc>,
}

impl RotatedWebhookSecret {
    /// Shows a secret to the operator who asked for it.
    pub fn new(rotated: &Rotated) -> Self {
        Self {
            secret: reveal(&rotated.secret),
            previous_secret_expires_at: rotated.previous_expires_at,
        }
    }
}

/// A message to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// The id of the event in the audit trail, which is also the `webhook-id` of the message.
    id: Uuid,
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(example = "session.ended")]
    event_type: String,
    /// `pending`: to be sent, or to be tried again. `delivered`: the receiver took it. `dead`: given up.
    #[schema(example = "delivered")]
    state: &'static str,
    /// How often it was tried, since it was written or replayed.
    attempts: i32,
    /// When the event happened.
    occurred_at: DateTime<Utc>,
    /// When the message was written or replayed.
    created_at: DateTime<Utc>,
    /// When it is tried next; null unless it is pending.
    #[schema(required)]
    next_try_at: Option<DateTime<Utc>>,
    /// When it was delivered or given up; null while it is pending.
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer; null if there was none.
    #[schema(required, example = 200)]
    last_status: Option<i32>,
    /// Why the last try failed; null if it did not, or there was none.
    #[schema(required)]
    last_error: Option<String>,
}

impl DeliveryView {
    /// Shows a message.
    pub fn new(delivery: &Delivery) -> Self {
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.named.event_id.uuid(),
            event_type: delivery.named.event_type.clone(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            occurred_at: delivery.named.occurred_at,
            created_at: delivery.created_at,
            next_try_at: is_pending.then_some(delivery.next_try_at),
            ended_at: delivery.ended_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error.clone(),
        }
    }
}

/// A page of the messages to an endpoint.
#[derive(Serialize, ToSchema)]
pub struct DeliveriesResponse {
    /// Newest event first.
    pub items: Vec<DeliveryView>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Which events are sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Events since this time, at most a year ago (RFC 3339).
    #[schema(format = DateTime, example = "2026-03-01T12:00:00Z")]
    pub since: String,
}

/// What a replay came to.
#[derive(Serialize, ToSchema)]
pub struct ReplayResponse {
    /// How many messages are sent again. Those that were pending anyway do not count.
    #[schema(example = 12)]
    replayed: usize,
    /// The `since` of the replay that has to follow, if there are more events than one replay sends; null if not.
    #[schema(required)]
    continue_since: Option<DateTime<Utc>>,
}

impl ReplayResponse {
    /// Shows what a replay came to.
    pub const fn new(replayed: Replayed) -> Self {
        Self {
            replayed: replayed.messages,
            continue_since: replayed.continue_since,
        }
    }
}
