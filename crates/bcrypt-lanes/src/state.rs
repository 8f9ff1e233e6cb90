//! Blowfish as bcrypt uses it, for several states at once.
//!
//! Every function is generic over the number of states, so that the compiler unrolls the innermost loop, over the
//! states, and keeps their halves of a block in registers. The states are one array, so that one register holds the
//! address of all.

#![expect(
    clippy::indexing_slicing,
    clippy::inline_always,
    reason = "indexes are bytes into 256 words, or count to the length of an array, so that no check is left; and only \
              loops that are inlined and unrolled are fast"
)]

use core::array;

use zeroize::Zeroize;

use crate::pi;

/// How many subkeys there are.
pub(crate) const SUBKEYS: usize = 18;
/// Blowfish's P-array.
pub(crate) type Subkeys = [u32; SUBKEYS];
/// Blowfish's S-boxes.
pub(crate) type Tables = [[u32; 256]; 4];

/// How many bytes of a password bcrypt uses.
const KEY_LENGTH: usize = 72;
/// What bcrypt encrypts at its end: `OrpheanBeholderScryDoubt`.
const TEXT: [u32; 6] = [
    0x4f72_7068,
    0x6561_6e42,
    0x6568_6f6c,
    0x6465_7253,
    0x6372_7944,
    0x6f75_6274,
];
/// How often.
const ENCRYPTIONS: u32 = 64;

/// One hash that is being computed.
pub(crate) struct State {
    tables: Tables,
    subkeys: Subkeys,
    /// The password, and the salt, as often as they fit.
    key: Subkeys,
    salt: Subkeys,
    /// Rounds of the loop that are left.
    pub(crate) rounds: u32,
}

/// The halves of a block of each state.
type Blocks<const N: usize> = [[u32; N]; 2];

impl State {
    /// A state in which nothing is computed.
    pub(crate) const EMPTY: Self = Self {
        tables: [[0; 256]; 4],
        subkeys: [0; SUBKEYS],
        key: [0; SUBKEYS],
        salt: [0; SUBKEYS],
        rounds: 0,
    };

    /// Begins a hash: all of bcrypt that comes before its loop.
    ///
    /// A NUL follows the password, and of both together the first 72 bytes count, as in `$2a$`, `$2b$` and `$2y$`.
    pub(crate) fn begin(&mut self, rounds: u32, salt: [u8; 16], password: &[u8]) {
        self.tables = pi::TABLES;
        self.subkeys = pi::SUBKEYS;
        fill(&mut self.key, password.iter().copied().chain([0]).take(KEY_LENGTH));
        fill(&mut self.salt, salt.into_iter());
        self.rounds = rounds;
        let states = array::from_mut(self);
        mix(states, |state| (&mut state.subkeys, &state.key));
        expand(states, |state, number| {
            [state.salt[number % 4], state.salt[number % 4 + 1]]
        });
    }

    /// Moves the hash of another state here, and wipes the other.
    pub(crate) fn replace_by(&mut self, other: &mut Self) {
        self.tables = other.tables;
        self.subkeys = other.subkeys;
        self.key = other.key;
        self.salt = other.salt;
        self.rounds = other.rounds;
        other.wipe();
    }

    /// Overwrites the state with zeros.
    pub(crate) fn wipe(&mut self) {
        self.tables.zeroize();
        self.subkeys.zeroize();
        self.key.zeroize();
        self.salt.zeroize();
        self.rounds.zeroize();
    }

    /// Ends a hash, after the loop.
    pub(crate) fn end(&self) -> [u32; 6] {
        let mut text = TEXT;
        for block in text.chunks_exact_mut(2) {
            let mut halves = [[block[0]], [block[1]]];
            for _ in 0..ENCRYPTIONS {
                halves = encrypt(array::from_ref(self), halves);
            }
            [block[0], block[1]] = halves.map(|[half]| half);
        }
        text
    }
}

/// Does up to a number of rounds of bcrypt's loop with one to six states, and fewer if one has fewer left.
///
/// The function is not generic, so that it is compiled with this crate and its optimisation, whatever that of the
/// program is.
pub(crate) fn advance(states: &mut [State], most_rounds: u32) {
    let left = states.iter().map(|state| state.rounds).min().unwrap_or(0);
    let rounds = left.min(most_rounds);
    // Unrolled for each number, so that lanes without a hash take no time.
    match states.len() {
        1 => advance_together::<1>(states, rounds),
        2 => advance_together::<2>(states, rounds),
        3 => advance_together::<3>(states, rounds),
        4 => advance_together::<4>(states, rounds),
        5 => advance_together::<5>(states, rounds),
        6 => advance_together::<6>(states, rounds),
        _ => {}
    }
}

/// Does some rounds with as many states as there are.
fn advance_together<const N: usize>(states: &mut [State], rounds: u32) {
    let Ok(states) = <&mut [State; N]>::try_from(states) else {
        return;
    };
    for _ in 0..rounds {
        mix(states, |state| (&mut state.subkeys, &state.key));
        expand(states, |_, _| [0, 0]);
        mix(states, |state| (&mut state.subkeys, &state.salt));
        expand(states, |_, _| [0, 0]);
    }
    for state in states {
        state.rounds -= rounds;
    }
}

/// Fills subkeys with bytes, which begin again at their end. Writes in place, so that no copy of a password is left.
fn fill(subkeys: &mut Subkeys, bytes: impl Iterator<Item = u8> + Clone) {
    let mut bytes = bytes.cycle();
    for word in subkeys {
        *word = bytes.by_ref().take(4).fold(0, |word, byte| word << 8 | u32::from(byte));
    }
}

/// Mixes the password or the salt into the subkeys.
#[inline(always)]
fn mix<const N: usize>(states: &mut [State; N], parts: impl Fn(&mut State) -> (&mut Subkeys, &Subkeys)) {
    for state in states {
        let (subkeys, words) = parts(state);
        for (subkey, word) in subkeys.iter_mut().zip(words) {
            *subkey ^= word;
        }
    }
}

/// Replaces the subkeys and the tables: each two words are the encryption of those before. `salt` is what to mix into
/// a block before it is encrypted, by the number of its first word.
#[inline(always)]
fn expand<const N: usize>(states: &mut [State; N], salt: impl Fn(&State, usize) -> [u32; 2]) {
    let mut blocks = [[0; N]; 2];
    for number in (0..SUBKEYS).step_by(2) {
        blocks = encrypt(states, salted(states, blocks, number, &salt));
        for lane in 0..N {
            states[lane].subkeys[number] = blocks[0][lane];
            states[lane].subkeys[number + 1] = blocks[1][lane];
        }
    }
    for table in 0..4 {
        for number in (0..256).step_by(2) {
            // There are 18 subkeys and the salt has four words, so it continues with its third.
            blocks = encrypt(states, salted(states, blocks, number + 2, &salt));
            for lane in 0..N {
                states[lane].tables[table][number] = blocks[0][lane];
                states[lane].tables[table][number + 1] = blocks[1][lane];
            }
        }
    }
}

#[inline(always)]
fn salted<const N: usize>(
    states: &[State; N],
    [mut left, mut right]: Blocks<N>,
    number: usize,
    salt: impl Fn(&State, usize) -> [u32; 2],
) -> Blocks<N> {
    for lane in 0..N {
        let salt = salt(&states[lane], number);
        left[lane] ^= salt[0];
        right[lane] ^= salt[1];
    }
    [left, right]
}

/// Encrypts a block with each state.
#[inline(always)]
fn encrypt<const N: usize>(states: &[State; N], [mut left, mut right]: Blocks<N>) -> Blocks<N> {
    for pair in 0..8 {
        for lane in 0..N {
            left[lane] ^= states[lane].subkeys[2 * pair];
        }
        for lane in 0..N {
            right[lane] ^= states[lane].subkeys[2 * pair + 1] ^ look_up(&states[lane].tables, left[lane]);
        }
        for lane in 0..N {
            left[lane] ^= look_up(&states[lane].tables, right[lane]);
        }
    }
    for lane in 0..N {
        left[lane] ^= states[lane].subkeys[16];
        right[lane] ^= states[lane].subkeys[17];
    }
    [right, left]
}

/// Blowfish's function F.
#[inline(always)]
fn look_up(tables: &Tables, half: u32) -> u32 {
    let [first, second, third, fourth] = half.to_be_bytes().map(usize::from);
    let sum = tables[0][first].wrapping_add(tables[1][second]);
    (sum ^ tables[2][third]).wrapping_add(tables[3][fourth])
}
