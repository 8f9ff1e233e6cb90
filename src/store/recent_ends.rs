//! The ends of sessions that the trail has of late, read at most once a second however many clients ask.
//!
//! The first request after a second reads what is new, and the others wait for it. If no client asks, nothing is read. What
//! does not fit into memory, after the end of all sessions of a large deployment, is read from the trail page by page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use tokio::sync::Mutex as Turn;
use uuid::Uuid;

use super::audit_events;
use super::error::StoreError;
use super::pool::Database;
use crate::domain::ended_sessions::{End, SignedList, part};
use crate::domain::ids::least_of;
use crate::domain::policy::numbers::{ENDED_IN_ANSWER, ENDED_IN_MEMORY, ENDED_OVERLAP, ENDED_READ_EVERY};

/// Signed answers that are kept until the next reading. Readers of one moment share one; an attacker who asks for many
/// different ones has each of them signed.
const MOST_SIGNED: usize = 16;

/// The ends of a span of time, as they were read at a moment.
pub struct Ends {
    /// When.
    pub read_at: DateTime<Utc>,
    /// In order.
    list: Vec<End>,
    /// All ends from this event on are in the list.
    complete_from: Uuid,
    /// By the cursors that they follow.
    signed: Mutex<HashMap<String, Arc<SignedList>>>,
}

impl Ends {
    /// Adds what was read later to what is known. `later` is in order, and has every end from `from` on unless it has as
    /// many as fit.
    fn following(known: Option<&Self>, (from, oldest): (Uuid, Uuid), later: Vec<End>, read_at: DateTime<Utc>) -> Self {
        let is_cut = later.len() >= ENDED_IN_MEMORY;
        let first = later.first().filter(|_| is_cut).map(|(event, _)| event.uuid());
        let complete_from = first.unwrap_or_else(|| known.map_or(oldest, |known| known.complete_from.max(oldest)));
        let kept = known.map_or(&[][..], |known| known.list.as_slice());
        let is_kept = |(event, _): &&End| (complete_from..from).contains(&event.uuid());
        let mut list: Vec<End> = kept.iter().filter(is_kept).copied().chain(later).collect();
        list.drain(..list.len().saturating_sub(ENDED_IN_MEMORY));
        let is_full = list.len() == ENDED_IN_MEMORY;
        let first = list.first().filter(|_| is_full).map(|(event, _)| event.uuid());
        Self {
            read_at,
            complete_from: first.unwrap_or(complete_from),
            list,
            signed: Mutex::default(),
        }
    }

    /// Returns the signed answer to a cursor that was made from this list before.
    pub fn signed(&self, after: &str) -> Option<Arc<SignedList>> {
        self.signed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(after)
            .cloned()
    }

    /// Keeps the signed answer to a cursor.
    pub fn keep(&self, after: &str, signed: &Arc<SignedList>) {
        let mut kept = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_SIGNED {
            kept.insert(after.to_owned(), Arc::clone(signed));
        }
    }
}

/// Reads ends for all requests of a process.
pub struct RecentEnds {
    db: Database,
    /// What was read last, and when reading failed last. Held while one request reads for all.
    last: Turn<Last>,
}

#[derive(Default)]
struct Last {
    ends: Option<Arc<Ends>>,
    failed_at: Option<DateTime<Utc>>,
}

impl RecentEnds {
    /// Prepares the first reading.
    pub fn new(db: &Database) -> Self {
        Self {
            db: db.clone(),
            last: Turn::default(),
        }
    }

    /// Returns the ends of a span of time before `now`, as they were a second ago at most.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be read. Requests of the same second are refused without another attempt.
    pub async fn at(&self, now: DateTime<Utc>, span: TimeDelta) -> Result<Arc<Ends>, StoreError> {
        let is_recent = |time: DateTime<Utc>| (TimeDelta::zero()..ENDED_READ_EVERY).contains(&(now - time));
        let mut last = self.last.lock().await;
        if let Some(ends) = last.ends.as_ref().filter(|ends| is_recent(ends.read_at)) {
            return Ok(Arc::clone(ends));
        }
        if last.failed_at.is_some_and(is_recent) {
            return Err(StoreError::Unavailable(
                "the trail could not be read a moment ago".to_owned(),
            ));
        }
        match self.read(last.ends.as_deref(), now, span).await {
            Ok(ends) => Ok(Arc::clone(last.ends.insert(Arc::new(ends)))),
            Err(error) => {
                last.failed_at = Some(now);
                Err(error)
            }
        }
    }

    async fn read(&self, known: Option<&Ends>, now: DateTime<Utc>, span: TimeDelta) -> Result<Ends, StoreError> {
        let oldest = least_of(now - span);
        let known = known.filter(|known| known.read_at <= now);
        let from = known.map_or(oldest, |known| least_of(known.read_at - ENDED_OVERLAP).max(oldest));
        let newest = move |connection: &mut PgConnection| audit_events::newest_ends(connection, from, ENDED_IN_MEMORY);
        let later = self.db.read("ended.read", newest).await?;
        Ok(Ends::following(known, (from, oldest), later, now))
    }

    /// Returns the ends of an answer, in order, and whether there are more.
    ///
    /// # Errors
    ///
    /// Returns an error if ends that are not in memory cannot be read.
    pub async fn part(&self, ends: &Ends, from: Uuid) -> Result<(Vec<End>, bool), StoreError> {
        if from >= ends.complete_from {
            let (listed, more) = part(&ends.list, from, ENDED_IN_ANSWER);
            return Ok((listed.to_vec(), more));
        }
        // One at a time, like every other reading.
        let _turn = self.last.lock().await;
        let next = move |connection: &mut PgConnection| audit_events::next_ends(connection, from, ENDED_IN_ANSWER + 1);
        let found = self.db.read("ended.read_older", next).await?;
        let (listed, more) = part(&found, from, ENDED_IN_ANSWER);
        Ok((listed.to_vec(), more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AuditEventId, SessionId};

    fn ends(numbers: std::ops::Range<u128>) -> Vec<End> {
        let end = |number| {
            let id = Uuid::from_u128(number);
            (AuditEventId::from_uuid(id), SessionId::from_uuid(id))
        };
        numbers.map(end).collect()
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn what_is_read_replaces_what_overlaps_and_what_is_too_old_goes() {
        let now = DateTime::UNIX_EPOCH;
        let first = Ends::following(None, (id(10), id(10)), ends(10..20), now);
        assert_eq!((first.list.len(), first.complete_from), (10, id(10)));
        let second = Ends::following(Some(&first), (id(15), id(12)), ends(14..30), now);
        let expected: Vec<End> = ends(12..15).into_iter().chain(ends(14..30)).collect();
        assert_eq!((second.list, second.complete_from), (expected, id(12)));
    }

    #[test]
    fn memory_is_bounded_and_the_list_says_from_where_on_it_is_complete() {
        let now = DateTime::UNIX_EPOCH;
        let most = u128::try_from(ENDED_IN_MEMORY).unwrap();
        let first = Ends::following(None, (id(0), id(0)), ends(0..most - 5), now);
        assert_eq!(first.complete_from, id(0));
        let second = Ends::following(Some(&first), (id(most - 5), id(0)), ends(most - 5..most + 5), now);
        assert_eq!((second.list.len(), second.complete_from), (ENDED_IN_MEMORY, id(5)));
        let cut = Ends::following(Some(&second), (id(most), id(0)), ends(2 * most..3 * most), now);
        assert_eq!((cut.list.len(), cut.complete_from), (ENDED_IN_MEMORY, id(2 * most)));
    }
}
