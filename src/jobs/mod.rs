//! What is done without being asked, by every instance alike; the database decides who wins.
//!
//! A job comes to rest between two pieces of work when the process stops: a mail that is half handed over would be sent
//! once more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::message::Channel;
use crate::flows::{Core, db_metrics, outbox, retention, signing_keys};
use crate::metrics;

/// How often the signing keys are looked at: a rotation is followed by every instance within ten seconds.
const KEYS_EVERY: Duration = Duration::from_secs(5);
/// How often the outbox is looked at: somebody is waiting for a code.
const OUTBOX_EVERY: Duration = Duration::from_secs(1);

/// How often what is of no use any more is looked for, and how long to rest between batches of it.
const RETENTION_EVERY: Duration = Duration::from_mins(10);
const RETENTION_PAUSE: Duration = Duration::from_millis(200);

/// How often what operators see of the database is looked at.
const DB_METRICS_EVERY: Duration = Duration::from_secs(10);

/// Tells jobs that the process stops.
pub type Stopping = watch::Receiver<bool>;

/// Does all jobs until the process stops.
pub async fn run(core: Arc<Core>, stopping: Stopping) {
    tokio::join!(
        tend_signing_keys(&core, stopping.clone()),
        deliver(&core, Channel::Email, stopping.clone()),
        deliver(&core, Channel::Sms, stopping.clone()),
        delete_expired(&core, stopping.clone()),
        update_db_metrics(&core, stopping),
    );
}

async fn tend_signing_keys(core: &Arc<Core>, mut stopping: Stopping) {
    loop {
        match signing_keys::tend(core).await {
            Ok(()) => done(core, "signing_keys"),
            Err(fault) => {
                tracing::warn!(error = %fault, "the signing keys could not be looked at; the ones in memory stay in use");
            }
        }
        if stops_within(&mut stopping, KEYS_EVERY).await {
            return;
        }
    }
}

/// Sends what is due, each channel by itself: a mail server that is slow holds no text message up.
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
                tracing::warn!(error = %fault, channel = channel.as_str(), "the outbox could not be looked at");
                KEYS_EVERY
            }
        };
        if stops_within(&mut stopping, pause).await {
            return;
        }
    }
}

/// Deletes what is of no use any more, a little at a time.
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

/// Looks at what the database holds, for operators.
async fn update_db_metrics(core: &Arc<Core>, mut stopping: Stopping) {
    loop {
        match db_metrics::update(core).await {
            Ok(()) => done(core, "db_metrics"),
            Err(fault) => tracing::debug!(error = %fault, "what operators see of the database could not be looked at"),
        }
        if stops_within(&mut stopping, DB_METRICS_EVERY).await {
            return;
        }
    }
}

/// Notes that a job came to its end, so that one that does not any more is seen.
fn done(core: &Core, job: &'static str) {
    metrics::job_done(job, core.clock.now().timestamp());
}

/// Waits, and tells whether the process stops meanwhile.
pub(crate) async fn stops_within(stopping: &mut Stopping, pause: Duration) -> bool {
    tokio::select! {
        biased;
        // The sender goes with the process.
        _ = stopping.wait_for(|stops| *stops) => true,
        () = tokio::time::sleep(pause) => false,
    }
}
