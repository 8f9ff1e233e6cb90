//! bcrypt alone, and behind the digest that passlib, Django and WordPress put in front of it.
//!
//! bcrypt alone looks at the first 72 bytes of a password and no further. So does everything that made such hashes, and so
//! must whoever checks them: a longer password is right when its first 72 bytes are. The other kinds hash first, and every
//! byte counts.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{BCRYPT_BASE64, ForeignHashError};

/// What bcrypt looks at.
const KEY_LENGTH: usize = 72;
/// Letters of a salt and of a hash.
const SALT_LETTERS: usize = 22;
const HASH_LETTERS: usize = 31;
/// Bytes of a hash: the last of bcrypt's 24 is dropped by all implementations.
const HASH_LENGTH: usize = 23;
/// WordPress's key. It keeps these digests apart from others, and is no secret.
const WORDPRESS_KEY: &[u8] = b"wp-sha384";
/// Least and greatest cost; the greatest takes some two seconds of a core, like the greatest of our own.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;

/// What is done to a password before bcrypt sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparation {
    /// Nothing.
    None,
    /// The hexadecimal digits of its SHA-256: Django.
    Sha256Hex,
    /// The base 64 of its SHA-256: passlib before 1.7.3.
    Sha256Base64,
    /// The base 64 of its HMAC-SHA-256 under the salt's letters: passlib since.
    HmacSha256Base64,
    /// The base 64 of its HMAC-SHA-384 under a key that all installations share: WordPress since 6.8.
    WordPress,
}

/// A bcrypt hash.
#[derive(Clone)]
pub(super) struct BcryptHash {
    preparation: Preparation,
    cost: u32,
    salt: [u8; 16],
    salt_letters: String,
    hash: [u8; HASH_LENGTH],
}

impl BcryptHash {
    /// Reads what comes after `$2b$`: `12$` and 53 letters.
    pub(super) fn read(rest: &str, preparation: Preparation) -> Result<Self, ForeignHashError> {
        const MALFORMED: ForeignHashError = ForeignHashError::Malformed("bcrypt");
        let (cost, letters) = rest.split_once('$').ok_or(MALFORMED)?;
        let (salt, hash) = letters.split_at_checked(SALT_LETTERS).ok_or(MALFORMED)?;
        if cost.len() != 2 {
            return Err(MALFORMED);
        }
        Self::of_parts(preparation, cost, salt, hash).ok_or(MALFORMED)?
    }

    /// Reads what comes after Django's or WordPress's name for the kind: a whole bcrypt hash.
    pub(super) fn read_prefixed(
        rest: &str,
        preparation: Preparation,
        malformed: ForeignHashError,
    ) -> Result<Self, ForeignHashError> {
        let versions = ["$2b$", "$2a$", "$2y$"];
        let bare = versions.iter().find_map(|version| rest.strip_prefix(version));
        Self::read(bare.ok_or(malformed)?, preparation)
    }

    /// Reads what comes after `$bcrypt-sha256$`: `v=2,t=2b,r=12$salt$hash`, or `2a,12$salt$hash` as it was once.
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

    /// `None`: not well written.
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
            cost,
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

    /// Tells whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> bool {
        let prepared = self.prepare(password.as_bytes());
        // The NUL that ends C's strings is part of the key, where there is room for it.
        let key: Zeroizing<Vec<u8>> = Zeroizing::new(prepared.iter().copied().chain([0]).take(KEY_LENGTH).collect());
        let computed = bcrypt::bcrypt(self.cost, self.salt, &key);
        let computed = computed.first_chunk::<HASH_LENGTH>();
        computed.is_some_and(|computed| computed.ct_eq(&self.hash).into())
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
