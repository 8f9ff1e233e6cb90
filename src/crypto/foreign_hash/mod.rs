//! Password hashes that other programs made: parsed in their notation, checked by their rules.
//!
//! A text is accepted completely or not at all, and only with parameters that limit its work, so that no accepted row
//! can occupy a hashing thread, or the machine's memory, for long. New hashes are never made with these schemes.

mod argon2_kinds;
mod aspnet;
mod bcrypt_kinds;
mod derived;
mod firebase;
mod keycloak;
mod wordpress;

use base64::alphabet;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use self::argon2_kinds::Argon2Hash;
use self::bcrypt_kinds::{BcryptHash, Preparation};
use self::derived::{Digest, Pbkdf2Hash, ScryptHash};
use self::firebase::FirebaseHash;
use self::wordpress::PhpassHash;
use super::hash_lanes::Lane;
use super::stored_password::{HashError, StoredPassword};

/// The key id of hashes without a pepper.
pub const NO_PEPPER: u8 = 0;
/// The longest text in bytes. A credential of Keycloak has about 500; all other kinds have less.
const MAX_LENGTH: usize = 2048;

/// Base64 as Python and PHP write it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
/// bcrypt's own alphabet.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);
/// Some libraries set bits in the last character that belong to no byte; all of them ignore such bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Why a hash is not accepted. The message never repeats the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// It is of an unknown kind.
    #[error(
        "is not of a supported kind; `vestibule users import --help` shows those of {}",
        supported().iter().map(|(maker, _)| *maker).collect::<Vec<_>>().join(", ")
    )]
    UnknownKind,
    /// It is of a kind that is known to be broken or unsafe.
    #[error("{0}")]
    Refused(&'static str),
    /// It has the marker of a known kind but not its format.
    #[error("is not in the format of {0}")]
    Malformed(&'static str),
    /// Its parameters would cause too much work.
    #[error("exceeds the limit of work: {0}")]
    TooMuchWork(&'static str),
}

/// A hash that another program made.
#[derive(Clone)]
pub struct ForeignHash {
    kind: &'static Kind,
    parts: Parts,
}

#[derive(Clone)]
enum Parts {
    Bcrypt(BcryptHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
    Argon2(Argon2Hash),
    Phpass(PhpassHash),
    Firebase(FirebaseHash),
}

impl Parts {
    async fn match_exactly(&self, lane: &Lane, password: &str) -> Result<bool, HashError> {
        match self {
            Self::Bcrypt(hash) => Ok(hash.matches(lane, password).await),
            Self::Pbkdf2(hash) => Ok(lane.alone(|| hash.matches(password)).await),
            Self::Scrypt(hash) => lane.alone(|| hash.matches(password)).await,
            Self::Argon2(hash) => lane.alone(|| hash.matches(password)).await,
            Self::Phpass(hash) => Ok(lane.alone(|| hash.matches(password)).await),
            Self::Firebase(hash) => lane.alone(|| hash.matches(password)).await,
        }
    }
}

/// A kind of hash: how to recognize it, the name to store it under, what makes it, and how to parse it.
struct Kind {
    mark: Mark,
    /// Empty if the kind is refused.
    scheme: &'static str,
    maker: &'static str,
    typing: Typing,
    read: Read,
}

type Read = fn(&str) -> Result<Parts, ForeignHashError>;

/// What distinguishes a kind from the others.
#[derive(Clone, Copy)]
enum Mark {
    /// How its texts begin. The rest is parsed.
    Prefix(&'static str),
    /// How its texts look, also in words. The whole text is parsed.
    Shape(&'static str, fn(&str) -> bool),
}

impl Mark {
    /// Returns the part of the text to parse, if the text has this mark.
    fn strip(self, text: &str) -> Option<&str> {
        match self {
            Self::Prefix(prefix) => text.strip_prefix(prefix),
            Self::Shape(_, fits) => fits(text).then_some(text),
        }
    }

    /// Returns how its texts look, for users.
    fn shown(self) -> String {
        match self {
            Self::Prefix(prefix) => format!("{prefix}…"),
            Self::Shape(shape, _) => shape.to_owned(),
        }
    }
}

/// How a program transforms a typed password before it hashes it.
#[derive(Clone, Copy)]
enum Typing {
    /// Nothing.
    Verbatim,
    /// Unicode compatibility normalization (NFKC): better-auth.
    Nfkc,
    /// Trimming and, for passwords from a form, backslashes before quotes: WordPress.
    WordPress,
}

const fn kind(maker: &'static str, prefix: &'static str, scheme: &'static str, read: Read) -> Kind {
    Kind {
        mark: Mark::Prefix(prefix),
        scheme,
        maker,
        typing: Typing::Verbatim,
        read,
    }
}

impl Kind {
    const fn typed(mut self, typing: Typing) -> Self {
        self.typing = typing;
        self
    }

    const fn shaped(mut self, shape: &'static str, fits: fn(&str) -> bool) -> Self {
        self.mark = Mark::Shape(shape, fits);
        self
    }
}

const BCRYPT: &str = "bcrypt (Node, Flask-Bcrypt, PHP, Rails, Go)";
const PASSLIB: &str = "passlib";
const DJANGO: &str = "Django";
const ARGON2: &str = "Argon2";
const WERKZEUG: &str = "Werkzeug (Flask)";
const WORDPRESS: &str = "WordPress";
const FIREBASE: &str = "Firebase (Supabase)";
const KEYCLOAK: &str = "Keycloak";
const ASPNET: &str = "ASP.NET Identity";
const BETTER_AUTH: &str = "better-auth";
const REFUSED: &str = "";

/// All kinds. No prefix is the beginning of a later one, and shapes come last.
static KINDS: [Kind; 28] = [
    kind(BCRYPT, "$2a$", "bcrypt", plain_bcrypt),
    kind(BCRYPT, "$2b$", "bcrypt", plain_bcrypt),
    kind(BCRYPT, "$2y$", "bcrypt", plain_bcrypt),
    kind(PASSLIB, "$bcrypt-sha256$", "passlib_bcrypt_sha256", |rest| {
        BcryptHash::read_passlib(rest).map(Parts::Bcrypt)
    }),
    kind(DJANGO, "bcrypt_sha256$", "django_bcrypt_sha256", |rest| {
        BcryptHash::read_prefixed(rest, Preparation::Sha256Hex, NOT_DJANGO).map(Parts::Bcrypt)
    }),
    kind(DJANGO, "bcrypt$", "django_bcrypt", |rest| {
        BcryptHash::read_prefixed(rest, Preparation::None, NOT_DJANGO).map(Parts::Bcrypt)
    }),
    kind(DJANGO, "pbkdf2_sha256$", "django_pbkdf2_sha256", |rest| {
        Pbkdf2Hash::read_django(rest, Digest::Sha256).map(Parts::Pbkdf2)
    }),
    kind(DJANGO, "pbkdf2_sha1$", "django_pbkdf2_sha1", |rest| {
        Pbkdf2Hash::read_django(rest, Digest::Sha1).map(Parts::Pbkdf2)
    }),
    kind(DJANGO, "argon2$", "django_argon2", |rest| {
        Argon2Hash::read(rest).map(Parts::Argon2)
    }),
    kind(ARGON2, "$argon2id$", "argon2", |rest| {
        Argon2Hash::read_variant("id", rest).map(Parts::Argon2)
    }),
    kind(ARGON2, "$argon2i$", "argon2", |rest| {
        Argon2Hash::read_variant("i", rest).map(Parts::Argon2)
    }),
    kind(WERKZEUG, "scrypt:", "werkzeug_scrypt", |rest| {
        ScryptHash::read_werkzeug(rest).map(Parts::Scrypt)
    }),
    kind(DJANGO, "scrypt$", "django_scrypt", |rest| {
        ScryptHash::read_django(rest).map(Parts::Scrypt)
    }),
    kind(WERKZEUG, "pbkdf2:", "werkzeug_pbkdf2", |rest| {
        Pbkdf2Hash::read_werkzeug(rest).map(Parts::Pbkdf2)
    }),
    kind(PASSLIB, "$pbkdf2$", "passlib_pbkdf2", |rest| {
        Pbkdf2Hash::read_passlib(rest, Digest::Sha1).map(Parts::Pbkdf2)
    }),
    kind(PASSLIB, "$pbkdf2-sha256$", "passlib_pbkdf2", |rest| {
        Pbkdf2Hash::read_passlib(rest, Digest::Sha256).map(Parts::Pbkdf2)
    }),
    kind(PASSLIB, "$pbkdf2-sha512$", "passlib_pbkdf2", |rest| {
        Pbkdf2Hash::read_passlib(rest, Digest::Sha512).map(Parts::Pbkdf2)
    }),
    kind(WORDPRESS, "$wp", "wordpress_bcrypt", |rest| {
        BcryptHash::read_prefixed(rest, Preparation::WordPress, NOT_WORDPRESS).map(Parts::Bcrypt)
    })
    .typed(Typing::WordPress),
    kind(WORDPRESS, "$P$", "wordpress_phpass", |rest| {
        PhpassHash::read(rest).map(Parts::Phpass)
    })
    .typed(Typing::WordPress),
    kind(FIREBASE, "$fbscrypt$", "firebase_scrypt", |rest| {
        FirebaseHash::read(rest).map(Parts::Firebase)
    }),
    kind(REFUSED, "$2x$", "", |_| Err(ForeignHashError::Refused(BROKEN_BCRYPT))),
    kind(REFUSED, "$argon2d$", "", |_| Err(ForeignHashError::Refused(ARGON2D))),
    kind(REFUSED, "!", "", |_| Err(ForeignHashError::Refused(NO_PASSWORD))),
    kind(REFUSED, "", "", |_| Err(ForeignHashError::Refused(NO_WORK_FACTOR))).shaped("", has_no_work_factor),
    kind(KEYCLOAK, "", "keycloak", keycloak::read)
        .shaped("{\"credentialData\":\"…\",\"secretData\":\"…\"}", |text| {
            text.starts_with('{') && text.ends_with('}')
        }),
    kind(ASPNET, "", "aspnet_identity_v3", |text| {
        aspnet::read_version_3(text).map(Parts::Pbkdf2)
    })
    .shaped("AQAAAA… (base64)", aspnet::is_version_3),
    kind(ASPNET, "", "aspnet_identity_v2", |text| {
        aspnet::read_version_2(text).map(Parts::Pbkdf2)
    })
    .shaped("A… (68 characters of base64)", aspnet::is_version_2),
    kind(BETTER_AUTH, "", "better_auth_scrypt", |text| {
        ScryptHash::read_better_auth(text).map(Parts::Scrypt)
    })
    .shaped("salt:hash (32 and 128 hexadecimal digits)", derived::is_better_auth)
    .typed(Typing::Nfkc),
];

const NOT_DJANGO: ForeignHashError = ForeignHashError::Malformed("Django");
const NOT_WORDPRESS: ForeignHashError = ForeignHashError::Malformed("WordPress");
const BROKEN_BCRYPT: &str = "was made by a broken bcrypt ($2x$) that treats different passwords as the same";
const ARGON2D: &str = "is argon2d, which is not meant for passwords; argon2id and argon2i are supported";
const NO_PASSWORD: &str = "marks an account without a usable password (Django)";

const NO_WORK_FACTOR: &str = "has no work factor (MD5, SHA-1, SHA-2): a thief tries billions of passwords a second; \
                              import the user with the hash of a random password";

/// Whether a text is a digest of a password, salted or not, and no more: as hexadecimal digits, or with the name of the
/// digest in front as Django wrote it.
fn has_no_work_factor(text: &str) -> bool {
    const NAMES: [&str; 8] = [
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "unsalted_md5",
        "unsalted_sha1",
    ];
    // Hexadecimal digits of MD5, SHA-1 and SHA-2.
    const LENGTHS: [usize; 6] = [32, 40, 56, 64, 96, 128];
    let named = text.split_once('$').is_some_and(|(name, _)| NAMES.contains(&name));
    named || LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the supported kinds: what makes them, and how the hashes of each look.
pub fn supported() -> Vec<(&'static str, Vec<String>)> {
    let mut makers: Vec<(&'static str, Vec<String>)> = Vec::new();
    for kind in KINDS.iter().filter(|kind| !kind.scheme.is_empty()) {
        match makers.iter_mut().find(|(maker, _)| *maker == kind.maker) {
            Some((_, looks)) => looks.push(kind.mark.shown()),
            None => makers.push((kind.maker, vec![kind.mark.shown()])),
        }
    }
    makers
}

fn plain_bcrypt(rest: &str) -> Result<Parts, ForeignHashError> {
    BcryptHash::read(rest, Preparation::None).map(Parts::Bcrypt)
}

impl ForeignHash {
    /// Parses a hash.
    ///
    /// # Errors
    ///
    /// Returns why it is not accepted, without repeating it.
    pub fn parse(text: &str) -> Result<Self, ForeignHashError> {
        if text.len() > MAX_LENGTH {
            return Err(ForeignHashError::UnknownKind);
        }
        let mut kinds = KINDS.iter();
        let found = kinds.find_map(|kind| kind.mark.strip(text).map(|marked| (kind, marked)));
        let (kind, marked) = found.ok_or(ForeignHashError::UnknownKind)?;
        let parts = (kind.read)(marked)?;
        Ok(Self { kind, parts })
    }

    /// Returns the name under which hashes of this kind are stored.
    pub const fn scheme(&self) -> &'static str {
        self.kind.scheme
    }

    /// Returns whether a password is the one that was hashed. The comparison of the two hashes takes constant time.
    async fn matches(&self, lane: &Lane, typed: &str) -> Result<bool, HashError> {
        match self.kind.typing {
            Typing::Verbatim => self.parts.match_exactly(lane, typed).await,
            Typing::Nfkc => {
                let typed = Zeroizing::new(typed.nfkc().collect::<String>());
                self.parts.match_exactly(lane, &typed).await
            }
            Typing::WordPress => {
                for form in wordpress::hashed_forms(typed).into_iter().flatten() {
                    if self.parts.match_exactly(lane, &form).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// A hash is not a bearer secret, but it does not belong in a log either.
impl std::fmt::Debug for ForeignHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ForeignHash({}, …)", self.scheme())
    }
}

impl StoredPassword {
    /// Accepts a hash that another program made, if it can be checked here with limited work.
    ///
    /// # Errors
    ///
    /// Returns why it is not accepted, without repeating it.
    pub fn foreign(text: &str) -> Result<Self, ForeignHashError> {
        let hash = ForeignHash::parse(text)?;
        Ok(Self {
            scheme: hash.scheme().to_owned(),
            key_id: NO_PEPPER,
            hash: text.to_owned(),
        })
    }
}

/// Returns the cost of a hash that contains bcrypt, in any notation.
pub(super) fn bcrypt_cost(hash: &str) -> Option<u32> {
    match ForeignHash::parse(hash).ok()?.parts {
        Parts::Bcrypt(hash) => Some(hash.cost()),
        _ => None,
    }
}

/// Checks a password against a hash that is stored with the name of a foreign scheme.
///
/// The text is parsed again with all limits: a hash that got into the table without the import cannot occupy the
/// threads either.
pub(super) async fn check(lane: &Lane, stored: &StoredPassword, password: &str) -> Result<bool, HashError> {
    let unknown = || HashError::UnknownScheme(stored.scheme.clone());
    if !KINDS.iter().any(|kind| kind.scheme == stored.scheme) {
        return Err(unknown());
    }
    let hash = ForeignHash::parse(&stored.hash).map_err(|error| HashError::Failed(error.to_string()))?;
    if hash.scheme() != stored.scheme {
        return Err(unknown());
    }
    hash.matches(lane, password).await
}

/// Parses a number as programs write it: digits only, no sign, no leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
