//! Hashes that are computed together.

use core::fmt;

use zeroize::ZeroizeOnDrop;

use crate::state::{State, advance};

/// A hash: bcrypt's first 23 bytes. All implementations drop the last.
pub type Hash = [u8; 23];

/// The cost of a hash; each step doubles the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u32);

impl Cost {
    /// Makes a cost. `None` above 31, since the loop's counter has 32 bits.
    ///
    /// The notation begins at 4. Whether a low cost is enough is the caller's decision.
    pub const fn new(cost: u32) -> Option<Self> {
        if cost <= 31 { Some(Self(cost)) } else { None }
    }

    /// Returns the number, as it stands in the notation of a hash.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns how many rounds the loop has.
    const fn rounds(self) -> u32 {
        1 << self.0
    }
}

/// The most lanes there may be. The fifth and the sixth gain little, and more would not fit a first cache of 32 KiB.
pub const MOST_LANES: usize = 6;

/// Up to `L` hashes that are computed together, each with a tag that says whose it is.
///
/// A hash takes some 4 KiB of state, which is inside of this structure and wiped as soon as the hash is taken or
/// dropped.
pub struct Lanes<const L: usize, T> {
    /// Those in use come first.
    states: [State; L],
    /// The tags of the states in use.
    tags: [Option<T>; L],
    used: usize,
}

impl<const L: usize, T> Lanes<L, T> {
    /// Makes empty lanes. It does not compile with none, or with more than [`MOST_LANES`].
    pub const fn new() -> Self {
        const { assert!(L >= 1 && L <= MOST_LANES) };
        Self {
            states: [State::EMPTY; L],
            tags: [const { None }; L],
            used: 0,
        }
    }

    /// Returns how many hashes are being computed, or are finished and not taken.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Returns whether [`add`](Self::add) has room for another.
    pub const fn has_room(&self) -> bool {
        self.used < L
    }

    /// Begins the hash of a password, as `$2a$`, `$2b$` and `$2y$` have it: the first 72 bytes of a password count.
    ///
    /// A NUL inside of the password is a byte like any other, whereas programs in C stop there. Refuse it, or cut the
    /// password there, if such programs check the same hashes.
    ///
    /// # Errors
    ///
    /// Returns the tag if there is no room.
    pub fn add(&mut self, cost: Cost, salt: [u8; 16], password: &[u8], tag: T) -> Result<(), T> {
        let free = self.states.get_mut(self.used).zip(self.tags.get_mut(self.used));
        let Some((state, place)) = free else {
            return Err(tag);
        };
        state.begin(cost.rounds(), salt, password);
        *place = Some(tag);
        self.used += 1;
        Ok(())
    }

    /// Computes up to a number of rounds of all hashes together, and fewer if a hash is finished before.
    ///
    /// A hash of cost 12 has 4096 rounds. A round takes some 50 microseconds, so that the number decides how soon a
    /// finished hash and a free lane are noticed.
    pub fn advance(&mut self, most_rounds: u32) {
        let states = self.states.get_mut(..self.used).unwrap_or_default();
        advance(states, most_rounds);
    }

    /// Removes a finished hash, if there is one, and wipes its state. Call it until it returns `None` before the next
    /// [`advance`](Self::advance), which computes nothing while a finished hash is left.
    pub fn take_finished(&mut self) -> Option<(Hash, T)> {
        let states = self.states.get(..self.used)?;
        let number = states.iter().position(|state| state.rounds == 0)?;
        let hash = to_bytes(states.get(number)?.end());
        let tag = self.free(number)?;
        Some((hash, tag))
    }

    /// Frees a lane: the last one in use takes its place.
    fn free(&mut self, number: usize) -> Option<T> {
        let last = self.used.checked_sub(1)?;
        let (before, others) = self.states.split_at_mut_checked(last)?;
        let last_state = others.first_mut()?;
        match before.get_mut(number) {
            Some(freed) => freed.replace_by(last_state),
            None => last_state.wipe(),
        }
        self.tags.swap(number, last);
        self.used = last;
        self.tags.get_mut(last)?.take()
    }
}

impl<const L: usize, T> Default for Lanes<L, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const L: usize, T> Drop for Lanes<L, T> {
    fn drop(&mut self) {
        self.states.iter_mut().for_each(State::wipe);
    }
}

impl<const L: usize, T> ZeroizeOnDrop for Lanes<L, T> {}

impl<const L: usize, T> fmt::Debug for Lanes<L, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lanes({} of {L} used)", self.used)
    }
}

fn to_bytes(words: [u32; 6]) -> Hash {
    let mut bytes = words.into_iter().flat_map(u32::to_be_bytes);
    core::array::from_fn(|_| bytes.next().unwrap_or(0))
}
