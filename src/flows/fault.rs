//! Faults, the one error type of the layer: what stops a flow and is not the caller's wrong input.

use crate::crypto::jwt::SignError;
use crate::crypto::key_set::NoSigningKey;
use crate::crypto::keyring::UnknownKey;
use crate::crypto::retired_keys::IdTaken;
use crate::crypto::sealer::SealError;
use crate::crypto::signing_key::SigningKeyError;
use crate::crypto::stored_password::HashError;
use crate::store::error::StoreError;
use crate::store::transaction::Retryable;

/// A fault of the service or of something that it depends on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Password hashing.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Sealing or opening a secret. Fails closed: a second factor that cannot be read is never skipped.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A master key that is missing.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// A master key under the id of another one.
    #[error(transparent)]
    IdTaken(#[from] IdTaken),
    /// Signing an access token.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Making or reading a signing key.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// A message that cannot be stored or read.
    #[error("a message cannot be stored or read: {0}")]
    Notification(String),
    /// A channel that the deployment has not set up.
    #[error("the deployment has not set {0} up")]
    NoSender(&'static str),
    /// The session of a caller that was signed in when the request began has ended since. Nothing was done that could
    /// be committed, so this is not an outcome.
    #[error("the caller's session has ended meanwhile")]
    SessionEnded,
    /// The signing keys were not loaded yet.
    #[error(transparent)]
    NoSigningKey(#[from] NoSigningKey),
}

impl Fault {
    /// Returns whether the same request may succeed in a moment: 503 rather than 500.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_) | StoreError::Disconnected(_) | StoreError::Collision(_))
                | Self::Hash(HashError::Busy)
                | Self::NoSender(_)
                | Self::NoSigningKey(_)
        )
    }
}

impl Retryable for Fault {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
