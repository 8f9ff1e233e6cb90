//! How far the audit trail is settled: up to where no row can appear any more, so that a reader may go on from there.
//!
//! Rows are read in the order of their ids, which begin with a time. An instance reads its clock for the id when it
//! inserts the row, inside of the transaction, but others see the row only after the commit. So a row can appear below
//! one that was visible before, in two cases: its transaction took longer, or the clock of its instance is behind.
//!
//! The invariant: let `age` be the time that the oldest transaction has been open which may write to the trail, and let
//! no two clocks differ by more than [`CLOCKS_WITHIN`]. Then every row whose id is below [`settled_below`] is visible to
//! a query that begins afterwards, or never will be. A transaction that is open began at most `age` ago, and so has
//! later ids; one that begins later has later ids as well; and all others have ended.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::ids::{AuditEventId, least_of};
use super::policy::numbers::CLOCKS_WITHIN;

/// Returns the id below which the trail is settled. `now` was read before the age of the oldest open transaction.
pub fn settled_below(now: DateTime<Utc>, age: TimeDelta) -> AuditEventId {
    AuditEventId::from_uuid(least_of(now - age.max(TimeDelta::zero()) - CLOCKS_WITHIN))
}

/// Returns the last id before another: where a reader goes on who has seen everything below that one.
pub fn just_before(id: AuditEventId) -> AuditEventId {
    AuditEventId::from_uuid(Uuid::from_u128(id.uuid().as_u128().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::random::Random;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    /// A transaction: when it began and ended, when it inserted its row, and how far the clock of its instance is off.
    #[derive(Clone, Debug)]
    struct Written {
        began: i64,
        inserted: i64,
        ended: i64,
        clock_is_off: i64,
        random: u8,
    }

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + millis).unwrap()
    }

    impl Written {
        fn id(&self) -> AuditEventId {
            AuditEventId::new(at(self.inserted + self.clock_is_off), &Fixed(self.random))
        }
    }

    fn written() -> impl Strategy<Value = Written> {
        let off = CLOCKS_WITHIN.num_milliseconds() / 2;
        (0_i64..60_000, 0_i64..20_000, 0_i64..20_000, -off..=off, any::<u8>()).prop_map(
            |(began, before, after, clock_is_off, random)| Written {
                began,
                inserted: began + before,
                ended: began + before + after,
                clock_is_off,
                random,
            },
        )
    }

    proptest! {
        /// A reader polls while transactions begin, insert and end. It sees each row once, and in the order of the ids.
        #[test]
        fn a_reader_skips_no_row_that_commits_late(
            rows in prop::collection::vec(written(), 1..40),
            pauses in prop::collection::vec(1_i64..15_000, 1..30),
            reader_is_off in -(CLOCKS_WITHIN.num_milliseconds() / 2)..=CLOCKS_WITHIN.num_milliseconds() / 2,
        ) {
            let (mut time, mut place, mut seen) = (0, AuditEventId::from_uuid(Uuid::nil()), Vec::new());
            // At the end, it polls once more when everything is settled.
            for pause in pauses.into_iter().chain([500_000]) {
                time += pause;
                let open = rows.iter().filter(|row| row.began <= time && time < row.ended);
                let age = open.map(|row| time - row.began).max().unwrap_or_default();
                let settled = settled_below(at(time + reader_is_off), TimeDelta::milliseconds(age));
                let visible = rows.iter().filter(|row| row.ended <= time).map(Written::id);
                let new: BTreeSet<_> = visible.filter(|id| *id > place && *id < settled).collect();
                seen.extend(new);
                place = place.max(just_before(settled));
            }
            let all: BTreeSet<_> = rows.iter().map(Written::id).collect();
            prop_assert_eq!(seen, Vec::from_iter(all));
        }

        #[test]
        fn the_place_before_an_id_excludes_only_what_is_below_it(id: u128) {
            prop_assume!(id > 0);
            let id = AuditEventId::from_uuid(Uuid::from_u128(id));
            prop_assert!(just_before(id) < id);
            prop_assert_eq!(just_before(id).uuid().as_u128() + 1, id.uuid().as_u128());
        }
    }
}
