//! WordPress: phpass's portable hashes, and how a password is transformed before it is hashed.
//!
//! WordPress uses bcrypt since release 6.8; `bcrypt_kinds` checks that.

use std::borrow::Cow;

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ForeignHashError;

/// The alphabet of phpass: six bits per character, lowest bits first.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of salt and hash.
const SALT_LETTERS: usize = 8;
const HASH_LETTERS: usize = 22;
/// The lowest binary logarithm of the number of rounds that phpass accepts.
const LEAST_ROUNDS: u32 = 7;
/// WordPress uses 2^13 rounds. 2^18 of the longest password take half a second of a core.
const MOST_ROUNDS: u32 = 18;

const MALFORMED: ForeignHashError = ForeignHashError::Malformed("WordPress");

/// A portable hash of phpass: MD5, iterated.
#[derive(Clone)]
pub(super) struct PhpassHash {
    log_rounds: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl PhpassHash {
    /// Parses what follows `$P$`: one character for the number of rounds, 8 for the salt and 22 for the hash.
    pub(super) fn read(rest: &str) -> Result<Self, ForeignHashError> {
        let (rounds, rest) = rest.as_bytes().split_first().ok_or(MALFORMED)?;
        let (salt, hash) = rest.split_at_checked(SALT_LETTERS).ok_or(MALFORMED)?;
        let are_letters = rest.iter().all(|letter| LETTERS.contains(letter));
        if hash.len() != HASH_LETTERS || !are_letters {
            return Err(MALFORMED);
        }
        let log_rounds = LETTERS.iter().position(|letter| letter == rounds).ok_or(MALFORMED)?;
        let log_rounds = u32::try_from(log_rounds).map_err(|_too_many| MALFORMED)?;
        if log_rounds < LEAST_ROUNDS {
            return Err(MALFORMED);
        }
        if log_rounds > MOST_ROUNDS {
            return Err(ForeignHashError::TooMuchWork("phpass is limited to 2^18 rounds ($P$G)"));
        }
        Ok(Self {
            log_rounds,
            salt: salt.into(),
            hash: hash.into(),
        })
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> bool {
        let md5 = |before: &[u8]| Md5::new().chain_update(before).chain_update(password).finalize();
        let mut hash = md5(&self.salt);
        for _ in 0..1_u32 << self.log_rounds {
            hash = md5(&hash);
        }
        encode(&hash).ct_eq(&self.hash).into()
    }
}

/// Encodes bytes like phpass: three bytes become four characters, lowest bits first.
fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut letters = Vec::with_capacity(HASH_LETTERS);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .rev()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let chosen = (0..=group.len()).filter_map(|index| LETTERS.get(bits >> (6 * index) & 63));
        letters.extend(chosen);
    }
    letters
}

/// Returns the forms of a typed password that WordPress may have hashed, the likelier one first.
///
/// Its forms put a backslash before quotes and backslashes (PHP's "magic quotes", which WordPress emulates), and
/// sign-in compares the password in that form. Its command line and its REST interface do not. All of them trim white
/// space around a password.
pub(super) fn hashed_forms(typed: &str) -> [Option<Zeroizing<String>>; 2] {
    let trimmed = typed.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
    let quoted = match add_slashes(trimmed) {
        Cow::Borrowed(_) => None,
        Cow::Owned(quoted) => Some(Zeroizing::new(quoted)),
    };
    let plain = Zeroizing::new(trimmed.to_owned());
    match quoted {
        Some(quoted) => [Some(quoted), Some(plain)],
        None => [Some(plain), None],
    }
}

fn add_slashes(text: &str) -> Cow<'_, str> {
    if !text.contains(['\'', '"', '\\', '\0']) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(2 * text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => quoted.extend(['\\', character]),
            '\0' => quoted.push_str("\\0"),
            plain => quoted.push(plain),
        }
    }
    Cow::Owned(quoted)
}
