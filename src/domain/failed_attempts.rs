//! Wrong proofs in a row, and the wait they cost.
//!
//! Six digits are guessed in the end by whoever may try for ever (RFC 4226 §7.3), so from the fifth wrong one on nothing is
//! looked at for a while, and for twice as long each time. Attempts made in that time change nothing: a lock that they
//! prolonged would let a stranger keep the owner out for good (NIST SP 800-63B-4 §3.2.2).
//!
//! Waiting alone is not enough against somebody who has years: a hundred in a row, however slowly, are the end of what was
//! guessed at.

use chrono::{DateTime, TimeDelta, Utc};

/// The audit trail's name for the count of one network.
pub const FROM_NETWORK: &str = "from_network";
/// The audit trail's name for the count of all networks together.
pub const ANYWHERE: &str = "from_anywhere";
/// The audit trail's name for the count of one session.
pub const IN_SESSION: &str = "in_session";

/// Wrong ones in a row that are the end of what was guessed at (NIST SP 800-63B-4 §3.2.2). Time forgives none of them, only a
/// right one does.
pub const MAX_CONSECUTIVE_FAILURES: i32 = 100;

/// Tells whether so many wrong ones in a row are the end of what was guessed at.
pub const fn limit_reached(in_a_row: i32) -> bool {
    in_a_row >= MAX_CONSECUTIVE_FAILURES
}

/// What wrong proofs of one kind cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Wrong ones that cost nothing.
    free: i32,
    /// Seconds of the first wait; each further one is twice as long.
    first_wait: i64,
    /// Seconds of the longest wait.
    longest_wait: i64,
    /// After so long without a wrong one, the count begins anew.
    forgotten_after: TimeDelta,
}

impl BackoffPolicy {
    /// Second factors of an account at sign-in, from one network.
    pub const CODES_FROM_NETWORK: Self = Self::STEEP;
    /// Second factors of an account at sign-in, from anywhere. Only an attacker who has the password gets here, so this curve is
    /// steeper than the one for passwords: many networks together get one guess an hour in the end. Networks that the owner
    /// signed in from lately do not wait for it.
    pub const CODES_FROM_ANYWHERE: Self = Self {
        free: 10,
        first_wait: 60,
        longest_wait: 3600,
        forgotten_after: TimeDelta::hours(24),
    };
    /// Wrong codes, or wrong passwords, in one signed-in session. An attacker with a stolen access token makes that session wait
    /// and no other.
    pub const IN_SESSION: Self = Self::STEEP;
    /// Passwords for one name from one network.
    pub const PASSWORD_FROM_NETWORK: Self = Self::STEEP;
    /// Passwords for one name from anywhere: many networks that guess together. Remembered for much longer than the longest wait:
    /// whoever sits that out would otherwise begin anew, and a hundred would take an hour.
    pub const PASSWORD_FROM_ANYWHERE: Self = Self {
        free: 19,
        first_wait: 60,
        longest_wait: 900,
        forgotten_after: TimeDelta::hours(24),
    };

    const STEEP: Self = Self {
        free: 4,
        first_wait: 30,
        longest_wait: 3600,
        forgotten_after: TimeDelta::hours(24),
    };

    /// Returns the wait that the last of so many costs.
    pub fn cost(&self, count: i32) -> Option<TimeDelta> {
        let beyond = u32::try_from(count - self.free - 1).ok()?;
        // Seven doublings are more than any curve needs to reach its longest wait.
        let seconds = self.first_wait << beyond.min(7);
        Some(TimeDelta::seconds(seconds.min(self.longest_wait)))
    }

    /// Returns the moment before which a wrong one is forgotten.
    pub fn remembers_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.forgotten_after
    }
}

/// The wrong proofs in a row of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedAttempts {
    /// How many in a row.
    pub count: i32,
    /// When the last of them was.
    pub last_at: Option<DateTime<Utc>>,
    /// Until when nothing is looked at.
    pub locked_until: Option<DateTime<Utc>>,
}

impl FailedAttempts {
    /// Returns how long nothing is looked at from now on; `None`: something may be tried.
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

    /// Fails so often, each time as soon as allowed, and returns the waits.
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

    /// Guesses as soon as allowed until it is over, with right ones of the owner's now and then. Returns how long it took and
    /// how many there were since the last right one.
    fn until_over(policy: BackoffPolicy, owner_comes_every: Option<i64>, days: i64) -> (Option<TimeDelta>, i32) {
        let (mut now, mut attempts, mut in_a_row) = (at(0), FailedAttempts::default(), 0);
        let mut owner_comes = owner_comes_every.map(at);
        let mut most = 0;
        while now < at(days * 86_400) {
            attempts = attempts.with_one_more(policy, now);
            in_a_row += 1;
            most = most.max(in_a_row);
            if limit_reached(in_a_row) {
                return (Some(now - at(0)), most);
            }
            now += attempts.wait(now).unwrap_or_default();
            if let (Some(due), Some(every)) = (owner_comes, owner_comes_every)
                && due <= now
            {
                in_a_row = 0;
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
        fn the_limit_is_reached_at_the_hundredth_in_a_row_and_not_before(rights in proptest::collection::vec(0_i32..250, 1..6)) {
            // So many wrong ones before each right one.
            for wrong in rights {
                let mut in_a_row = 0;
                let mut over = false;
                for _ in 0..wrong {
                    in_a_row += 1;
                    over |= limit_reached(in_a_row);
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
            // Three right codes at any time among a million: less than one in ten thousand for a whole day.
            prop_assert!(guesses <= 40, "{}", guesses);
        }

        #[test]
        fn waiting_it_out_is_all_it_takes(count in 0_i32..1000, later in 3600_i64..100_000) {
            let attempts = FailedAttempts { count, last_at: Some(at(0)), locked_until: None }.with_one_more(POLICY, at(0));
            prop_assert_eq!(attempts.wait(at(later)), None);
        }
    }
}
