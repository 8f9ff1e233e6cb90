//! The signing keys of the deployment: made by whoever starts first, known to all.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Core, Fault};
use crate::crypto::jwt;
use crate::crypto::sealer::SealedAt;
use crate::crypto::signing_key::SigningKey;
use crate::domain::access_token::AccessTokenClaims;
use crate::domain::signing_key::{PublicJwk, SigningAlgorithm};
use crate::store::error::StoreError;
use crate::store::signing_keys::{self, StoredKey};

/// The keys in memory, so that signing and checking ask nobody.
#[derive(Default)]
pub struct KeySet(RwLock<Arc<Vec<SigningKey>>>);

impl KeySet {
    /// Returns the keys as published.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before they are loaded: an empty set must never be published.
    pub fn published(&self) -> Result<Vec<PublicJwk>, Fault> {
        let keys = self.loaded();
        if keys.is_empty() {
            return Err(Fault::NoSigningKey);
        }
        Ok(keys.iter().map(|key| key.public.clone()).collect())
    }

    /// Signs claims with the current key of an algorithm.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded.
    pub fn sign(&self, algorithm: SigningAlgorithm, claims: &AccessTokenClaims) -> Result<String, Fault> {
        let keys = self.loaded();
        let key = keys
            .iter()
            .find(|key| key.algorithm == algorithm)
            .ok_or(Fault::NoSigningKey)?;
        Ok(jwt::sign(key, claims)?)
    }

    /// Checks that a current key of an algorithm is loaded.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded.
    pub fn ready_to_sign(&self, algorithm: SigningAlgorithm) -> Result<(), Fault> {
        let found = self.loaded().iter().any(|key| key.algorithm == algorithm);
        if found { Ok(()) } else { Err(Fault::NoSigningKey) }
    }

    /// Returns the claims of a token that one of the keys signed.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded: a good token must not be refused then.
    pub fn verify(&self, token: &str) -> Result<Option<AccessTokenClaims>, Fault> {
        let keys = self.loaded();
        if keys.is_empty() {
            return Err(Fault::NoSigningKey);
        }
        Ok(jwt::verify(token, &keys))
    }

    fn loaded(&self) -> Arc<Vec<SigningKey>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, keys: Vec<SigningKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

/// Makes the deployment's signing key if there is none, and loads all keys into memory.
///
/// # Errors
///
/// Returns faults of the database, and of keys that do not open: the master key is then not the one they were
/// sealed with.
pub async fn load(core: &Arc<Core>) -> Result<(), Fault> {
    let mut stored: Vec<StoredKey> = core.db.read("signing_keys.load", signing_keys::all).await?;
    let algorithm = core.settings.signing_algorithm;
    if !stored.iter().any(|key| key.algorithm == algorithm) {
        make_first(core, algorithm).await?;
        stored = core.db.read("signing_keys.load", signing_keys::all).await?;
    }
    let open = |key: &StoredKey| {
        let pkcs8 = core
            .sealer
            .open(&SealedAt::signing_key(&key.kid), &key.sealed_private_key)?;
        Ok(SigningKey::from_pkcs8(key.algorithm, &pkcs8)?)
    };
    let keys: Result<Vec<SigningKey>, Fault> = stored.iter().map(open).collect();
    core.keys.replace(keys?);
    Ok(())
}

async fn make_first(core: &Arc<Core>, algorithm: SigningAlgorithm) -> Result<(), Fault> {
    let pkcs8 = SigningKey::generate(algorithm)?;
    let kid = SigningKey::from_pkcs8(algorithm, &pkcs8)?.public.kid;
    let sealed_private_key = core.sealer.seal(&SealedAt::signing_key(&kid), &pkcs8)?;
    let key = StoredKey {
        kid,
        algorithm,
        sealed_private_key,
    };
    let now = core.clock.now();
    core.db
        .transaction(
            "signing_keys.make_first",
            move |connection| -> Result<bool, StoreError> { signing_keys::insert_first(connection, &key, now) },
        )
        .await?;
    Ok(())
}
