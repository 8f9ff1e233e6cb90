//! What stops a flow that is nobody's wrong input: the one error type of the layer.

use crate::crypto::hasher::HashError;
use crate::crypto::jwt::SignError;
use crate::crypto::keyring::UnknownKey;
use crate::crypto::sealer::SealError;
use crate::crypto::signing_key::SigningKeyError;
use crate::store::error::StoreError;
use crate::store::transaction::Retryable;

/// A fault of the service or of what it stands on.
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
    /// A master key that is not there.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// Signing an access token.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Making or reading a signing key.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// The signing keys were not loaded yet.
    #[error("the signing keys are not loaded yet")]
    NoSigningKey,
}

impl Fault {
    /// Tells whether the same request may well succeed in a moment: 503 rather than 500.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_) | StoreError::Disconnected(_) | StoreError::Collision(_))
                | Self::Hash(HashError::Busy)
                | Self::NoSigningKey
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
