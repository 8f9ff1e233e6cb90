//! Password hashes that other programs made: read as they were written, checked as those programs check them.
//!
//! A text is taken whole or not at all, and only with parameters whose work is bounded, so that no row that was taken can
//! hold a hashing thread, or the machine's memory, for long. Nothing new is ever made in these schemes.

mod argon2_kinds;
mod bcrypt_kinds;
mod derived;

use base64::alphabet;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};

use self::argon2_kinds::Argon2Hash;
use self::bcrypt_kinds::{BcryptHash, Preparation};
use self::derived::{Pbkdf2Hash, ScryptHash};
use super::hasher::{HashError, StoredPassword};

/// The key id of hashes that have no pepper in them.
pub const NO_PEPPER: u8 = 0;
/// Most bytes of a hash's text; the longest kind has some 200.
const MAX_LENGTH: usize = 512;

/// Base 64 as Python and PHP write it, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
/// bcrypt's own alphabet.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);
/// Some libraries leave bits set in the last letter that belong to no byte; all of them read over such bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Why a hash is not taken; never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// It is of none of the kinds known.
    #[error("is of no kind that can be taken; the manual lists those that can")]
    UnknownKind,
    /// It is of a kind that is known to be broken or unsafe.
    #[error("{0}")]
    Refused(&'static str),
    /// It says to be of a known kind and is not written like it.
    #[error("is not written as {0} writes it")]
    Malformed(&'static str),
    /// Its parameters would make too much work.
    #[error("asks for more work than is allowed: {0}")]
    TooMuchWork(&'static str),
}

/// A hash that another program made.
#[derive(Clone)]
pub struct ForeignHash {
    scheme: &'static str,
    parts: Parts,
}

#[derive(Clone)]
enum Parts {
    Bcrypt(BcryptHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
    Argon2(Argon2Hash),
}

/// Tells a kind by how its texts begin, names it, and reads what comes after.
struct Kind {
    prefix: &'static str,
    scheme: &'static str,
    read: fn(&str) -> Result<Parts, ForeignHashError>,
}

const fn kind(prefix: &'static str, scheme: &'static str, read: fn(&str) -> Result<Parts, ForeignHashError>) -> Kind {
    Kind { prefix, scheme, read }
}

/// All kinds. No prefix is the beginning of another one that comes later.
const KINDS: [Kind; 17] = [
    kind("$2a$", "bcrypt", plain_bcrypt),
    kind("$2b$", "bcrypt", plain_bcrypt),
    kind("$2y$", "bcrypt", plain_bcrypt),
    kind("$bcrypt-sha256$", "passlib_bcrypt_sha256", |rest| {
        BcryptHash::read_passlib(rest).map(Parts::Bcrypt)
    }),
    kind("bcrypt_sha256$", "django_bcrypt_sha256", |rest| {
        BcryptHash::read_prefixed(rest, Preparation::Sha256Hex).map(Parts::Bcrypt)
    }),
    kind("bcrypt$", "django_bcrypt", |rest| {
        BcryptHash::read_prefixed(rest, Preparation::None).map(Parts::Bcrypt)
    }),
    kind("pbkdf2_sha256$", "django_pbkdf2_sha256", |rest| {
        Pbkdf2Hash::read_django(rest, "sha256").map(Parts::Pbkdf2)
    }),
    kind("pbkdf2_sha1$", "django_pbkdf2_sha1", |rest| {
        Pbkdf2Hash::read_django(rest, "sha1").map(Parts::Pbkdf2)
    }),
    kind("argon2$", "django_argon2", |rest| {
        Argon2Hash::read(rest).map(Parts::Argon2)
    }),
    kind("$argon2id$", "argon2", |rest| {
        Argon2Hash::read_variant("id", rest).map(Parts::Argon2)
    }),
    kind("$argon2i$", "argon2", |rest| {
        Argon2Hash::read_variant("i", rest).map(Parts::Argon2)
    }),
    kind("scrypt:", "werkzeug_scrypt", |rest| {
        ScryptHash::read_werkzeug(rest).map(Parts::Scrypt)
    }),
    kind("scrypt$", "django_scrypt", |rest| {
        ScryptHash::read_django(rest).map(Parts::Scrypt)
    }),
    kind("pbkdf2:", "werkzeug_pbkdf2", |rest| {
        Pbkdf2Hash::read_werkzeug(rest).map(Parts::Pbkdf2)
    }),
    kind("$2x$", "", |_| Err(ForeignHashError::Refused(BROKEN_BCRYPT))),
    kind("$argon2d$", "", |_| Err(ForeignHashError::Refused(ARGON2D))),
    kind("!", "", |_| Err(ForeignHashError::Refused(NO_PASSWORD))),
];

const BROKEN_BCRYPT: &str = "is of a broken bcrypt ($2x$) that takes different passwords for the same";
const ARGON2D: &str = "is argon2d, which is not for passwords; argon2id and argon2i can be taken";
const NO_PASSWORD: &str = "marks an account without a usable password (Django)";

fn plain_bcrypt(rest: &str) -> Result<Parts, ForeignHashError> {
    BcryptHash::read(rest, Preparation::None).map(Parts::Bcrypt)
}

impl ForeignHash {
    /// Reads a hash.
    ///
    /// # Errors
    ///
    /// Says why it is not taken, without repeating it.
    pub fn parse(text: &str) -> Result<Self, ForeignHashError> {
        if text.len() > MAX_LENGTH {
            return Err(ForeignHashError::UnknownKind);
        }
        for kind in &KINDS {
            if let Some(rest) = text.strip_prefix(kind.prefix) {
                return (kind.read)(rest).map(|parts| Self {
                    scheme: kind.scheme,
                    parts,
                });
            }
        }
        Err(ForeignHashError::UnknownKind)
    }

    /// Returns the name under which hashes of this kind are stored.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Tells whether a password is the one that was hashed, in constant time once both hashes are there.
    fn matches(&self, password: &str) -> Result<bool, HashError> {
        match &self.parts {
            Parts::Bcrypt(hash) => Ok(hash.matches(password)),
            Parts::Pbkdf2(hash) => Ok(hash.matches(password)),
            Parts::Scrypt(hash) => hash.matches(password),
            Parts::Argon2(hash) => hash.matches(password),
        }
    }
}

/// A hash is not a bearer secret, but still nothing to print.
impl std::fmt::Debug for ForeignHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ForeignHash({}, …)", self.scheme)
    }
}

impl StoredPassword {
    /// Takes a hash that another program made, if it can be checked here with bounded work.
    ///
    /// # Errors
    ///
    /// Says why it is not taken, without repeating it.
    pub fn foreign(text: &str) -> Result<Self, ForeignHashError> {
        let hash = ForeignHash::parse(text)?;
        Ok(Self {
            scheme: hash.scheme().to_owned(),
            key_id: NO_PEPPER,
            hash: text.to_owned(),
        })
    }
}

/// Returns the cost of a hash that bcrypt is in, whatever is around it: `$2b$12$…`, or `…,r=12$…` as passlib writes it.
pub(super) fn bcrypt_cost(hash: &str) -> Option<u32> {
    let number = match hash.strip_prefix("$bcrypt-sha256$v=2,t=2b,r=") {
        Some(rest) => rest.split('$').next(),
        None => hash.split_once("$2").and_then(|(_, version)| version.split('$').nth(1)),
    };
    let cost = number?.parse().ok()?;
    (4..=31).contains(&cost).then_some(cost)
}

/// Checks a password against a hash stored under one of our names for others' schemes.
///
/// The text is read anew, bounds and all: what got into the table past the import is no way to tie the threads up either.
pub(super) fn check(stored: &StoredPassword, password: &str) -> Result<bool, HashError> {
    let unknown = || HashError::UnknownScheme(stored.scheme.clone());
    if !KINDS.iter().any(|kind| kind.scheme == stored.scheme) {
        return Err(unknown());
    }
    let hash = ForeignHash::parse(&stored.hash).map_err(|error| HashError::Failed(error.to_string()))?;
    if hash.scheme() != stored.scheme {
        return Err(unknown());
    }
    hash.matches(password)
}

/// Reads a number as programs write it: digits only, no sign, no leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
