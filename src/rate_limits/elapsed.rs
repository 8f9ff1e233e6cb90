//! The time that limits count in: it never runs backwards.
//!
//! The service's clock may be set back, by hand or by a time server. A limit that believed it would refuse everybody until the
//! clock has caught up; here a step back is no time at all, and time goes on from there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::clock::Clock;

/// After so long every quota is whole again. A test moves the clock by centuries, which the sum below could not hold.
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
        // Read while it is held: readings are in order.
        let now = self.clock.now();
        let passed = (now - reading.at).to_std().unwrap_or_default().min(LONGEST_STEP);
        reading.elapsed += passed;
        reading.at = now;
        reading.elapsed
    }
}
