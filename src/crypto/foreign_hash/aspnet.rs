//! ASP.NET Identity: base 64 of a few bytes that tell how PBKDF2 was used, the salt and the hash.

use base64::Engine;

use super::derived::{Digest, Pbkdf2Hash};
use super::{BASE64, ForeignHashError};

/// How version 3 begins: its mark, 1, and the upper bytes of a small number, which are 0.
const VERSION_3: &str = "AQAAAA";
/// Bytes of salt and hash in version 2, after its mark, 0.
const SALT_2: usize = 16;
const HASH_2: usize = 32;
/// Letters of version 2: 49 bytes with their padding.
const LETTERS_2: usize = 68;
/// What version 2 does always.
const ITERATIONS_2: u32 = 1000;
/// Version 3 does not take shorter salts.
const LEAST_SALT_3: usize = 16;

const MALFORMED: ForeignHashError = ForeignHashError::Malformed("ASP.NET Identity");

/// Tells whether a text begins as version 3 does.
pub(super) fn is_version_3(text: &str) -> bool {
    text.starts_with(VERSION_3)
}

/// Reads version 3: the mark, the pseudo-random function, the iterations and the length of the salt, the last three with
/// four bytes each, the greatest first; then salt and hash.
pub(super) fn read_version_3(text: &str) -> Result<Pbkdf2Hash, ForeignHashError> {
    let bytes = BASE64.decode(text).map_err(|_unreadable| MALFORMED)?;
    let (_mark, rest) = bytes.split_first().ok_or(MALFORMED)?;
    let (function, rest) = take_number(rest)?;
    let (iterations, rest) = take_number(rest)?;
    let (salt_length, rest) = take_number(rest)?;
    let digest = match function {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return Err(MALFORMED),
    };
    let salt_length = usize::try_from(salt_length).map_err(|_too_long| MALFORMED)?;
    let (salt, hash) = rest.split_at_checked(salt_length).ok_or(MALFORMED)?;
    if salt.len() < LEAST_SALT_3 {
        return Err(MALFORMED);
    }
    Pbkdf2Hash::of_parts(digest, iterations, salt.into(), hash.into(), MALFORMED)
}

fn take_number(bytes: &[u8]) -> Result<(u32, &[u8]), ForeignHashError> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or(MALFORMED)?;
    Ok((u32::from_be_bytes(*number), rest))
}

/// Tells whether a text is as long as version 2 and begins with its mark. Nothing else tells it.
pub(super) fn is_version_2(text: &str) -> bool {
    text.len() == LETTERS_2 && BASE64.decode(text).is_ok_and(|bytes| bytes.first() == Some(&0))
}

/// Reads version 2: the mark, salt and hash.
pub(super) fn read_version_2(text: &str) -> Result<Pbkdf2Hash, ForeignHashError> {
    let bytes = BASE64.decode(text).map_err(|_unreadable| MALFORMED)?;
    let (_mark, rest) = bytes.split_first().ok_or(MALFORMED)?;
    let (salt, hash) = rest.split_at_checked(SALT_2).ok_or(MALFORMED)?;
    if hash.len() != HASH_2 {
        return Err(MALFORMED);
    }
    Pbkdf2Hash::of_parts(Digest::Sha1, ITERATIONS_2, salt.into(), hash.into(), MALFORMED)
}
