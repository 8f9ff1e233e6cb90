//! The time that limits count in: it never runs backwards.
//!
//! The service's clock may be set back, by hand or by a time server. A limit that used it directly would refuse every
//! request until the clock has caught up. Here a step back counts as no time, and counting continues from there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::clock::Clock;

/// After this long every quota is full again. A test moves the clock by centuries, which would overflow the sum below.
const LONGEST_STEP: Duration = Duration::from_hours(24);

/// Time since the limits were made.
#[derive(Clone)]
pub(super) struct Elapsed {
    clock: Arc<dyn Clock>,
    reading: Arc<Mutex<Reading>>,
}

struct Reading {
    at: DateTime<Utc>,
    elapsed: Duration,
}

impl Elapsed {
    /// Begins at zero.
    pub(super) fn since_now(clock: Arc<dyn Clock>) -> Self {
        let reading = Reading {
            at: clock.now(),
            elapsed: Duration::ZERO,
        };
        Self {
            clock,
            reading: Arc::new(Mutex::new(reading)),
        }
    }
}

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that readings are in order.
        let now = self.clock.now();
        let passed = (now - reading.at).to_std().unwrap_or_default().min(LONGEST_STEP);
        reading.elapsed += passed;
        reading.at = now;
        reading.elapsed
    }
}
