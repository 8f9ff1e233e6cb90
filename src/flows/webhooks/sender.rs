//! Sends messages to endpoints, as far as an instance has places for them.
//!
//! Each message is sent at least once: a sender that dies between sending a message and reporting it sends it again,
//! under the same id. The order is not that of the events. Nothing that requests need is held while a message is sent.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::message;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::ids::WebhookId;
use crate::domain::policy::numbers::{WEBHOOK_LEASE, WEBHOOK_LIMIT};
use crate::domain::webhook::{GONE, Places, Verdict, back_off};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, reports};
use crate::metrics;
use crate::outbound::Limits;
use crate::store::PgConnection;
use crate::store::webhook_deliveries::{self, TakenDelivery, Told};
use crate::store::webhooks::{self, StoredWebhook};

/// The most characters of an error that are stored.
const LONGEST_ERROR: usize = 200;
/// The reason in the audit trail of an endpoint that is disabled by its own answer.
const GONE_REASON: &str = "gone";

/// A message that is being sent ends with its endpoint, whose place it had.
type UnderWay = BoxFuture<'static, (WebhookId, Result<(), Fault>)>;

/// Sends the messages of one instance.
pub struct WebhookSender {
    core: Arc<Core>,
    places: Places,
    under_way: FuturesUnordered<UnderWay>,
}

impl WebhookSender {
    /// Makes a sender, without sending anything yet.
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            places: Places::default(),
            under_way: FuturesUnordered::new(),
        }
    }

    /// Takes messages that are due and have a place, and begins to send them. Returns how many.
    ///
    /// # Errors
    ///
    /// Returns faults of the database.
    pub async fn begin_due(&mut self) -> Result<usize, Fault> {
        let (now, places) = (self.core.clock.now(), self.places.clone());
        let (places, taken) = self
            .core
            .db
            .transaction("webhooks.take", move |connection| take(connection, places.clone(), now))
            .await?;
        self.places = places;
        let begun = taken.len();
        for (endpoint, delivery) in taken {
            let core = Arc::clone(&self.core);
            let ended = async move {
                let id = endpoint.webhook.id;
                (id, deliver(&core, endpoint, delivery).await)
            };
            self.under_way.push(ended.boxed());
        }
        Ok(begun)
    }

    /// Waits until one message is sent, or is not. Never ends if none is being sent.
    pub async fn one_done(&mut self) {
        match self.under_way.next().await {
            Some((id, reported)) => {
                self.places.give_back(id);
                if let Err(fault) = reported {
                    tracing::warn!(webhook_id = %id.uuid(), error = %fault, "a message to an endpoint may be sent again");
                }
            }
            None => pending().await,
        }
    }

    /// Waits until all messages are sent, or are not.
    pub async fn all_done(&mut self) {
        while !self.under_way.is_empty() {
            self.one_done().await;
        }
    }
}

type Taken = Vec<(Arc<StoredWebhook>, TakenDelivery)>;

/// Takes what is due and has a place. An instance of a deployment without endpoints has one statement.
fn take(connection: &mut PgConnection, mut places: Places, now: DateTime<Utc>) -> Result<(Places, Taken), Fault> {
    let endpoints: BTreeMap<WebhookId, Arc<StoredWebhook>> = webhooks::list_enabled(connection)?
        .into_iter()
        .map(|endpoint| (endpoint.webhook.id, Arc::new(endpoint)))
        .collect();
    let rooms = endpoints.keys().map(|id| (*id, places.room(*id)));
    let rooms: Vec<(WebhookId, usize)> = rooms.filter(|(_id, room)| *room > 0).collect();
    if rooms.is_empty() {
        return Ok((places, Vec::new()));
    }
    let due = webhook_deliveries::find_due(connection, &rooms, now)?;
    let due = places.take(due, |due| due.webhook_id);
    if due.is_empty() {
        return Ok((places, Vec::new()));
    }
    let taken = webhook_deliveries::take(connection, &due, now + WEBHOOK_LEASE)?;
    let with_endpoint = |delivery: TakenDelivery| {
        let endpoint = endpoints.get(&delivery.named.webhook_id)?;
        Some((Arc::clone(endpoint), delivery))
    };
    Ok((places, taken.into_iter().filter_map(with_endpoint).collect()))
}

/// A message with the result of a try.
struct Tried {
    endpoint: Arc<StoredWebhook>,
    delivery: TakenDelivery,
    told: Told,
    verdict: Verdict,
    is_gone: bool,
}

async fn deliver(core: &Arc<Core>, endpoint: Arc<StoredWebhook>, delivery: TakenDelivery) -> Result<(), Fault> {
    let answered = try_to_send(core, &endpoint, &delivery).await;
    let status = answered.as_ref().ok().copied();
    let next_try_at = core.clock.now() + back_off(delivery.attempts, core.random.as_ref());
    let verdict = Verdict::of(status, next_try_at, delivery.expires_at);
    let error = match &answered {
        _ if verdict == Verdict::Delivered => None,
        Ok(status) => Some(format!("it answered {status}")),
        Err(why) => Some(why.chars().take(LONGEST_ERROR).collect()),
    };
    let tried = Tried {
        told: Told {
            status: status.map(i32::from),
            error,
        },
        is_gone: status == Some(GONE),
        endpoint,
        delivery,
        verdict,
    };
    log(&tried);
    reports::write_down(core, "webhooks.report", move |tx| report(tx, &tried)).await
}

/// Returns the status of the answer, or why there is none.
async fn try_to_send(core: &Arc<Core>, endpoint: &Arc<StoredWebhook>, delivery: &TakenDelivery) -> Result<u16, String> {
    let (asked, wanted, begun_at) = (Arc::clone(endpoint), delivery.clone(), core.clock.now());
    let material = core
        .db
        .read("webhooks.read", move |connection| {
            message::read(connection, &asked, &wanted)
        })
        .await
        .map_err(|fault| fault.to_string())?
        .ok_or("its event is not in the audit trail any longer")?;
    let request = message::sign(core, (endpoint, delivery), material, begun_at).map_err(|fault| fault.to_string())?;
    let request = request.ok_or("its event is of an unknown kind")?;
    let limits = Limits {
        time: WEBHOOK_LIMIT,
        // What it says beside the status is not for this program.
        most_bytes: None,
    };
    let answer = core
        .webhook_calls
        .post(&endpoint.webhook.url, request.headers, request.body, limits)
        .await;
    Ok(answer.map_err(|fault| fault.to_string())?.status)
}

fn log(tried: &Tried) {
    let (webhook_id, event_id) = (tried.endpoint.webhook.id.uuid(), tried.delivery.named.event_id.uuid());
    let (attempts, why) = (tried.delivery.attempts, tried.told.error.as_deref());
    match tried.verdict {
        Verdict::GivenUp => {
            tracing::warn!(%webhook_id, %event_id, attempts, why, "a message to an endpoint was given up");
        }
        Verdict::Delivered | Verdict::TriedAgain(_) => {
            tracing::debug!(%webhook_id, %event_id, attempts, why, "a message to an endpoint was tried");
        }
    }
}

fn report(tx: &mut Tx<'_>, tried: &Tried) -> Result<(), Fault> {
    let Tried { delivery, told, .. } = tried;
    metrics::webhook_delivery(if tried.is_gone {
        GONE_REASON
    } else {
        tried.verdict.word()
    });
    match tried.verdict {
        Verdict::Delivered => webhook_deliveries::deliver(tx.connection, delivery, told, tx.now)?,
        Verdict::TriedAgain(moment) => webhook_deliveries::postpone(tx.connection, delivery, told, moment)?,
        Verdict::GivenUp => webhook_deliveries::give_up(tx.connection, delivery, told, tx.now)?,
    };
    if tried.is_gone
        && webhooks::disable_gone(
            tx.connection,
            delivery.named.webhook_id,
            &tried.endpoint.webhook.url,
            tx.now,
        )?
    {
        tracing::warn!(webhook_id = %delivery.named.webhook_id.uuid(), "an endpoint answered 410, and is disabled: its messages wait until it is enabled");
        let event = AuditEvent::of_deployment(EventName::WebhookUpdated).about_webhook(delivery.named.webhook_id);
        tx.audit(&[event.because(GONE_REASON)])?;
    }
    Ok(())
}
