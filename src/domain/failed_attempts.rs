//! Consecutive wrong proofs, and how long their source has to wait.
//!
//! A client that may try for ever guesses six digits in the end (RFC 4226 §7.3). From the fifth wrong proof on, nothing
//! is checked for a while, and the wait doubles each time. Attempts during the wait change nothing: if they prolonged
//! the lock, a stranger could lock the owner out for good (NIST SP 800-63B-4 §3.2.2).
//!
//! Waiting alone does not stop an attacker who has years. A hundred consecutive wrong proofs, however slow, disable the
//! authenticator.

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::numbers::{BackoffPolicy, MAX_CONSECUTIVE_FAILURES};

/// The audit trail's name for the count of one network.
pub const FROM_NETWORK: &str = "from_network";
/// The audit trail's name for the count of all networks together.
pub const ANYWHERE: &str = "from_anywhere";
/// The audit trail's name for the count of one session.
pub const IN_SESSION: &str = "in_session";

/// Returns whether so many consecutive wrong proofs disable the authenticator.
pub const fn limit_reached(consecutive: i32) -> bool {
    consecutive >= MAX_CONSECUTIVE_FAILURES
}

impl BackoffPolicy {
    /// Returns the wait after `count` wrong proofs.
    pub fn cost(&self, count: i32) -> Option<TimeDelta> {
        let beyond = u32::try_from(count - self.free - 1).ok()?;
        // Seven doublings reach the longest wait of every policy.
        let seconds = self.first_wait << beyond.min(7);
        Some(TimeDelta::seconds(seconds.min(self.longest_wait)))
    }

    /// Returns the time before which a wrong proof is forgotten.
    pub fn remembers_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.forgotten_after
    }
}

/// The consecutive wrong proofs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedAttempts {
    /// How many there are.
    pub count: i32,
    /// When the last of them was.
    pub last_at: Option<DateTime<Utc>>,
    /// Until then, nothing is checked.
    pub locked_until: Option<DateTime<Utc>>,
}

impl FailedAttempts {
    /// Returns how long the source still has to wait; `None` if it may try.
    pub fn wait(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let wait = self.locked_until? - now;
        (wait > TimeDelta::zero()).then_some(wait)
    }

    /// Counts one more.
    #[must_use]
    pub fn with_one_more(self, policy: BackoffPolicy, now: DateTime<Utc>) -> Self {
        let fresh = self
            .last_at
            .is_some_and(|last_at| last_at > policy.remembers_since(now));
        let count = if fresh { self.count.saturating_add(1) } else { 1 };
        Self {
            count,
            last_at: Some(now),
            locked_until: policy.cost(count).map(|wait| now + wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: BackoffPolicy = BackoffPolicy::CODES_FROM_NETWORK;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_366_400 + seconds, 0).unwrap()
    }

    /// Gives wrong proofs, each as soon as allowed, and returns the waits.
    fn waits(times: usize) -> Vec<i64> {
        let mut now = at(0);
        let mut attempts = FailedAttempts::default();
        let mut waits = Vec::new();
        for _ in 0..times {
            attempts = attempts.with_one_more(POLICY, now);
            let wait = attempts.wait(now).map_or(0, |wait| wait.num_seconds());
            now += TimeDelta::seconds(wait);
            waits.push(wait);
        }
        waits
    }

    #[test]
    fn four_are_free_and_then_each_wait_doubles_up_to_an_hour() {
        assert_eq!(
            waits(14),
            [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
        );
    }

    #[test]
    fn many_networks_together_get_twenty_and_then_wait_up_to_a_quarter_of_an_hour() {
        let policy = BackoffPolicy::PASSWORD_FROM_ANYWHERE;
        let costs: Vec<i64> = (19..=26)
            .map(|count| policy.cost(count).map_or(0, |wait| wait.num_seconds()))
            .collect();
        assert_eq!(costs, [0, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn a_quiet_day_restarts_the_count() {
        let mut attempts = FailedAttempts::default();
        for _ in 0..4 {
            attempts = attempts.with_one_more(POLICY, at(0));
        }
        assert_eq!(attempts.count, 4);
        assert_eq!(attempts.with_one_more(POLICY, at(86_399)).count, 5);
        assert_eq!(attempts.with_one_more(POLICY, at(86_400)).count, 1);
    }

    /// Guesses as soon as allowed until the limit is reached, while the owner gives right proofs now and then. Returns
    /// how long that took, and how many wrong proofs there were since the last right one.
    fn until_over(policy: BackoffPolicy, owner_comes_every: Option<i64>, days: i64) -> (Option<TimeDelta>, i32) {
        let (mut now, mut attempts, mut consecutive) = (at(0), FailedAttempts::default(), 0);
        let mut owner_comes = owner_comes_every.map(at);
        let mut most = 0;
        while now < at(days * 86_400) {
            attempts = attempts.with_one_more(policy, now);
            consecutive += 1;
            most = most.max(consecutive);
            if limit_reached(consecutive) {
                return (Some(now - at(0)), most);
            }
            now += attempts.wait(now).unwrap_or_default();
            if let (Some(due), Some(every)) = (owner_comes, owner_comes_every)
                && due <= now
            {
                consecutive = 0;
                owner_comes = Some(now + TimeDelta::seconds(every));
            }
        }
        (None, most)
    }

    #[test]
    fn strangers_need_most_of_a_day_to_end_a_password_and_more_than_three_days_to_end_codes() {
        let hours = |policy| until_over(policy, None, 30).0.unwrap().num_hours();
        assert_eq!(hours(BackoffPolicy::PASSWORD_FROM_ANYWHERE), 19);
        assert_eq!(hours(BackoffPolicy::CODES_FROM_NETWORK), 89);
        assert_eq!(hours(BackoffPolicy::CODES_FROM_ANYWHERE), 84);
        assert_eq!(hours(BackoffPolicy::IN_SESSION), 89);
    }

    #[test]
    fn many_networks_together_get_ten_codes_and_then_wait_up_to_an_hour() {
        let costs: Vec<i64> = (10..=18)
            .map(|count| {
                BackoffPolicy::CODES_FROM_ANYWHERE
                    .cost(count)
                    .map_or(0, |wait| wait.num_seconds())
            })
            .collect();
        assert_eq!(costs, [0, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn an_owner_who_comes_twice_a_day_keeps_it(every in 3600_i64..43_200) {
            for policy in [BackoffPolicy::PASSWORD_FROM_ANYWHERE, BackoffPolicy::CODES_FROM_NETWORK, BackoffPolicy::CODES_FROM_ANYWHERE] {
                prop_assert_eq!(until_over(policy, Some(every), 60).0, None);
            }
        }

        #[test]
        fn sitting_a_wait_out_resets_nothing(count in 5_i32..1000) {
            for policy in [
                BackoffPolicy::PASSWORD_FROM_ANYWHERE,
                BackoffPolicy::PASSWORD_FROM_NETWORK,
                BackoffPolicy::CODES_FROM_NETWORK,
                BackoffPolicy::CODES_FROM_ANYWHERE,
                BackoffPolicy::IN_SESSION,
            ] {
                let attempts = FailedAttempts { count, last_at: Some(at(0)), locked_until: None };
                let then = at(0) + policy.cost(count).unwrap_or_default();
                prop_assert_eq!(attempts.with_one_more(policy, then).count, count + 1);
            }
        }

        #[test]
        fn the_limit_is_reached_at_the_hundredth_consecutive_one_and_not_before(rights in proptest::collection::vec(0_i32..250, 1..6)) {
            // Wrong proofs before each right one.
            for wrong in rights {
                let mut consecutive = 0;
                let mut over = false;
                for _ in 0..wrong {
                    consecutive += 1;
                    over |= limit_reached(consecutive);
                }
                prop_assert_eq!(over, wrong >= 100);
            }
        }

        #[test]
        fn a_day_of_guessing_gets_few_guesses(start in 0_i32..5) {
            let mut attempts = FailedAttempts { count: start, last_at: Some(at(0)), locked_until: None };
            let (mut now, mut guesses) = (at(0), 0);
            while now < at(86_400) {
                attempts = attempts.with_one_more(POLICY, now);
                guesses += 1;
                now += attempts.wait(now).unwrap_or_default();
            }
            // Each guess matches three of a million codes: less than one in ten thousand for a whole day.
            prop_assert!(guesses <= 40, "{}", guesses);
        }

        #[test]
        fn waiting_it_out_is_all_it_takes(count in 0_i32..1000, later in 3600_i64..100_000) {
            let attempts = FailedAttempts { count, last_at: Some(at(0)), locked_until: None }.with_one_more(POLICY, at(0));
            prop_assert_eq!(attempts.wait(at(later)), None);
        }
    }
}
