//! The machine's clock and random number generator, which are injected in production.

use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::api::state::MovableClock;
use crate::domain::clock::Clock;
use crate::domain::random::Random;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that is injected everywhere else"
        )]
        let now = Utc::now();
        now.trunc_subsecs(6)
    }
}

/// The machine's clock, which a developer can move forward. For development only.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    offset_seconds: AtomicI64,
}

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.offset()
    }
}

impl MovableClock for ShiftedClock {
    fn advance(&self, by: TimeDelta) {
        self.offset_seconds.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }

    fn offset(&self) -> TimeDelta {
        TimeDelta::seconds(self.offset_seconds.load(Ordering::Relaxed))
    }
}

/// The operating system's generator, through the cryptographic provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Random for SystemRandomness {
    fn fill(&self, destination: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "there is no safe way to continue without randomness (ASVS 11.5.2)"
        )]
        SystemRandom::new()
            .fill(destination)
            .expect("the operating system provides randomness");
    }
}
