//! The signing keys in memory, so that signing and checking need no query.

use std::sync::{Arc, PoisonError, RwLock};

use super::checked_tokens::CheckedTokens;
use super::jwt;
use super::signing_key::SigningKey;
use crate::domain::access_token::AccessTokenClaims;
use crate::domain::signed_claims::SignedClaims;
use crate::domain::signing_key::PublicJwk;

/// The keys were not loaded yet. An empty set must never be published, and a valid token never be refused before.
#[derive(Debug, thiserror::Error)]
#[error("the signing keys are not loaded yet")]
pub struct NoSigningKey;

/// The keys that are published; one of them signs.
#[derive(Default)]
pub struct KeySet(RwLock<Arc<Loaded>>);

#[derive(Default)]
struct Loaded {
    keys: Vec<Arc<SigningKey>>,
    current: Option<Arc<SigningKey>>,
    /// Their public parts.
    published: Arc<[PublicJwk]>,
    /// The tokens that were verified with them before.
    checked: Arc<CheckedTokens>,
}

impl KeySet {
    /// Returns the keys as published.
    ///
    /// # Errors
    ///
    /// Returns an error before they are loaded.
    pub fn published(&self) -> Result<Arc<[PublicJwk]>, NoSigningKey> {
        let published = Arc::clone(&self.loaded().published);
        if published.is_empty() {
            return Err(NoSigningKey);
        }
        Ok(published)
    }

    /// Returns the key that signs.
    ///
    /// # Errors
    ///
    /// Returns an error before it is loaded.
    pub fn current(&self) -> Result<Arc<SigningKey>, NoSigningKey> {
        self.loaded().current.clone().ok_or(NoSigningKey)
    }

    /// Returns the claims of a token that one of the keys signed.
    ///
    /// # Errors
    ///
    /// Returns an error before the keys are loaded.
    pub fn verify(&self, token: &str) -> Result<Option<Arc<AccessTokenClaims>>, NoSigningKey> {
        let loaded = self.loaded();
        if loaded.keys.is_empty() {
            return Err(NoSigningKey);
        }
        Ok(loaded.checked.claims(token, || jwt::verify(token, &loaded.keys)))
    }

    /// Returns the claims of a token of any kind that one of the keys signed.
    ///
    /// # Errors
    ///
    /// Returns an error before the keys are loaded.
    pub fn verify_kind<C: SignedClaims>(&self, token: &str) -> Result<Option<C>, NoSigningKey> {
        let loaded = self.loaded();
        if loaded.keys.is_empty() {
            return Err(NoSigningKey);
        }
        Ok(jwt::verify(token, &loaded.keys))
    }

    /// Returns the key with an id, if it is loaded.
    pub fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.loaded().keys.iter().find(|key| key.public.kid == kid).cloned()
    }

    /// Replaces the keys.
    pub fn replace(&self, keys: Vec<Arc<SigningKey>>, current: Option<Arc<SigningKey>>) {
        let known = self.loaded();
        // A token of a key that was deleted is not valid any longer, even if it was verified before.
        let same =
            keys.len() == known.keys.len() && keys.iter().zip(&known.keys).all(|(one, other)| Arc::ptr_eq(one, other));
        let checked = same.then(|| Arc::clone(&known.checked));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Loaded {
            checked: checked.unwrap_or_default(),
            published: keys.iter().map(|key| key.public.clone()).collect(),
            current,
            keys,
        });
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
