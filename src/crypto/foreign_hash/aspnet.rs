//! ASP.NET Identity: base64 of a header with the PBKDF2 parameters, the salt and the hash.

use base64::Engine;

use super::derived::{Digest, Pbkdf2Hash};
use super::{BASE64, ForeignHashError};

/// How version 3 begins: its marker, 1, and the high bytes of a small number, which are 0.
const VERSION_3: &str = "AQAAAA";
/// Lengths of salt and hash in version 2, in bytes. They follow its marker, 0.
const SALT_2: usize = 16;
const HASH_2: usize = 32;
/// The number of base64 characters of version 2: 49 bytes with padding.
const LETTERS_2: usize = 68;
/// The iterations of version 2, which are fixed.
const ITERATIONS_2: u32 = 1000;
/// Version 3 does not accept shorter salts.
const LEAST_SALT_3: usize = 16;

const MALFORMED: ForeignHashError = ForeignHashError::Malformed("ASP.NET Identity");

/// Returns whether a text begins like version 3.
pub(super) fn is_version_3(text: &str) -> bool {
    text.starts_with(VERSION_3)
}

/// Parses version 3: the marker, the pseudo-random function, the iterations and the length of the salt, the last three
/// as four-byte big-endian numbers; then salt and hash.
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

/// Returns whether a text has the length and the marker of version 2. It has no other distinguishing feature.
pub(super) fn is_version_2(text: &str) -> bool {
    text.len() == LETTERS_2 && BASE64.decode(text).is_ok_and(|bytes| bytes.first() == Some(&0))
}

/// Parses version 2: the marker, salt and hash.
pub(super) fn read_version_2(text: &str) -> Result<Pbkdf2Hash, ForeignHashError> {
    let bytes = BASE64.decode(text).map_err(|_unreadable| MALFORMED)?;
    let (_mark, rest) = bytes.split_first().ok_or(MALFORMED)?;
    let (salt, hash) = rest.split_at_checked(SALT_2).ok_or(MALFORMED)?;
    if hash.len() != HASH_2 {
        return Err(MALFORMED);
    }
    Pbkdf2Hash::of_parts(Digest::Sha1, ITERATIONS_2, salt.into(), hash.into(), MALFORMED)
}
