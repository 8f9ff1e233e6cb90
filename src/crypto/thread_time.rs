//! How long a thread was ready to run and did not: the clock on the wall minus the processor time of the thread.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment of the calling thread.
pub(super) struct ThreadTime {
    on_the_wall: Duration,
    of_the_thread: Duration,
}

impl ThreadTime {
    /// Reads both clocks.
    pub(super) fn now() -> Self {
        Self {
            on_the_wall: read(ClockId::Monotonic),
            of_the_thread: read(ClockId::ThreadCPUTime),
        }
    }

    /// Returns for how long the thread did not run since this moment.
    pub(super) fn waited(&self) -> Duration {
        let now = Self::now();
        let passed = now.on_the_wall.saturating_sub(self.on_the_wall);
        passed.saturating_sub(now.of_the_thread.saturating_sub(self.of_the_thread))
    }
}

fn read(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let whole = Duration::from_secs(u64::try_from(tv_sec).unwrap_or_default());
    whole + Duration::from_nanos(u64::try_from(tv_nsec).unwrap_or_default())
}
