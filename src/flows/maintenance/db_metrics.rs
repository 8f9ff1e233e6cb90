//! Metrics of the database: the outbox, the messages to endpoints and the signing keys, by number and age.
//!
//! A job of every instance reads them every few seconds, so that no scrape waits for the database.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::delivery::Sender;
use crate::domain::message::{Channel, MessageState};
use crate::domain::signing_key::{KeyState, ListedKey};
use crate::domain::webhook::DeliveryState;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::outbox::Tally;
use crate::store::{outbox, signing_keys, webhook_deliveries};

/// Reads the database and sets the metrics.
pub async fn update(core: &Arc<Core>) -> Result<(), Fault> {
    let looked = core
        .db
        .read("db_metrics.update", |connection| -> Result<_, Fault> {
            let of_webhooks = |state| webhook_deliveries::tally(connection, state);
            let webhooks = [DeliveryState::Pending, DeliveryState::Dead].map(of_webhooks);
            Ok((outbox::tally(connection)?, webhooks, signing_keys::list(connection)?))
        })
        .await;
    metrics::database_up(looked.is_ok());
    let (tallies, [pending, dead], keys) = looked?;
    let (pending, dead) = (pending?, dead?);
    let now = core.clock.now();
    let oldest = pending.oldest.map_or(0, |oldest| (now - oldest).num_seconds());
    metrics::webhook_messages(pending.number, dead.number, oldest);
    for channel in Channel::ALL {
        show_outbox(core, channel, &tallies, now);
    }
    for state in KeyState::ALL {
        show_keys(state, &keys, now);
    }
    Ok(())
}

fn show_outbox(core: &Core, channel: Channel, tallies: &[Tally], now: DateTime<Utc>) {
    let find = |dead| {
        tallies
            .iter()
            .find(|tally| tally.channel == channel && tally.dead == dead)
    };
    let (waiting, dead) = (find(false), find(true));
    let number = |tally: Option<&Tally>| tally.map_or(0, |tally| tally.number);
    metrics::messages(channel.as_str(), MessageState::Pending.as_str(), number(waiting));
    metrics::messages(channel.as_str(), MessageState::Dead.as_str(), number(dead));
    let oldest = waiting.map_or(0, |tally| (now - tally.oldest).num_seconds());
    let overdue = overdue(core, channel, tallies, now).num_seconds();
    metrics::outbox_ages(channel.as_str(), oldest, overdue);
}

/// Returns for how long a message of a channel has been due without being tried. In development messages are captured,
/// and none is tried.
pub(in crate::flows) fn overdue(core: &Core, channel: Channel, tallies: &[Tally], now: DateTime<Utc>) -> TimeDelta {
    let mut waiting = tallies.iter().filter(|tally| tally.channel == channel && !tally.dead);
    match (core.senders.of(channel), waiting.next()) {
        (Sender::Transport(_), Some(tally)) => (now - tally.due).max(TimeDelta::zero()),
        _ => TimeDelta::zero(),
    }
}

fn show_keys(state: KeyState, keys: &[ListedKey], now: DateTime<Utc>) {
    let here: Vec<&ListedKey> = keys.iter().filter(|key| key.state == state).collect();
    metrics::signing_keys(state.as_str(), here.len());
    // A retired key is deleted with the last token that it signed, so its age says nothing.
    if let Some(key) = here.first().filter(|_| state != KeyState::Retired) {
        let since = key.activated_at.unwrap_or(key.created_at);
        metrics::signing_key_age(state.as_str(), (now - since).num_seconds());
    }
}
