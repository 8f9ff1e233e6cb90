//! `/admin/webhooks`: the endpoints that are told what happens to accounts.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::dto::webhook::{
    CreateWebhookRequest, DeliveriesResponse, DeliveryView, ReplayRequest, ReplayResponse, RotatedWebhookSecret,
    UpdateWebhookRequest, WebhookView, WebhooksResponse,
};
use crate::api::extract::administrator::{Administrator, RecentAdministrator, refused};
use crate::api::extract::filter::{DeliveryFilter, parse_time};
use crate::api::extract::json::StrictJson;
use crate::api::extract::page::Page;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::{AuditEventId, WebhookId};
use crate::domain::input::InvalidInput;
use crate::domain::webhook::WebhookChanges;
use crate::flows::admin::webhooks::{self, Creation, Idle, Replay, Update};

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "There is no such webhook.")
}

fn idle(idle: Idle) -> Problem {
    match idle {
        Idle::Unknown => unknown(),
        Idle::Disabled => Problem::new(Code::Conflict, "The webhook is disabled. Enable it first."),
    }
}

fn parse_id(text: &str) -> Result<WebhookId, Problem> {
    WebhookId::parse(text).ok_or_else(unknown)
}

/// Lists the webhooks
///
/// The endpoints of back ends that are told what happens to accounts. Every administrator sees their whole URLs, also
/// without a recent proof: a URL must hold no secret.
#[utoipa::path(
    get, path = "/admin/webhooks", operation_id = "list_webhooks", tag = "Administration",
    responses((status = 200, description = "The webhooks.", body = WebhooksResponse, example = json!({"items": []}))),
)]
pub async fn list(state: Data<ApiState>, _administrator: Administrator) -> Result<HttpResponse, Problem> {
    let webhooks = webhooks::list(&state.core).await?;
    Ok(HttpResponse::Ok().json(WebhooksResponse::new(&webhooks)))
}

/// Creates a webhook
///
/// The endpoint is told of every event from then on. The response has its secret, which is not shown again. There may be
/// twenty, each with a URL of its own. Requires a recent proof. Administrators are notified by mail.
#[utoipa::path(
    post, path = "/admin/webhooks", operation_id = "create_webhook", tag = "Administration",
    request_body(content = CreateWebhookRequest),
    responses((status = 201, description = "The webhook is created.", body = WebhookView)),
)]
pub async fn create(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, StrictJson<CreateWebhookRequest>>,
) -> Result<HttpResponse, Problem> {
    match webhooks::create(&state.core, &administrator.0, body.0.into()).await? {
        Creation::Created(webhook, secret) => Ok(HttpResponse::Created().json(WebhookView::created(&webhook, &secret))),
        Creation::TooMany => Err(Problem::new(
            Code::Conflict,
            "There are as many webhooks as there may be. Delete one first.",
        )),
        Creation::Invalid(invalid) => Err(invalid.into()),
        Creation::Refused(refusal) => Err(refused(refusal)),
    }
}

/// Returns a webhook
///
/// Without its secret, which is shown once.
#[utoipa::path(
    get, path = "/admin/webhooks/{id}", operation_id = "get_webhook", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "The webhook.", body = WebhookView)),
)]
pub async fn get(
    state: Data<ApiState>,
    _administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let webhook = webhooks::find(&state.core, parse_id(&id)?).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(WebhookView::new(&webhook)))
}

/// Changes a webhook
///
/// While it is disabled, no event is stored for it, and messages that wait are kept for three days. A replay brings what
/// it missed. Requires a recent proof, unless the body is `{"state": "disabled"}`. Administrators are notified by mail of
/// another URL, and of addresses that are included.
#[utoipa::path(
    patch, path = "/admin/webhooks/{id}", operation_id = "update_webhook", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    request_body(content = UpdateWebhookRequest),
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView)),
)]
pub async fn update(
    state: Data<ApiState>,
    Then(administrator, body): Then<Administrator, StrictJson<UpdateWebhookRequest>>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, changes) = (parse_id(&id)?, WebhookChanges::from(body.0));
    let updated = if changes == WebhookChanges::disabling() {
        webhooks::disable(&state.core, &administrator.operator(), id).await?
    } else {
        let operator = administrator.require_recent_proof(&state).await?;
        webhooks::update(&state.core, &operator, id, changes).await?
    };
    match updated {
        Update::Updated(webhook) => Ok(HttpResponse::Ok().json(WebhookView::new(&webhook))),
        Update::Unknown => Err(unknown()),
        Update::Invalid(invalid) => Err(invalid.into()),
        Update::Refused(refusal) => Err(refused(refusal)),
    }
}

/// Deletes a webhook
///
/// Its messages and their log are deleted too. Requires a recent proof. Administrators are notified by mail.
#[utoipa::path(
    delete, path = "/admin/webhooks/{id}", operation_id = "delete_webhook", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 204, description = "The webhook is deleted.")),
)]
pub async fn delete(
    state: Data<ApiState>,
    administrator: RecentAdministrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = webhooks::delete(&state.core, &administrator.0, parse_id(&id)?).await?;
    if deleted.map_err(refused)? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}

/// Replaces the secret of a webhook
///
/// For a day, each message is signed with the new secret and with the one before. Another call within that day replaces
/// only the new secret, which then counts no longer: the one before stays until its day ends. So a call whose response
/// was lost can be repeated. Requires a recent proof. Administrators are notified by mail.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/rotate-secret", operation_id = "rotate_webhook_secret", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "The new secret.", body = RotatedWebhookSecret)),
)]
pub async fn rotate_secret(
    state: Data<ApiState>,
    administrator: RecentAdministrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let replaced = webhooks::rotate_secret(&state.core, &administrator.0, parse_id(&id)?).await?;
    let rotated = replaced.map_err(refused)?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(RotatedWebhookSecret::new(&rotated)))
}

/// Lists the messages to a webhook
///
/// Newest event first, in pages; `next_cursor` is the `cursor` of the next page. Delivered messages are listed for three
/// days, and those that were given up for thirty.
#[utoipa::path(
    get, path = "/admin/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries", tag = "Administration",
    params(
        ("id" = uuid::Uuid, Path, description = "The webhook."),
        ("state" = Option<String>, Query, description = "Messages that are `pending`, `delivered` or `dead`."),
        ("limit" = Option<u32>, Query, description = "The size of the page, 1 to 100; 50 if omitted."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous page."),
    ),
    responses((
        status = 200, description = "A page of messages.", body = DeliveriesResponse,
        example = json!({"items": [], "next_cursor": "AZorPE1ef2CKGyw9Tl9gcQ"}),
    )),
)]
pub async fn deliveries(
    state: Data<ApiState>,
    Then(_administrator, Then(page, filter)): Then<Administrator, Then<Page, DeliveryFilter>>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let before = page.after.map(AuditEventId::from_uuid);
    let found = webhooks::deliveries(&state.core, parse_id(&id)?, filter.0, before, page.limit).await?;
    let found = found.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(DeliveriesResponse {
        items: found.items.iter().map(DeliveryView::new).collect(),
        next_cursor: found.next.map(|id| Page::cursor(id.uuid())),
    }))
}

/// Sends a test message to a webhook
///
/// A message of the type `webhook.test`, which no other endpoint gets. It is sent as every other message, within a few
/// seconds; the first entry of `GET /admin/webhooks/{id}/deliveries` then says what came of it.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/test", operation_id = "test_webhook", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 202, description = "The message waits to be sent.", body = DeliveryView)),
)]
pub async fn test(
    state: Data<ApiState>,
    administrator: Administrator,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let written = webhooks::test(&state.core, &administrator.operator(), parse_id(&id)?).await?;
    let delivery = written.map_err(refused)?.map_err(idle)?;
    Ok(HttpResponse::Accepted().json(DeliveryView::new(&delivery)))
}

/// Sends events to a webhook again
///
/// All events since a time that it asks for, also those from before it was created. Messages keep their ids. Those that
/// are pending are not doubled. Requires a recent proof.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/replay", operation_id = "replay_webhook", tag = "Administration",
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    request_body(content = ReplayRequest),
    responses((status = 202, description = "The messages wait to be sent.", body = ReplayResponse)),
)]
pub async fn replay(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, StrictJson<ReplayRequest>>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let since = parse_time(&body.0.since).map_err(|wanted| InvalidInput::of("/since", wanted))?;
    match webhooks::replay(&state.core, &administrator.0, parse_id(&id)?, since).await? {
        Replay::Begun(replayed) => Ok(HttpResponse::Accepted().json(ReplayResponse::new(replayed))),
        Replay::Idle(why) => Err(idle(why)),
        Replay::Invalid(invalid) => Err(invalid.into()),
        Replay::Refused(refusal) => Err(refused(refusal)),
    }
}
