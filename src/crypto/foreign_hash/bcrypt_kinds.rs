//! bcrypt alone, and bcrypt of a digest, as passlib, Django and WordPress use it.
//!
//! bcrypt alone uses only the first 72 bytes of a password. The programs that made such hashes did so too, and checking
//! must do the same: a longer password is right if its first 72 bytes are. The other kinds hash first, so that every
//! byte counts.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt_lanes::{Cost, Hash};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::hash_lanes::Lane;
use super::{BCRYPT_BASE64, ForeignHashError};

/// Base64 characters of a salt and of a hash.
const SALT_LETTERS: usize = 22;
const HASH_LETTERS: usize = 31;
/// WordPress's key. It separates these digests from others, and is not secret.
const WORDPRESS_KEY: &[u8] = b"wp-sha384";
/// The lowest and the highest cost. The highest takes about two seconds of a core, like the highest that is
/// configurable here.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;

/// How a password is transformed before bcrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparation {
    /// Nothing.
    None,
    /// The hexadecimal form of its SHA-256: Django.
    Sha256Hex,
    /// The base64 of its SHA-256: passlib before 1.7.3.
    Sha256Base64,
    /// The base64 of its HMAC-SHA-256, with the encoded salt as the key: passlib since 1.7.3.
    HmacSha256Base64,
    /// The base64 of its HMAC-SHA-384 under a key that all installations share: WordPress since 6.8.
    WordPress,
}

/// A bcrypt hash.
#[derive(Clone)]
pub(super) struct BcryptHash {
    preparation: Preparation,
    cost: Cost,
    salt: [u8; 16],
    salt_letters: String,
    hash: Hash,
}

impl BcryptHash {
    /// Parses what follows `$2b$`: `12$` and 53 characters.
    pub(super) fn read(rest: &str, preparation: Preparation) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("bcrypt");
        let (cost, letters) = rest.split_once('$').ok_or(MALFORMED)?;
        let (salt, hash) = letters.split_at_checked(SALT_LETTERS).ok_or(MALFORMED)?;
        if cost.len() != 2 {
            return Err(MALFORMED);
        }
        Self::of_parts(preparation, cost, salt, hash).ok_or(MALFORMED)?
    }

    /// Parses what follows Django's or WordPress's name of the kind: a complete bcrypt hash.
    pub(super) fn read_prefixed(
        rest: &str,
        preparation: Preparation,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        let versions = ["$2b$", "$2a$", "$2y$"];
        let bare = versions.iter().find_map(|version| rest.strip_prefix(version));
        Self::read(bare.ok_or(malformed)?, preparation)
    }

    /// Parses what follows `$bcrypt-sha256$`: `v=2,t=2b,r=12$salt$hash`, or the older `2a,12$salt$hash`.
    pub(super) fn read_passlib(rest: &str) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("passlib");
        let mut fields = rest.split('$');
        let mut field = || fields.next().ok_or(MALFORMED);
        let (parameters, salt, hash) = (field()?, field()?, field()?);
        if fields.next().is_some() {
            return Err(MALFORMED);
        }
        let newer = parameters
            .strip_prefix("v=2,t=2b,r=")
            .or_else(|| parameters.strip_prefix("v=2,t=2a,r="));
        let older = parameters
            .strip_prefix("2a,")
            .or_else(|| parameters.strip_prefix("2b,"));
        let (cost, preparation) = match (newer, older) {
            (Some(cost), _) => (cost, Preparation::HmacSha256Base64),
            (None, Some(cost)) => (cost, Preparation::Sha256Base64),
            (None, None) => return Err(MALFORMED),
        };
        Self::of_parts(preparation, cost, salt, hash).ok_or(MALFORMED)?
    }

    /// Returns `None` for malformed parts.
    fn of_parts(
        preparation: Preparation,
        cost: &str,
        salt_letters: &str,
        hash: &str,
    ) -> Option<Result<Self, ForeignHashError>> {
        if salt_letters.len() != SALT_LETTERS || hash.len() != HASH_LETTERS {
            return None;
        }
        let cost: u32 = cost
            .parse()
            .ok()
            .filter(|_| cost.len() <= 2 && !cost.starts_with('+'))?;
        let parts = Self {
            preparation,
            cost: Cost::new(cost)?,
            salt: BCRYPT_BASE64.decode(salt_letters).ok()?.try_into().ok()?,
            salt_letters: salt_letters.to_owned(),
            hash: BCRYPT_BASE64.decode(hash).ok()?.try_into().ok()?,
        };
        Some(if COSTS.contains(&cost) {
            Ok(parts)
        } else {
            Err(ForeignHashError::TooMuchWork("bcrypt's cost must be 4 to 15"))
        })
    }

    /// Returns its cost.
    pub(super) const fn cost(&self) -> u32 {
        self.cost.get()
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) async fn matches(&self, lane: &Lane, password: &str) -> bool {
        let prepared = self.prepare(password.as_bytes());
        let computed = lane.bcrypt(self.cost, self.salt, prepared).await;
        computed.ct_eq(&self.hash).into()
    }

    fn prepare(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let sha256 = || digest::digest(&digest::SHA256, password);
        Zeroizing::new(match self.preparation {
            Preparation::None => password.to_vec(),
            Preparation::Sha256Hex => hexadecimal(sha256().as_ref()),
            Preparation::Sha256Base64 => STANDARD.encode(sha256()).into_bytes(),
            Preparation::HmacSha256Base64 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.salt_letters.as_bytes());
                STANDARD.encode(hmac::sign(&key, password)).into_bytes()
            }
            Preparation::WordPress => {
                let key = hmac::Key::new(hmac::HMAC_SHA384, WORDPRESS_KEY);
                STANDARD.encode(hmac::sign(&key, password)).into_bytes()
            }
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect()
}
