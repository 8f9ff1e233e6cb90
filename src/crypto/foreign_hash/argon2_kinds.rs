//! Argon2id and Argon2i (RFC 9106), in the notation of the reference implementation or from their parts.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::derived::fields;
use super::{ARGON2D, BASE64, ForeignHashError, number};
use crate::crypto::stored_password::HashError;

/// The largest memory of one hash, in KiB: 256 MiB. Django uses 100 MiB, argon2-cffi 64.
const MOST_MEMORY: u32 = 256 << 10;
/// The most memory that all passes together may fill, in KiB: 2 GiB take about two seconds of a core.
const MOST_FILLED: u32 = 2 << 20;
/// The largest number of lanes.
const MOST_LANES: u32 = 64;
/// Lengths of salt and hash in bytes.
const SALT_LENGTHS: std::ops::RangeInclusive<usize> = 8..=64;
const HASH_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Argon2's reference implementation");

/// An Argon2 hash.
#[derive(Clone)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    parameters: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2Hash {
    /// Parses what follows Django's `argon2$`: the usual notation without its first dollar sign.
    pub(super) fn read(rest: &str) -> Result<Self, ForeignHashError> {
        let (variant, rest) = rest.split_once('$').ok_or(MALFORMED)?;
        match variant {
            "argon2id" => Self::read_variant("id", rest),
            "argon2i" => Self::read_variant("i", rest),
            "argon2d" => Err(ForeignHashError::Refused(ARGON2D)),
            _ => Err(MALFORMED),
        }
    }

    /// Parses what follows `$argon2id$`: `v=19$m=65536,t=3,p=4$salt$hash`. The oldest hashes have no version field.
    pub(super) fn read_variant(variant: &str, rest: &str) -> Result<Self, ForeignHashError> {
        let (version, rest) = match rest.split_once('$') {
            Some(("v=19", rest)) => (0x13, rest),
            Some(("v=16", rest)) => (0x10, rest),
            _ if rest.starts_with("m=") => (0x10, rest),
            _ => return Err(MALFORMED),
        };
        let [costs, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let salt = BASE64.decode(salt).map_err(|_unreadable| MALFORMED)?;
        let hash = BASE64.decode(hash).map_err(|_unreadable| MALFORMED)?;
        Self::of_parts(variant, version, costs_of(costs)?, salt, hash, MALFORMED)
    }

    /// Takes the variant (`id` or `i`), the version, memory in KiB, passes and lanes, salt and hash. Returns
    /// `malformed` for values that no hash can have.
    pub(super) fn of_parts(
        variant: &str,
        version: u32,
        [m, t, p]: [u32; 3],
        salt: Vec<u8>,
        hash: Vec<u8>,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        let algorithm = match variant {
            "id" => Algorithm::Argon2id,
            "i" => Algorithm::Argon2i,
            "d" => return Err(ForeignHashError::Refused(ARGON2D)),
            _ => return Err(malformed),
        };
        if !SALT_LENGTHS.contains(&salt.len()) || !HASH_LENGTHS.contains(&hash.len()) {
            return Err(malformed);
        }
        if m > MOST_MEMORY || m.checked_mul(t).is_none_or(|filled| filled > MOST_FILLED) || p > MOST_LANES {
            let bound = "Argon2 is limited to 256 MiB (m=262144), m·t = 2097152 and 64 lanes";
            return Err(ForeignHashError::TooMuchWork(bound));
        }
        Ok(Self {
            algorithm,
            version: version.try_into().map_err(|_unknown| malformed)?,
            parameters: Params::new(m, t, p, Some(hash.len())).map_err(|_unfit| malformed)?,
            salt,
            hash,
        })
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> Result<bool, HashError> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.parameters.clone());
        let mut computed = Zeroizing::new(vec![0; self.hash.len()]);
        argon2
            .hash_password_into(password.as_bytes(), &self.salt, &mut computed)
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}

/// Parses `m=65536,t=3,p=4`: exactly these fields in this order.
fn costs_of(text: &str) -> Result<[u32; 3], ForeignHashError> {
    let values: Vec<&str> = text.split(',').collect();
    let [m, t, p] = values.try_into().map_err(|_other_count| MALFORMED)?;
    let value = |field: &str, name: &str| field.strip_prefix(name).and_then(number).ok_or(MALFORMED);
    Ok([value(m, "m=")?, value(t, "t=")?, value(p, "p=")?])
}
