//! Endpoints of back ends that are told what happens to accounts. Operators create them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::notices::{notify_of_webhook, take_announcement};
use super::{AdminRefusal, Operator, RecentOperator, change_deployment};
use crate::crypto::sealer::SealedAt;
use crate::crypto::webhook_signer::generate_secret;
use crate::domain::account_event::AccountEventType;
use crate::domain::audit_event::{AuditEvent, EventFilter, EventName};
use crate::domain::ids::{AuditEventId, WebhookId, least_of, made_at};
use crate::domain::input::InvalidInput;
use crate::domain::message::Message;
use crate::domain::outbound_url::OutboundUrl;
use crate::domain::policy::numbers::{EVENT_AFTER_REQUEST, MOST_REPLAYED, MOST_WEBHOOKS, WEBHOOK_SECRET_OVERLAP};
use crate::domain::webhook::{
    Delivery, DeliveryRef, DeliveryState, TEST, Webhook, WebhookChanges, WebhookDescription, WebhookState, check_since,
};
use crate::flows::page::Page;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::webhook_deliveries::{Span, ToldEvent};
use crate::store::{audit_events, webhook_deliveries, webhooks};

/// Rows of the trail that one transaction of a replay reads.
const REPLAYED_AT_ONCE: usize = 500;

/// The result of creating an endpoint.
#[must_use]
pub enum Creation {
    /// The endpoint, with its secret, which is shown only once.
    Created(Box<Webhook>, SecretString),
    /// There are as many as there may be.
    TooMany,
    /// The description breaks rules.
    Invalid(InvalidInput),
    /// The operator may not create endpoints.
    Refused(AdminRefusal),
}

/// Creates an endpoint. It gets every event that is committed from then on.
pub async fn create(
    core: &Arc<Core>,
    operator: &RecentOperator,
    description: WebhookDescription,
) -> Result<Creation, Fault> {
    let (now, random) = (core.clock.now(), core.random.as_ref());
    let webhook = match description.check(WebhookId::new(now, random), now) {
        Ok(webhook) => webhook,
        Err(invalid) => return Ok(Creation::Invalid(invalid)),
    };
    if let Err(invalid) = check_reach(core, &webhook.url).await {
        return Ok(Creation::Invalid(invalid));
    }
    let secret = generate_secret(random);
    let sealed = seal(core, webhook.id, &secret)?;
    let inserted = webhook.clone();
    let created = change_deployment(core, operator, "webhooks.create", move |tx| {
        // Operators' changes take turns, so no two look and count at once.
        if webhooks::is_taken(tx.connection, &inserted.url, inserted.id)? {
            return Ok((Some(Creation::Invalid(taken())), None));
        }
        let number = webhooks::count(tx.connection)?;
        if usize::try_from(number).is_ok_and(|number| number >= MOST_WEBHOOKS) {
            return Ok((Some(Creation::TooMany), None));
        }
        if let Err(refusal) = take_announcement(tx)? {
            return Ok((Some(Creation::Refused(refusal)), None));
        }
        webhooks::insert(tx.connection, &inserted, &sealed)?;
        notify_of_webhook(tx, &inserted, Message::WebhookCreated)?;
        Ok((None, Some(event_of(EventName::WebhookCreated, inserted.id))))
    })
    .await?;
    Ok(match created {
        Ok(None) => Creation::Created(Box::new(webhook), secret),
        Ok(Some(hindrance)) => hindrance,
        Err(refusal) => Creation::Refused(refusal),
    })
}

/// Returns the event of what happened to an endpoint.
const fn event_of(name: EventName, id: WebhookId) -> AuditEvent {
    AuditEvent::of_deployment(name).about_webhook(id)
}

/// Each event would be posted there twice, signed with two secrets, of which the receiver knows one.
fn taken() -> InvalidInput {
    InvalidInput::of("/url", "there is a webhook with this URL")
}

fn seal(core: &Core, id: WebhookId, secret: &SecretString) -> Result<Vec<u8>, Fault> {
    let at = SealedAt::webhook_secret(id);
    Ok(core.sealer.seal(&at, secret.expose_secret().as_bytes())?)
}

/// Tells an operator at once of a URL that would never be called. Each call checks the addresses again.
async fn check_reach(core: &Core, url: &OutboundUrl) -> Result<(), InvalidInput> {
    match core.webhook_calls.check(url).await {
        Err(fault) if fault.is_forbidden() => Err(InvalidInput::of("/url", fault.to_string())),
        _ => Ok(()),
    }
}

/// Lists all endpoints, oldest first.
pub async fn list(core: &Arc<Core>) -> Result<Vec<Webhook>, Fault> {
    core.db
        .read("webhooks.list", |connection| {
            webhooks::list(connection).map_err(Fault::from)
        })
        .await
}

/// Finds an endpoint.
pub async fn find(core: &Arc<Core>, id: WebhookId) -> Result<Option<Webhook>, Fault> {
    core.db
        .read("webhooks.find", move |connection| {
            webhooks::find(connection, id).map_err(Fault::from)
        })
        .await
}

/// The result of changing an endpoint.
#[must_use]
pub enum Update {
    /// The endpoint as it is now.
    Updated(Box<Webhook>),
    /// There is no such endpoint.
    Unknown,
    /// The changes break rules.
    Invalid(InvalidInput),
    /// The operator may not change endpoints.
    Refused(AdminRefusal),
}

/// Changes an endpoint. While it is disabled, no event is written for it, and what was written before waits.
pub async fn update(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: WebhookId,
    changes: WebhookChanges,
) -> Result<Update, Fault> {
    apply(core, operator, id, changes).await
}

/// Disables an endpoint.
pub async fn disable(core: &Arc<Core>, operator: &Operator, id: WebhookId) -> Result<Update, Fault> {
    apply(core, operator, id, WebhookChanges::disabling()).await
}

async fn apply(core: &Arc<Core>, operator: &Operator, id: WebhookId, changes: WebhookChanges) -> Result<Update, Fault> {
    if let Some(Ok(url)) = changes.url.as_deref().map(OutboundUrl::parse)
        && let Err(invalid) = check_reach(core, &url).await
    {
        return Ok(Update::Invalid(invalid));
    }
    let updated = change_deployment(core, operator, "webhooks.update", move |tx| {
        let Some(stored) = webhooks::find_for_update(tx.connection, id)? else {
            return Ok((Update::Unknown, None));
        };
        let webhook = match changes.clone().apply(&stored) {
            Ok(webhook) => webhook,
            Err(invalid) => return Ok((Update::Invalid(invalid), None)),
        };
        if webhook.url != stored.url && webhooks::is_taken(tx.connection, &webhook.url, id)? {
            return Ok((Update::Invalid(taken()), None));
        }
        if webhook.url != stored.url
            && let Err(refusal) = take_announcement(tx)?
        {
            return Ok((Update::Refused(refusal), None));
        }
        webhooks::update(tx.connection, &webhook)?;
        if webhook.url != stored.url {
            notify_of_webhook(tx, &webhook, Message::WebhookUrlChanged)?;
        }
        if webhook.include_addresses && !stored.include_addresses {
            notify_of_webhook(tx, &webhook, Message::WebhookAddressesIncluded)?;
        }
        let event = event_of(EventName::WebhookUpdated, id);
        Ok((Update::Updated(Box::new(webhook)), Some(event)))
    })
    .await?;
    Ok(updated.unwrap_or_else(Update::Refused))
}

/// Deletes an endpoint with its messages. Returns whether there was one.
pub async fn delete(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: WebhookId,
) -> Result<Result<bool, AdminRefusal>, Fault> {
    change_deployment(core, operator, "webhooks.delete", move |tx| {
        let Some(webhook) = webhooks::find_for_update(tx.connection, id)? else {
            return Ok((false, None));
        };
        webhooks::delete(tx.connection, id)?;
        notify_of_webhook(tx, &webhook, Message::WebhookDeleted)?;
        Ok((true, Some(event_of(EventName::WebhookDeleted, id))))
    })
    .await
}

/// A secret that was just made.
pub struct Rotated {
    /// The secret, which is shown only once.
    pub secret: SecretString,
    /// Until when the one before signs along.
    pub previous_expires_at: DateTime<Utc>,
}

/// Makes a new secret for an endpoint. The one before signs along for a day. `None`: there is no such endpoint.
///
/// A rotation within that day replaces only the secret of the last one. The receiver may not know that one, if the answer
/// was lost, but it knew the one before, which signs along until its day ends.
pub async fn rotate_secret(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: WebhookId,
) -> Result<Result<Option<Rotated>, AdminRefusal>, Fault> {
    let secret = generate_secret(core.random.as_ref());
    let sealed = seal(core, id, &secret)?;
    let replaced = change_deployment(core, operator, "webhooks.rotate_secret", move |tx| {
        let overlap_ends = tx.now + WEBHOOK_SECRET_OVERLAP;
        let replaced = webhooks::replace_secret(tx.connection, id, &sealed, (tx.now, overlap_ends))?;
        if let Some(webhook) = webhooks::find(tx.connection, id)? {
            notify_of_webhook(tx, &webhook, Message::WebhookSecretRotated)?;
        }
        let event = |_| event_of(EventName::WebhookSecretRotated, id);
        Ok((replaced, replaced.map(event)))
    })
    .await?;
    Ok(replaced.map(|replaced| {
        replaced.map(|previous_expires_at| Rotated {
            secret,
            previous_expires_at,
        })
    }))
}

/// Lists the messages to an endpoint, newest event first. `None`: there is no such endpoint.
pub async fn deliveries(
    core: &Arc<Core>,
    id: WebhookId,
    state: Option<DeliveryState>,
    before: Option<AuditEventId>,
    limit: i64,
) -> Result<Option<Page<Delivery, AuditEventId>>, Fault> {
    core.db
        .read("webhooks.deliveries", move |connection| {
            if webhooks::find(connection, id)?.is_none() {
                return Ok(None);
            }
            let find = |most| Ok(webhook_deliveries::page(connection, id, state, before, most)?);
            Page::read(limit, find, |delivery| delivery.named.event_id).map(Some)
        })
        .await
}

/// Finds one message to an endpoint.
pub async fn delivery(core: &Arc<Core>, id: WebhookId, event_id: AuditEventId) -> Result<Option<Delivery>, Fault> {
    core.db
        .read("webhooks.delivery", move |connection| {
            webhook_deliveries::find(connection, id, event_id).map_err(Fault::from)
        })
        .await
}

/// Why nothing is sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// There is no such endpoint.
    Unknown,
    /// It is disabled.
    Disabled,
}

/// Finds an endpoint that gets messages.
fn find_enabled(tx: &mut Tx<'_>, id: WebhookId) -> Result<Result<Webhook, Idle>, Fault> {
    let found = webhooks::find_for_update(tx.connection, id)?;
    Ok(match found {
        None => Err(Idle::Unknown),
        Some(webhook) if webhook.state == WebhookState::Disabled => Err(Idle::Disabled),
        Some(webhook) => Ok(webhook),
    })
}

/// Sends one message to an endpoint, to try it. It is sent as every other one; [`delivery`] says what came of it.
pub async fn test(
    core: &Arc<Core>,
    operator: &Operator,
    id: WebhookId,
) -> Result<Result<Result<Delivery, Idle>, AdminRefusal>, Fault> {
    let author = operator.clone();
    change_deployment(core, operator, "webhooks.test", move |tx| {
        if let Err(idle) = find_enabled(tx, id)? {
            return Ok((Err(idle), None));
        }
        let event_id = tx.event_id();
        let event = event_of(EventName::WebhookTested, id).by(author.id());
        let named = DeliveryRef {
            webhook_id: id,
            event_id,
            subject_id: event.subject(event_id),
            occurred_at: tx.now,
            event_type: TEST.to_owned(),
        };
        // The message is made of this row, so it has to be known before it is written.
        tx.audit_named(vec![(event_id, event)])?;
        webhook_deliveries::write_test(tx.connection, &named, Span::from(tx.now))?;
        let delivery = webhook_deliveries::find(tx.connection, id, event_id)?;
        Ok((delivery.ok_or(Idle::Unknown), None))
    })
    .await
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many messages are sent again.
    pub messages: usize,
    /// The time since which another replay has to continue, if there are more events than one sends.
    pub continue_since: Option<DateTime<Utc>>,
}

/// The result of a replay.
#[must_use]
pub enum Replay {
    /// The messages wait to be sent.
    Begun(Replayed),
    /// The endpoint gets no messages.
    Idle(Idle),
    /// The time breaks a rule.
    Invalid(InvalidInput),
    /// The operator may not send messages.
    Refused(AdminRefusal),
}

/// Sends the events since a time again, as far as an endpoint asks for them. Messages keep their ids. Those that are
/// pending anyway are not doubled, so a replay that was interrupted can be repeated.
pub async fn replay(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: WebhookId,
    since: DateTime<Utc>,
) -> Result<Replay, Fault> {
    if let Err(wanted) = check_since(since, core.clock.now()) {
        return Ok(Replay::Invalid(InvalidInput::of("/since", wanted)));
    }
    let begun = change_deployment(core, operator, "webhooks.replay", move |tx| {
        let found = find_enabled(tx, id)?;
        let event = found.is_ok().then(|| event_of(EventName::WebhookReplayed, id));
        Ok((found, event))
    })
    .await?;
    let webhook = match begun {
        Ok(Ok(webhook)) => Arc::new(webhook),
        Ok(Err(idle)) => return Ok(Replay::Idle(idle)),
        Err(refusal) => return Ok(Replay::Refused(refusal)),
    };
    let mut replayed = Replayed {
        messages: 0,
        continue_since: None,
    };
    let (mut read, mut after) = (0, None);
    while read < MOST_REPLAYED {
        let batch = replay_batch(core, operator, &webhook, (since, after)).await?;
        read += batch.read;
        replayed.messages += batch.written;
        let Some(last) = batch.last.filter(|_| batch.read == REPLAYED_AT_ONCE) else {
            return Ok(Replay::Begun(replayed));
        };
        after = Some(last);
        replayed.continue_since = (read >= MOST_REPLAYED).then(|| made_at(last.uuid()));
    }
    Ok(Replay::Begun(replayed))
}

/// What one transaction of a replay did.
struct Batch {
    read: usize,
    written: usize,
    last: Option<AuditEventId>,
}

async fn replay_batch(
    core: &Arc<Core>,
    operator: &Operator,
    webhook: &Arc<Webhook>,
    (since, after): (DateTime<Utc>, Option<AuditEventId>),
) -> Result<Batch, Fault> {
    let webhook = Arc::clone(webhook);
    // The time of an id decides, which is in the order of the pages; that of the request, which is earlier, leaves out
    // partitions.
    let filter = EventFilter {
        since: Some(since - EVENT_AFTER_REQUEST),
        ..EventFilter::default()
    };
    // What is committed later is written for the endpoint anyway.
    let end = AuditEventId::from_uuid(Uuid::max());
    // Ids begin with the time.
    let after = after.or_else(|| Some(AuditEventId::from_uuid(least_of(since))));
    core.transaction("webhooks.replay_batch", operator.origin().clone(), move |tx| {
        let most = i64::try_from(REPLAYED_AT_ONCE).unwrap_or(i64::MAX);
        let rows = audit_events::between(tx.connection, &filter, (after, end), most)?;
        let told: Vec<ToldEvent> = rows
            .iter()
            .filter_map(|row| {
                let event_type = AccountEventType::of_recorded(row)?;
                webhook.asks_for(event_type).then_some(ToldEvent {
                    id: row.id,
                    subject_id: row.user_id?.uuid(),
                    occurred_at: row.occurred_at,
                    event_type,
                })
            })
            .collect();
        Ok(Batch {
            read: rows.len(),
            written: webhook_deliveries::write_again(tx.connection, webhook.id, &told, Span::from(tx.now))?,
            last: rows.last().map(|row| row.id),
        })
    })
    .await
}
