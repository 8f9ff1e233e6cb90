//! PBKDF2 and scrypt, as Django and Werkzeug write them.
//!
//! Both take the salt as the letters that stand in the text, not as bytes that these might encode.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{BASE64, ForeignHashError, number};
use crate::crypto::hasher::HashError;

/// Most rounds of PBKDF2; frameworks ask for up to one and a half million. With SHA-512 so many take two seconds of a core.
const MOST_ITERATIONS: u32 = 3_000_000;
/// Most memory of one scrypt, in bytes: 128 · N · r (RFC 7914 §2).
const MOST_MEMORY: u64 = 256 << 20;
/// Most work of one scrypt, N · r · p: eight times that of Werkzeug's and Django's, and less than a second of a core.
const MOST_WORK: u64 = 1 << 21;
/// Greatest r and p. Where N is small, these make work that the product above does not show: what goes into the mixing, and
/// comes out of it, is 128 · r · p bytes of PBKDF2.
const MOST_BLOCKS: u32 = 32;
const MOST_LANES: u32 = 32;
/// Letters of a salt.
const SALT_LETTERS: std::ops::RangeInclusive<usize> = 1..=128;

/// A PBKDF2 hash.
#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: String,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Reads what comes after Django's name: `iterations$salt$` and base 64.
    pub(super) fn read_django(rest: &str, digest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Django");
        let [iterations, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let hash = BASE64.decode(hash).map_err(|_unreadable| MALFORMED)?;
        Self::of_parts(digest, iterations, salt, hash).ok_or(MALFORMED)?
    }

    /// Reads what comes after `pbkdf2:`: `sha256:iterations$salt$` and hexadecimal digits.
    pub(super) fn read_werkzeug(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Werkzeug");
        let [method, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let (digest, iterations) = method.split_once(':').ok_or(ForeignHashError::Refused(
            "does not say how many iterations were made, which differed from release to release",
        ))?;
        let hash = unhex(hash).ok_or(MALFORMED)?;
        Self::of_parts(digest, iterations, salt, hash).ok_or(MALFORMED)?
    }

    /// `None`: not well written.
    fn of_parts(digest: &str, iterations: &str, salt: &str, hash: Vec<u8>) -> Option<Result<Self, ForeignHashError>> {
        let (algorithm, length) = match digest {
            "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            "sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
            "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            _ => {
                let known = "uses another hash than SHA-1, SHA-256, SHA-384 and SHA-512";
                return Some(Err(ForeignHashError::Refused(known)));
            }
        };
        if hash.len() != length || !SALT_LETTERS.contains(&salt.len()) {
            return None;
        }
        let iterations = number(iterations).and_then(NonZeroU32::new)?;
        if iterations.get() > MOST_ITERATIONS {
            let bound = "PBKDF2 may have 3,000,000 iterations";
            return Some(Err(ForeignHashError::TooMuchWork(bound)));
        }
        Some(Ok(Self {
            algorithm,
            iterations,
            salt: salt.to_owned(),
            hash,
        }))
    }

    /// Tells whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> bool {
        let (salt, secret) = (self.salt.as_bytes(), password.as_bytes());
        pbkdf2::verify(self.algorithm, self.iterations, salt, secret, &self.hash).is_ok()
    }
}

/// An scrypt hash of 64 bytes.
#[derive(Clone)]
pub(super) struct ScryptHash {
    parameters: scrypt::Params,
    salt: String,
    hash: [u8; 64],
}

impl ScryptHash {
    /// Reads what comes after `scrypt:`: `N:r:p$salt$` and hexadecimal digits.
    pub(super) fn read_werkzeug(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Werkzeug");
        let [method, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let numbers: Vec<&str> = method.split(':').collect();
        let numbers: [&str; 3] = numbers.try_into().map_err(|_other_count| MALFORMED)?;
        Self::of_parts(numbers, salt, unhex(hash).ok_or(MALFORMED)?).ok_or(MALFORMED)?
    }

    /// Reads what comes after `scrypt$`: `N$salt$r$p$` and base 64.
    pub(super) fn read_django(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Django");
        let [n, salt, r, p, hash] = fields(rest).ok_or(MALFORMED)?;
        let hash = BASE64.decode(hash).map_err(|_unreadable| MALFORMED)?;
        Self::of_parts([n, r, p], salt, hash).ok_or(MALFORMED)?
    }

    /// `None`: not well written.
    fn of_parts(numbers: [&str; 3], salt: &str, hash: Vec<u8>) -> Option<Result<Self, ForeignHashError>> {
        let [n, r, p] = numbers.map(number);
        let (n, r, p) = (n?, r?, p?);
        if !SALT_LETTERS.contains(&salt.len()) || !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
            return None;
        }
        let lane = u64::from(n) * u64::from(r);
        // In this order, no product is more than 64 bits hold.
        if r > MOST_BLOCKS || p > MOST_LANES || lane * 128 > MOST_MEMORY || lane * u64::from(p) > MOST_WORK {
            let bound = "scrypt may have 256 MiB (128·N·r), N·r·p up to 2097152, and r and p up to 32";
            return Some(Err(ForeignHashError::TooMuchWork(bound)));
        }
        let log_n = u8::try_from(n.trailing_zeros()).ok()?;
        Some(Ok(Self {
            parameters: scrypt::Params::new(log_n, r, p).ok()?,
            salt: salt.to_owned(),
            hash: hash.try_into().ok()?,
        }))
    }

    /// Tells whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> Result<bool, HashError> {
        let mut computed = Zeroizing::new([0; 64]);
        let (salt, secret) = (self.salt.as_bytes(), password.as_bytes());
        scrypt::scrypt(secret, salt, &self.parameters, computed.as_mut_slice())
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(computed.as_slice().ct_eq(&self.hash).into())
    }
}

/// Splits at each dollar sign into exactly so many fields.
fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
