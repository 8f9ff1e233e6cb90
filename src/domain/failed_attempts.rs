//! Consecutive wrong proofs, and how long their source has to wait.
//!
//! A client that may try for ever guesses six digits in the end (RFC 4226 §7.3). From the fifth wrong proof on, nothing
//! is checked for a while, and the wait doubles each time. Attempts during the wait change nothing: if they prolonged
//! the lock, a stranger could lock the owner out for good (NIST SP 800-63B-4 §3.2.2).
//!
//! Waiting alone does not stop an attacker who has years. A hundred consecutive wrong proofs, however slow, disable the
//! authenticator. Strangers cannot use all of them up: after half of them, the authenticator is accepted only from
//! networks that the owner is known by.

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::numbers::{
    BackoffPolicy, FAILURES_FORGOTTEN_AFTER, MAX_CONSECUTIVE_FAILURES, MAX_FAILURES_OF_STRANGERS,
};

/// The audit trail's name for the count of one network.
pub const FROM_NETWORK: &str = "from_network";
/// The audit trail's name for the count of all networks together.
pub const ANYWHERE: &str = "from_anywhere";
/// The audit trail's name for the count of one session.
pub const IN_SESSION: &str = "in_session";

/// Why the audit trail says that an authenticator was disabled: for strangers only.
pub const REFUSED_TO_STRANGERS: &str = "refused_to_strangers";
/// The name in code of the count of those proofs from all networks that were checked because of work.
pub const FOR_WORK: &str = "for_work";

/// Who gave a wrong proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guesser {
    /// A client on a network that the owner signed in from recently, or in a session.
    Known,
    /// Any other client.
    Stranger,
}

/// The consecutive wrong proofs of an account, however long ago, with the one that was counted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consecutive {
    /// All of them.
    pub all: i32,
    /// Those of strangers.
    pub of_strangers: i32,
}

/// What the count of consecutive wrong proofs does to the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It is not accepted any longer.
    ToAll,
    /// It is accepted from known networks only.
    ToStrangers,
}

impl Consecutive {
    /// Counts one more. `None`: those of strangers are not checked any longer, so this one is not a guess.
    #[must_use]
    pub fn with_one_more(self, guesser: Guesser) -> Option<Self> {
        let is_strangers = guesser == Guesser::Stranger;
        let counts = !(is_strangers && strangers_are_refused(self.of_strangers));
        counts.then(|| Self {
            all: self.all.saturating_add(1),
            of_strangers: self.of_strangers + i32::from(is_strangers),
        })
    }

    /// Returns what the last wrong proof brought about.
    pub fn closing(self, guesser: Guesser) -> Option<Closing> {
        if self.all >= MAX_CONSECUTIVE_FAILURES {
            return Some(Closing::ToAll);
        }
        let is_last = guesser == Guesser::Stranger && self.of_strangers == MAX_FAILURES_OF_STRANGERS;
        is_last.then_some(Closing::ToStrangers)
    }
}

/// Returns whether strangers gave so many wrong proofs that none of theirs is accepted.
pub const fn strangers_are_refused(of_strangers: i32) -> bool {
    of_strangers >= MAX_FAILURES_OF_STRANGERS
}

impl BackoffPolicy {
    /// Passwords for one name, or second factors of an account, from anywhere, that were checked because of work. They
    /// only make the next work harder.
    pub const FOR_WORK: Self = Self {
        free: i32::MAX,
        first_wait: 0,
        longest_wait: 0,
        forgotten_after: FAILURES_FORGOTTEN_AFTER,
    };

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

    /// Returns how many there are, less those that are forgotten.
    pub fn remembered(&self, policy: BackoffPolicy, now: DateTime<Utc>) -> i32 {
        let is_remembered = self
            .last_at
            .is_some_and(|last_at| last_at > policy.remembers_since(now));
        if is_remembered { self.count } else { 0 }
    }

    /// Counts one more.
    #[must_use]
    pub fn with_one_more(self, policy: BackoffPolicy, now: DateTime<Utc>) -> Self {
        let count = self.remembered(policy, now).saturating_add(1);
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
            if consecutive >= MAX_CONSECUTIVE_FAILURES {
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
    fn a_copied_access_token_is_good_for_nine_passwords_before_it_expires() {
        let (mut now, mut attempts) = (at(0), FailedAttempts::default());
        while now < at(600) {
            attempts = attempts.with_one_more(BackoffPolicy::IN_SESSION, now);
            now += attempts.wait(now).unwrap_or_default();
        }
        assert_eq!(attempts.count, 9);
    }

    #[test]
    fn strangers_who_do_not_compute_need_hours_for_their_half() {
        let policy = BackoffPolicy::PASSWORD_FROM_ANYWHERE;
        let waited: i64 = (1..MAX_FAILURES_OF_STRANGERS)
            .filter_map(|count| policy.cost(count))
            .map(|wait| wait.num_seconds())
            .sum();
        assert_eq!(waited / 3600, 6);
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
        fn work_causes_no_wait_and_is_forgotten_after_a_day(count in 0..1000_i32, later in 0..200_000_i64) {
            let policy = BackoffPolicy::FOR_WORK;
            let attempts = FailedAttempts { count, last_at: Some(at(0)), locked_until: None };
            prop_assert_eq!(attempts.with_one_more(policy, at(later)).locked_until, None);
            let remembered = if later < 86_400 { count } else { 0 };
            prop_assert_eq!(attempts.remembered(policy, at(later)), remembered);
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

        /// Clients guess in any order: no more than a hundred are checked, strangers get no more than half of
        /// them, and the owner's networks keep the other half.
        #[test]
        fn strangers_use_up_half_of_the_hundred_at_most(order in proptest::collection::vec(any::<bool>(), 0..400)) {
            let (mut count, mut of_known) = (Consecutive { all: 0, of_strangers: 0 }, 0);
            let mut closings = Vec::new();
            for is_stranger in order {
                let guesser = if is_stranger { Guesser::Stranger } else { Guesser::Known };
                let (false, Some(counted)) = (closings.contains(&Closing::ToAll), count.with_one_more(guesser)) else {
                    continue;
                };
                count = counted;
                of_known += i32::from(!is_stranger);
                closings.extend(count.closing(guesser));
            }
            prop_assert!(count.all <= 100 && count.of_strangers <= 50);
            prop_assert_eq!(closings.contains(&Closing::ToAll), count.all == 100);
            prop_assert!(!closings.contains(&Closing::ToAll) || of_known >= 50);
            // Each is told once, unless both come with the same proof.
            let told = closings.iter().filter(|closing| **closing == Closing::ToStrangers).count();
            prop_assert!(told <= 1);
            prop_assert!(told == usize::from(count.of_strangers == 50) || count.all == 100);
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
