//! A password hash as it is stored, and why one could not be made or checked.

use super::keyring::UnknownKey;

/// A password hash as stored, with what is needed to check it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// How it was made.
    pub scheme: String,
    /// The master key whose pepper is in it; 0 where there is none, since another program made it.
    pub key_id: u8,
    /// The hash, as the scheme writes it; tells the cost.
    pub hash: String,
}

/// A hash is not a bearer secret, but still nothing to print.
impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoredPassword({}, {}, …)", self.scheme, self.key_id)
    }
}

/// Hashing could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// There was no place in the queue, another network took it, or the turn did not come in time. Try again later.
    #[error("the password hashing queue is full")]
    Busy,
    /// The hash was made with a pepper that was not given.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// The stored scheme is not one we know.
    #[error("the password scheme {0:?} is not known")]
    UnknownScheme(String),
    /// bcrypt refused its input, or its thread died.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}
