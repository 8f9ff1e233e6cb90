//! Remembers proofs of possession, so that a copy of one is recognised (RFC 9449 §11.1).

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From the first use of a proof to the last moment at which its `iat` is accepted, at most.
pub(crate) const LONGEST_USE: Duration = Duration::from_secs(120);
/// More than one process should have to remember; some 50 bytes each.
const MOST: usize = 1_000_000;

/// What [`ReplayMemory::add`] returns: whether the proof is new.
pub type IsNew<'a> = Pin<Box<dyn Future<Output = Result<bool, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Remembers which proofs of possession were used. Back ends of several processes can share one.
pub trait ReplayMemory: Send + Sync {
    /// Adds the id of a proof, a short text, and returns whether it is new. It has to be remembered for `lifetime`. If
    /// that fails, the request is answered 503.
    fn add(&self, id: String, lifetime: Duration) -> IsNew<'_>;
}

/// A memory that the application gave.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<dyn ReplayMemory>);

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shared")
    }
}

/// There are too many proofs to remember.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Two sets take turns: what is in the older one is past its time when the newer one is as old as a proof may be used
/// for.
#[derive(Default)]
struct Sets {
    newer: HashSet<[u8; 32]>,
    older: HashSet<[u8; 32]>,
    turned_at: Option<Instant>,
}

/// The proofs that counted, in the memory of this process.
pub(crate) struct Replays {
    sets: Mutex<Sets>,
    most: usize,
}

impl Default for Replays {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl Replays {
    fn with_most(most: usize) -> Self {
        Self {
            sets: Mutex::default(),
            most,
        }
    }

    /// Adds the digest of a proof, and returns whether it is new.
    pub(crate) fn add(&self, id: [u8; 32], now: Instant) -> Result<bool, Full> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets
            .turned_at
            .is_none_or(|at| now.saturating_duration_since(at) >= LONGEST_USE)
        {
            sets.older = mem::take(&mut sets.newer);
            sets.turned_at = Some(now);
        }
        if sets.newer.contains(&id) || sets.older.contains(&id) {
            return Ok(false);
        }
        // To forget one would let it count twice.
        if sets.newer.len() >= self.most {
            return Err(Full);
        }
        Ok(sets.newer.insert(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_once_for_as_long_as_it_may_be_used() {
        let (replays, begun) = (Replays::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(replays.add([1; 32], at(0)), Ok(true));
        assert_eq!(replays.add([2; 32], at(119)), Ok(true));
        for (id, seconds) in [(1, 119), (2, 119), (2, 238)] {
            assert_eq!(replays.add([id; 32], at(seconds)), Ok(false), "{id} {seconds}");
        }
        assert_eq!(replays.add([3; 32], at(241)), Ok(true));
        assert_eq!(replays.add([1; 32], at(361)), Ok(true));
    }

    #[test]
    fn more_proofs_are_refused_instead_of_one_forgotten() {
        let (replays, begun) = (Replays::with_most(2), Instant::now());
        assert_eq!(replays.add([1; 32], begun), Ok(true));
        assert_eq!(replays.add([2; 32], begun), Ok(true));
        assert_eq!(replays.add([3; 32], begun), Err(Full));
        assert_eq!(replays.add([1; 32], begun), Ok(false));
        assert_eq!(replays.add([3; 32], begun + LONGEST_USE), Ok(true));
        assert_eq!(replays.add([1; 32], begun + LONGEST_USE), Ok(false));
    }
}
