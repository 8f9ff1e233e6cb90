//! A password hash as it is stored, and why one could not be made or checked.

use super::keyring::UnknownKey;

/// A password hash as stored, with everything that checking it requires.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// The scheme that it was made with.
    pub scheme: String,
    /// The master key that its pepper was derived from. 0: it has none, since another program made it.
    pub key_id: u8,
    /// The hash in the notation of its scheme, including the cost.
    pub hash: String,
}

/// A hash is not a bearer secret, but it does not belong in a log either.
impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoredPassword({}, {}, …)", self.scheme, self.key_id)
    }
}

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full, another network took the place, or the turn did not come in time. A later attempt may
    /// succeed.
    #[error("the password hashing queue is full")]
    Busy,
    /// The master key of the hash's pepper was not given.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// The stored scheme is unknown.
    #[error("the password scheme {0:?} is not known")]
    UnknownScheme(String),
    /// bcrypt rejected its input, or its thread died.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}
