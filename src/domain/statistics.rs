//! How often something happened, hour by hour or day by day: what the figures of the console are made of.
//!
//! They are counted from the audit trail when an administrator asks, so both the time and the number of events that are
//! looked at have a limit. Where there were more events, the counts are missing, not wrong. Metrics have no such limit.

use chrono::{DateTime, Utc};

use super::audit_event::EventName;
use super::names::names;
use super::policy::numbers::{COUNTED_DAYS, COUNTED_HOURS};

/// What counts are given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Each hour.
    Hour,
    /// Each day of UTC.
    Day,
}

names!(Step {
    Hour = "hour",
    Day = "day",
});

impl Step {
    const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// Returns the most steps that are counted at once.
    pub const fn most(self) -> u32 {
        match self {
            Self::Hour => COUNTED_HOURS,
            Self::Day => COUNTED_DAYS,
        }
    }
}

/// The steps that are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// When each begins, the oldest first. The last one is not over yet.
    starts: Vec<DateTime<Utc>>,
}

impl Span {
    /// Returns so many steps, of which the last contains `now`; nothing for none, or for more than are counted at once.
    pub fn until(now: DateTime<Utc>, step: Step, steps: u32) -> Option<Self> {
        if !(1..=step.most()).contains(&steps) {
            return None;
        }
        let last = now.timestamp().div_euclid(step.seconds());
        let start = |back: u32| DateTime::from_timestamp((last - i64::from(back)) * step.seconds(), 0);
        let starts: Option<Vec<_>> = (0..steps).rev().map(start).collect();
        starts.map(|starts| Self { starts })
    }

    /// Returns when each step begins, the oldest first; there is at least one.
    pub fn starts(&self) -> &[DateTime<Utc>] {
        &self.starts
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Accounts that were made.
    Registrations,
    /// Sessions of users that became active, without those of applications.
    SignIns,
    /// Wrong passwords and codes.
    Failures,
    /// Waits that began after too many of them.
    Waits,
}

impl Measure {
    /// Returns the events that it counts.
    pub const fn events(self) -> &'static [EventName] {
        match self {
            Self::Registrations => &[EventName::UserCreated],
            Self::SignIns => &[EventName::SessionCreated],
            Self::Failures => &[EventName::LoginFail, EventName::MfaFail, EventName::StepUpFail],
            Self::Waits => &[EventName::LoginLock, EventName::MfaLock],
        }
    }
}

/// What was found of one event in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The step, from 0.
    pub step: usize,
    /// The events that were looked at.
    pub read: u64,
    /// Those of them that count.
    pub counted: u64,
}

/// A count for each step; `None` where there were more events than are looked at.
pub type Counts = Vec<Option<u64>>;

/// Returns the counts of one event, of which the newest `most` were looked at.
pub fn counts(steps: usize, tallies: &[Tally], most: u64) -> Counts {
    let read: u64 = tallies.iter().map(|tally| tally.read).sum();
    // The oldest step that was reached may have more events, and those before it were not reached.
    let oldest = tallies.iter().map(|tally| tally.step).min();
    let first = oldest.filter(|_| read >= most).map_or(0, |oldest| oldest + 1);
    let count = |step| {
        let of_step = tallies.iter().filter(|tally| tally.step == step);
        (step >= first).then(|| of_step.map(|tally| tally.counted).sum())
    };
    (0..steps).map(count).collect()
}

/// Adds the counts of several events.
pub fn sum(steps: usize, parts: &[Counts]) -> Counts {
    let add = |step: usize| parts.iter().map(|part| part.get(step).copied().flatten()).sum();
    (0..steps).map(add).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_ends_with_the_step_of_now() {
        let hours = Span::until(at("2026-03-01T12:59:59.9Z"), Step::Hour, 3).unwrap();
        assert_eq!(
            hours.starts(),
            ["10", "11", "12"].map(|hour| at(&format!("2026-03-01T{hour}:00:00Z")))
        );
        let days = Span::until(at("2026-03-01T00:00:00Z"), Step::Day, 2).unwrap();
        assert_eq!(
            days.starts(),
            ["2026-02-28", "2026-03-01"].map(|day| at(&format!("{day}T00:00:00Z")))
        );
    }

    #[test]
    fn no_span_is_longer_than_thirty_days() {
        let now = at("2026-03-31T12:00:00Z");
        for (step, most) in [(Step::Hour, 72), (Step::Day, 30)] {
            assert!(Span::until(now, step, 0).is_none());
            assert!(Span::until(now, step, most + 1).is_none());
            let longest = Span::until(now, step, most).unwrap();
            assert_eq!(longest.starts().len(), usize::try_from(most).unwrap());
            assert!((now - longest.starts()[0]).num_days() <= 30);
        }
    }

    fn number(count: usize) -> u64 {
        count.try_into().unwrap()
    }

    proptest! {
        /// Looking at the newest events only never gives a wrong count: a count is right, or there is none.
        #[test]
        fn a_count_is_right_or_missing(
            events in prop::collection::vec((0_usize..6, any::<bool>()), 0..60),
            most in 1_u64..70,
        ) {
            let steps = 6;
            let mut newest_first = events.clone();
            newest_first.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
            newest_first.truncate(usize::try_from(most).unwrap());
            let of = |all: &[(usize, bool)], step: usize| {
                let of_step = || all.iter().filter(move |event| event.0 == step);
                (number(of_step().count()), number(of_step().filter(|event| event.1).count()))
            };
            let found = (0..steps).map(|step| (step, of(&newest_first, step))).filter(|(_, (read, _))| *read > 0);
            let tallies: Vec<Tally> = found.map(|(step, (read, counted))| Tally { step, read, counted }).collect();
            let counted = counts(steps, &tallies, most);
            for (step, count) in counted.iter().enumerate() {
                prop_assert!(count.is_none_or(|count| count == of(&events, step).1), "{step}: {counted:?}");
            }
            if number(events.len()) < most {
                prop_assert!(counted.iter().all(Option::is_some), "all were looked at");
            }
        }
    }

    #[test]
    fn a_sum_is_missing_where_a_part_is() {
        let parts = [vec![None, Some(1), Some(2)], vec![Some(5), Some(5), Some(5)]];
        assert_eq!(sum(3, &parts), [None, Some(6), Some(7)]);
    }
}
