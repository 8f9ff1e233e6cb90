//! Background jobs. Every instance runs all of them; the database decides which instance does a piece of work.
//!
//! When the process stops, a job finishes its current piece of work: a mail whose handover was interrupted would be
//! sent again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::message::Channel;
use crate::flows::Core;
use crate::flows::maintenance::db_metrics;
use crate::flows::maintenance::retention;
use crate::flows::maintenance::signing_keys;
use crate::flows::notify::outbox;
use crate::flows::webhooks::WebhookSender;
use crate::metrics;

/// How often the signing keys are read: all instances follow a rotation within ten seconds.
const KEYS_EVERY: Duration = Duration::from_secs(5);
/// How often the outbox is read: users are waiting for codes.
const OUTBOX_EVERY: Duration = Duration::from_secs(1);

/// How often messages to endpoints are looked for while none of them ends.
const WEBHOOKS_EVERY: Duration = Duration::from_secs(1);
/// The pause after one of them ended: others end soon, and their places are then filled by one look.
const WEBHOOKS_PAUSE: Duration = Duration::from_millis(20);

/// How often expired rows are looked for, and the pause between batches.
const RETENTION_EVERY: Duration = Duration::from_mins(10);
const RETENTION_PAUSE: Duration = Duration::from_millis(200);

/// How often the metrics of the database are updated.
const DB_METRICS_EVERY: Duration = Duration::from_secs(10);

/// Notifies jobs that the process stops.
pub type Stopping = watch::Receiver<bool>;

/// Runs all jobs until the process stops.
pub async fn run(core: Arc<Core>, stopping: Stopping) {
    tokio::join!(
        tend_signing_keys(&core, stopping.clone()),
        deliver(&core, Channel::Email, stopping.clone()),
        deliver(&core, Channel::Sms, stopping.clone()),
        send_webhooks(&core, stopping.clone()),
        delete_expired(&core, stopping.clone()),
        update_db_metrics(&core, stopping),
    );
}

async fn tend_signing_keys(core: &Arc<Core>, mut stopping: Stopping) {
    loop {
        match signing_keys::tend(core).await {
            Ok(()) => done(core, "signing_keys"),
            Err(fault) => {
                tracing::warn!(error = %fault, "the signing keys could not be read; the ones in memory stay in use");
            }
        }
        if stops_within(&mut stopping, KEYS_EVERY).await {
            return;
        }
    }
}

/// Sends due messages, each channel by itself, so that a slow mail server delays no text messages.
async fn deliver(core: &Arc<Core>, channel: Channel, mut stopping: Stopping) {
    let job = match channel {
        Channel::Email => "outbox_email",
        Channel::Sms => "outbox_sms",
    };
    loop {
        let delivered = outbox::deliver_due(core, channel).await;
        if delivered.is_ok() {
            done(core, job);
        }
        let pause = match delivered {
            Ok(0) => OUTBOX_EVERY,
            Ok(_) => Duration::ZERO,
            Err(fault) => {
                tracing::warn!(error = %fault, channel = channel.as_str(), "the outbox could not be read");
                KEYS_EVERY
            }
        };
        if stops_within(&mut stopping, pause).await {
            return;
        }
    }
}

/// Sends messages to endpoints. A slow endpoint delays neither the look for further messages nor those of others.
async fn send_webhooks(core: &Arc<Core>, mut stopping: Stopping) {
    let mut sender = WebhookSender::new(Arc::clone(core));
    loop {
        let pause = match sender.begin_due().await {
            Ok(_begun) => {
                done(core, "webhooks");
                WEBHOOKS_EVERY
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "the messages to endpoints could not be read");
                KEYS_EVERY
            }
        };
        if sends_until_one_ends(&mut sender, &mut stopping, pause).await {
            sender.all_done().await;
            return;
        }
    }
}

/// Sends until a message ends or the pause is over, and returns whether the process stops.
async fn sends_until_one_ends(sender: &mut WebhookSender, stopping: &mut Stopping, pause: Duration) -> bool {
    let stops = tokio::select! {
        biased;
        stops = stops_within(stopping, pause) => return stops,
        () = sender.one_done() => stops_within(stopping, WEBHOOKS_PAUSE),
    };
    let others = async {
        loop {
            sender.one_done().await;
        }
    };
    tokio::select! {
        biased;
        stops = stops => stops,
        () = others => false,
    }
}

/// Deletes expired rows, one batch after the other.
async fn delete_expired(core: &Arc<Core>, mut stopping: Stopping) {
    loop {
        let pause = match retention::delete_expired(core).await {
            Ok(0) => {
                done(core, "retention");
                RETENTION_EVERY
            }
            Ok(_) => RETENTION_PAUSE,
            Err(fault) => {
                tracing::warn!(error = %fault, "old rows could not be deleted");
                RETENTION_EVERY
            }
        };
        if stops_within(&mut stopping, pause).await {
            return;
        }
    }
}

/// Updates the metrics of the database.
async fn update_db_metrics(core: &Arc<Core>, mut stopping: Stopping) {
    loop {
        match db_metrics::update(core).await {
            Ok(()) => done(core, "db_metrics"),
            Err(fault) => tracing::debug!(error = %fault, "the metrics of the database could not be updated"),
        }
        if stops_within(&mut stopping, DB_METRICS_EVERY).await {
            return;
        }
    }
}

/// Records that a job has finished a run, so that one that does not any longer is noticed.
fn done(core: &Core, job: &'static str) {
    metrics::job_done(job, core.clock.now().timestamp());
}

/// Waits, and returns whether the process stops in the meantime.
pub(crate) async fn stops_within(stopping: &mut Stopping, pause: Duration) -> bool {
    tokio::select! {
        biased;
        // The watch sender is dropped when the process stops.
        _ = stopping.wait_for(|stops| *stops) => true,
        () = tokio::time::sleep(pause) => false,
    }
}
