//! PBKDF2 and scrypt, in the notations of the programs that use them.
//!
//! Django, Werkzeug and better-auth use the characters of the salt in the text themselves, and not the bytes that they
//! might encode. The other programs encode the bytes.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{BASE64, ForeignHashError, number};
use crate::crypto::stored_password::HashError;

/// The largest number of PBKDF2 rounds; frameworks use up to one and a half million. With SHA-512, this many take two
/// seconds of a core. A hash that is longer than its digest needs all rounds once per digest that it consists of (RFC
/// 8018 §5.2).
const MOST_ITERATIONS: u32 = 3_000_000;
/// The largest memory of one scrypt, in bytes: 128 · N · r (RFC 7914 §2).
const MOST_MEMORY: u64 = 256 << 20;
/// The most work of one scrypt, N · r · p: eight times that of Werkzeug and Django, and less than a second of a core.
const MOST_WORK: u64 = 1 << 21;
/// The largest r and p. If N is small, these cause work that the product above does not show: the input and the output
/// of the mixing are 128 · r · p bytes of PBKDF2 each.
const MOST_BLOCKS: u32 = 32;
const MOST_LANES: u32 = 32;
/// Lengths of a salt in bytes.
const SALT_LENGTHS: std::ops::RangeInclusive<usize> = 1..=128;
/// Lengths of a PBKDF2 hash in bytes: a shorter one could match by chance, and no program makes longer ones.
const HASH_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

/// The hash function inside PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// Finds a digest by the name that most programs use.
    fn named(name: &str) -> Result<Self, ForeignHashError> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(ForeignHashError::Refused(
                "uses a hash function other than SHA-1, SHA-256, SHA-384 and SHA-512",
            )),
        }
    }

    const fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    /// Returns the length of the digest in bytes.
    const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A PBKDF2 hash.
#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Parses what follows Django's name: `iterations$salt$` and base64.
    pub(super) fn read_django(rest: &str, digest: Digest) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Django");
        let [iterations, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let hash = BASE64.decode(hash).map_err(|_unreadable| MALFORMED)?;
        let iterations = number(iterations).ok_or(MALFORMED)?;
        Self::whole(digest, iterations, salt.into(), hash, MALFORMED)
    }

    /// Parses what follows `pbkdf2:`: `sha256:iterations$salt$` and hexadecimal digits.
    pub(super) fn read_werkzeug(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Werkzeug");
        let [method, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let (digest, iterations) = method.split_once(':').ok_or(ForeignHashError::Refused(
            "does not state how many iterations were used, which differed between releases",
        ))?;
        let digest = Digest::named(digest)?;
        let hash = unhex(hash).ok_or(MALFORMED)?;
        let iterations = number(iterations).ok_or(MALFORMED)?;
        Self::whole(digest, iterations, salt.into(), hash, MALFORMED)
    }

    /// Parses what follows passlib's name: `iterations$salt$hash`, the last two in base64 with `.` instead of `+`.
    pub(super) fn read_passlib(rest: &str, digest: Digest) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("passlib");
        let [iterations, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let decode = |text: &str| BASE64.decode(text.replace('.', "+")).map_err(|_unreadable| MALFORMED);
        let iterations = number(iterations).ok_or(MALFORMED)?;
        Self::whole(digest, iterations, decode(salt)?, decode(hash)?, MALFORMED)
    }

    /// Takes parts with a hash of exactly one digest.
    fn whole(
        digest: Digest,
        iterations: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        if hash.len() != digest.length() {
            return Err(malformed);
        }
        Self::of_parts(digest, iterations, salt, hash, malformed)
    }

    /// Takes parts with a hash that may be longer or shorter than a digest. Returns `malformed` for values that no hash
    /// can have.
    pub(super) fn of_parts(
        digest: Digest,
        iterations: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        if !HASH_LENGTHS.contains(&hash.len()) || !SALT_LENGTHS.contains(&salt.len()) {
            return Err(malformed);
        }
        let iterations = NonZeroU32::new(iterations).ok_or(malformed)?;
        let digests = u32::try_from(hash.len().div_ceil(digest.length())).map_err(|_too_long| malformed)?;
        let rounds = iterations.get().checked_mul(digests);
        if rounds.is_none_or(|rounds| rounds > MOST_ITERATIONS) {
            return Err(ForeignHashError::TooMuchWork(
                "PBKDF2 is limited to 3,000,000 iterations",
            ));
        }
        Ok(Self {
            algorithm: digest.algorithm(),
            iterations,
            salt,
            hash,
        })
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> bool {
        pbkdf2::verify(
            self.algorithm,
            self.iterations,
            &self.salt,
            password.as_bytes(),
            &self.hash,
        )
        .is_ok()
    }
}

/// What scrypt derives a key from besides the password. Its work is limited.
#[derive(Clone)]
pub(super) struct ScryptKey {
    parameters: scrypt::Params,
    salt: Vec<u8>,
}

impl ScryptKey {
    /// Takes N, r and p, and the bytes of the salt. Returns `malformed` for values that scrypt cannot have.
    pub(super) fn of_parts(
        [n, r, p]: [u32; 3],
        salt: Vec<u8>,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        if !SALT_LENGTHS.contains(&salt.len()) || !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
            return Err(malformed);
        }
        let lane = u64::from(n) * u64::from(r);
        // Checked in this order, no product overflows 64 bits.
        if r > MOST_BLOCKS || p > MOST_LANES || lane * 128 > MOST_MEMORY || lane * u64::from(p) > MOST_WORK {
            let bound = "scrypt is limited to 256 MiB (128·N·r), N·r·p = 2097152, and r and p = 32";
            return Err(ForeignHashError::TooMuchWork(bound));
        }
        let log_n = u8::try_from(n.trailing_zeros()).map_err(|_too_great| malformed)?;
        let parameters = scrypt::Params::new(log_n, r, p).map_err(|_unfit| malformed)?;
        Ok(Self { parameters, salt })
    }

    /// Derives the key of a password.
    pub(super) fn derive<const N: usize>(&self, password: &str) -> Result<Zeroizing<[u8; N]>, HashError> {
        let mut key = Zeroizing::new([0; N]);
        scrypt::scrypt(password.as_bytes(), &self.salt, &self.parameters, key.as_mut_slice())
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(key)
    }
}

/// An scrypt hash of 64 bytes.
#[derive(Clone)]
pub(super) struct ScryptHash {
    key: ScryptKey,
    hash: [u8; 64],
}

impl ScryptHash {
    /// Parses what follows `scrypt:`: `N:r:p$salt$` and hexadecimal digits.
    pub(super) fn read_werkzeug(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Werkzeug");
        let [method, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let numbers: Vec<&str> = method.split(':').collect();
        let [n, r, p] = numbers.try_into().map_err(|_other_count| MALFORMED)?;
        Self::of_parts([n, r, p], salt, unhex(hash), MALFORMED)
    }

    /// Parses what follows `scrypt$`: `N$salt$r$p$` and base64.
    pub(super) fn read_django(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Django");
        let [n, salt, r, p, hash] = fields(rest).ok_or(MALFORMED)?;
        Self::of_parts([n, r, p], salt, BASE64.decode(hash).ok(), MALFORMED)
    }

    /// Parses `salt:hash`, both in hexadecimal digits. better-auth's parameters are constants.
    pub(super) fn read_better_auth(text: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("better-auth");
        let (salt, hash) = text.split_once(':').ok_or(MALFORMED)?;
        Self::of_parts(["16384", "16", "1"], salt, unhex(hash), MALFORMED)
    }

    fn of_parts(
        numbers: [&str; 3],
        salt: &str,
        hash: Option<Vec<u8>>,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        let [Some(n), Some(r), Some(p)] = numbers.map(number) else {
            return Err(malformed);
        };
        let hash = hash.and_then(|hash| hash.try_into().ok());
        Ok(Self {
            key: ScryptKey::of_parts([n, r, p], salt.into(), malformed)?,
            hash: hash.ok_or(malformed)?,
        })
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> Result<bool, HashError> {
        let computed = self.key.derive::<64>(password)?;
        Ok(computed.as_slice().ct_eq(&self.hash).into())
    }
}

/// Returns whether a text has the length and characters of a better-auth hash. It has no other distinguishing feature.
pub(super) fn is_better_auth(text: &str) -> bool {
    let is_hex = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_once(':')
        .is_some_and(|(salt, hash)| is_hex(salt, 32) && is_hex(hash, 128))
}

/// Splits at each dollar sign into exactly `N` fields.
pub(super) fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
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
