//! One policy with a count for each key, in bounded memory.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use governor::clock::Clock;
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::elapsed::Elapsed;
use super::{QuotaPolicy, Remaining};

/// The maximum number of keys that one policy remembers.
pub(super) const MOST_KEYS: usize = 50_000;

/// Counts by key (the generic cell rate algorithm: a burst of the whole quota, which refills evenly over the window).
pub(super) struct Limiter<K: Hash + Eq + Clone> {
    policy: QuotaPolicy,
    limiter: RateLimiter<K, Bounded<K>, Elapsed, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Makes a limiter that allows `factor` times the quota of the policy.
    pub(super) fn new(policy: QuotaPolicy, factor: u32, elapsed: &Elapsed) -> Self {
        let allowed = NonZeroU32::new(policy.quota * factor).unwrap_or(NonZeroU32::MIN);
        let each = Duration::from_secs(policy.window.into()) / allowed.get();
        let quota = Quota::with_period(each).map_or(Quota::per_second(allowed), |quota| quota.allow_burst(allowed));
        let policy = QuotaPolicy {
            quota: allowed.get(),
            ..policy
        };
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Duration>>::new(quota, Bounded::default(), elapsed.clone());
        Self {
            policy,
            limiter: limiter.with_middleware(),
        }
    }

    /// Counts a request. Refused requests do not count, so they do not prolong a wait.
    pub(super) fn check(&self, key: &K) -> Result<Remaining, (Remaining, TimeDelta)> {
        let left = |remaining, reset| Remaining {
            policy: self.policy,
            remaining,
            reset,
        };
        match self.limiter.check_key(key) {
            Ok(state) => {
                let used = self.policy.quota.saturating_sub(state.remaining_burst_capacity());
                let until_full = state.quota().replenish_interval() * used;
                Ok(left(state.remaining_burst_capacity(), seconds(until_full)))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                let reset = seconds(wait);
                Err((left(0, reset), TimeDelta::seconds(reset)))
            }
        }
    }
}

/// Rounded up, so that a client that retries at that second is not refused again.
fn seconds(duration: Duration) -> i64 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// Forgets all keys when there are too many. Each sender then gets one more quota, which is little compared to what so
/// many senders have together.
struct Bounded<K>(HashMapStateStore<K>);

impl<K: Hash + Eq + Clone> Default for Bounded<K> {
    fn default() -> Self {
        Self(HashMapStateStore::default())
    }
}

impl<K: Hash + Eq + Clone> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        {
            let mut known = self.0.lock();
            if known.len() >= MOST_KEYS && !known.contains_key(key) {
                known.clear();
            }
        }
        self.0.measure_and_replace(key, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_for_any_traffic() {
        let store = Bounded::default();
        let count = |key: usize| store.measure_and_replace(&key, |_before| Ok::<_, ()>(((), Nanos::new(1))));
        for key in 0..=MOST_KEYS {
            count(key).unwrap();
        }
        assert_eq!(store.0.lock().len(), 1);
        count(MOST_KEYS).unwrap();
        assert_eq!(store.0.lock().len(), 1);
    }
}
