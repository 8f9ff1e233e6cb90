//! The clock, which tests of this crate advance.

#[cfg(test)]
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time, for what is cached and for what is signed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    #[cfg(test)]
    ahead: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    /// Returns the seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (since + self.ahead()).as_secs()
    }

    #[cfg(not(test))]
    const fn ahead(&self) -> Duration {
        Duration::ZERO
    }

    #[cfg(test)]
    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead
            .fetch_add(by.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }
}
