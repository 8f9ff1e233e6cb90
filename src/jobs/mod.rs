//! What is done without being asked, by every instance alike; the database decides who wins.

use std::sync::Arc;
use std::time::Duration;

use crate::flows::{Core, signing_keys};

/// How often the signing keys are looked at: a rotation is followed by every instance within ten seconds.
const KEYS_EVERY: Duration = Duration::from_secs(5);

/// Tends the signing keys for as long as it is polled.
pub async fn tend_signing_keys(core: Arc<Core>) -> ! {
    let mut ticks = tokio::time::interval(KEYS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(fault) = signing_keys::tend(&core).await {
            tracing::warn!(error = %fault, "the signing keys could not be looked at; the ones in memory stay in use");
        }
    }
}
