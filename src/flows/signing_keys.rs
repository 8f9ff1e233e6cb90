//! The signing keys of the deployment: made by whoever starts first, known to all, replaced without anybody noticing.
//!
//! A key is published as `next` before it signs, so that verifiers that keep the key set for its `max-age` know it when
//! its first token arrives; it is `current` while it signs; and it stays published as `retired` until the last token it
//! signed has expired. Instances look at the table every few seconds. One that has not looked yet signs with the key
//! before, which is still published.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::{Core, Fault};
use crate::crypto::jwt;
use crate::crypto::sealer::SealedAt;
use crate::crypto::signing_key::SigningKey;
use crate::domain::access_token::AccessTokenClaims;
use crate::domain::signing_key::{
    AGE_TO_ROTATE, KeyState, PUBLISHED_BEFORE_SIGNING, PublicJwk, RETIRED_KEPT, SigningAlgorithm,
};
use crate::store::error::StoreError;
use crate::store::signing_keys::{self, StoredKey};

/// The keys in memory, so that signing and checking ask nobody.
#[derive(Default)]
pub struct KeySet(RwLock<Arc<Loaded>>);

#[derive(Default)]
struct Loaded {
    keys: Vec<SigningKey>,
    /// The one of them that signs.
    current: Option<String>,
}

impl KeySet {
    /// Returns the keys as published.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before they are loaded: an empty set must never be published.
    pub fn published(&self) -> Result<Vec<PublicJwk>, Fault> {
        let loaded = self.loaded();
        if loaded.keys.is_empty() {
            return Err(Fault::NoSigningKey);
        }
        Ok(loaded.keys.iter().map(|key| key.public.clone()).collect())
    }

    /// Signs claims with the current key.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded.
    pub fn sign(&self, claims: &AccessTokenClaims) -> Result<String, Fault> {
        let loaded = self.loaded();
        Ok(jwt::sign(loaded.current().ok_or(Fault::NoSigningKey)?, claims)?)
    }

    /// Checks that there is a key to sign with.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded.
    pub fn ready_to_sign(&self) -> Result<(), Fault> {
        self.loaded().current().map(|_key| ()).ok_or(Fault::NoSigningKey)
    }

    /// Does something with the current key itself: for the test vectors of `vestibule dev`.
    pub(super) fn with_current<T>(&self, work: impl FnOnce(&SigningKey) -> Result<T, Fault>) -> Result<T, Fault> {
        work(self.loaded().current().ok_or(Fault::NoSigningKey)?)
    }

    /// Returns the claims of a token that one of the keys signed.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before the keys are loaded: a good token must not be refused then.
    pub fn verify(&self, token: &str) -> Result<Option<AccessTokenClaims>, Fault> {
        let loaded = self.loaded();
        if loaded.keys.is_empty() {
            return Err(Fault::NoSigningKey);
        }
        Ok(jwt::verify(token, &loaded.keys))
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}

impl Loaded {
    fn current(&self) -> Option<&SigningKey> {
        self.keys
            .iter()
            .find(|key| Some(&key.public.kid) == self.current.as_ref())
    }
}

/// Makes the deployment's current and next key where there is none, and loads all keys into memory.
///
/// # Errors
///
/// Returns faults of the database, and of keys that do not open: the master key is then not the one they were
/// sealed with.
pub async fn load(core: &Arc<Core>) -> Result<(), Fault> {
    let algorithm = core.settings.signing_algorithm;
    let mut stored = list(core).await?;
    let find = |stored: &[StoredKey], state| {
        stored
            .iter()
            .find(|key| key.algorithm == algorithm && key.state == state)
            .map(|key| key.kid.clone())
    };
    for state in [KeyState::Current, KeyState::Next] {
        if find(&stored, state).is_none() {
            make(core, algorithm, state).await?;
            stored = list(core).await?;
        }
    }
    let current = find(&stored, KeyState::Current);
    let open = |key: &StoredKey| {
        let pkcs8 = core
            .sealer
            .open(&SealedAt::signing_key(&key.kid), &key.sealed_private_key)?;
        Ok(SigningKey::from_pkcs8(key.algorithm, &pkcs8)?)
    };
    let keys: Result<Vec<SigningKey>, Fault> = stored.iter().map(open).collect();
    core.keys.replace(Loaded { keys: keys?, current });
    Ok(())
}

/// Lists all keys, oldest first.
///
/// # Errors
///
/// Returns faults only.
pub async fn list(core: &Arc<Core>) -> Result<Vec<StoredKey>, Fault> {
    core.db
        .read("signing_keys.list", |connection| {
            signing_keys::all(connection).map_err(Fault::from)
        })
        .await
}

async fn make(core: &Arc<Core>, algorithm: SigningAlgorithm, state: KeyState) -> Result<(), Fault> {
    let now = core.clock.now();
    let pkcs8 = SigningKey::generate(algorithm)?;
    let kid = SigningKey::from_pkcs8(algorithm, &pkcs8)?.public.kid;
    let key = StoredKey {
        sealed_private_key: core.sealer.seal(&SealedAt::signing_key(&kid), &pkcs8)?,
        kid,
        algorithm,
        state,
        created_at: now,
        activated_at: (state == KeyState::Current).then_some(now),
        retired_at: None,
    };
    core.db
        .transaction("signing_keys.make", move |connection| -> Result<bool, StoreError> {
            signing_keys::insert(connection, &key)
        })
        .await?;
    Ok(())
}

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// The next key signs now.
    Rotated {
        /// The key that signs now.
        current: String,
    },
    /// The next key has not been published for long enough; verifiers might not know it yet.
    TooSoon {
        /// From when on it may sign.
        ready_at: DateTime<Utc>,
    },
    /// Another instance did it at the same moment.
    AlreadyRotated,
}

/// Lets the next key sign in the place of the current one, and makes a new next key.
///
/// # Errors
///
/// Returns faults only.
pub async fn rotate(core: &Arc<Core>) -> Result<Rotation, Fault> {
    let now = core.clock.now();
    let algorithm = core.settings.signing_algorithm;
    let stored = list(core).await?;
    let find = |state| {
        stored
            .iter()
            .find(|key| key.algorithm == algorithm && key.state == state)
    };
    let current = find(KeyState::Current).ok_or(Fault::NoSigningKey)?;
    // Whoever rotates makes the new next key right after the swap; until then there is none.
    let Some(next) = find(KeyState::Next) else {
        return Ok(Rotation::AlreadyRotated);
    };
    let ready_at = next.created_at + PUBLISHED_BEFORE_SIGNING;
    if now < ready_at {
        return Ok(Rotation::TooSoon { ready_at });
    }
    let (old, new) = (current.kid.clone(), next.kid.clone());
    let current = new.clone();
    let swapped = core
        .db
        .transaction("signing_keys.rotate", move |connection| -> Result<bool, StoreError> {
            Ok(signing_keys::retire(connection, &old, now)? && signing_keys::activate(connection, &new, now)?)
        })
        .await?;
    if !swapped {
        return Ok(Rotation::AlreadyRotated);
    }
    load(core).await?;
    tracing::info!(kid = current, "the signing key was rotated");
    Ok(Rotation::Rotated { current })
}

/// Does what the clock asks for: replaces a key of age, lets go of retired keys whose tokens are gone, and looks at what
/// other instances did.
///
/// # Errors
///
/// Returns faults only.
pub async fn tend(core: &Arc<Core>) -> Result<(), Fault> {
    let now = core.clock.now();
    let stored = list(core).await?;
    let ours = |key: &&StoredKey| key.algorithm == core.settings.signing_algorithm;
    let current = stored.iter().filter(ours).find(|key| key.state == KeyState::Current);
    if current.is_some_and(|key| now - key.activated_at.unwrap_or(key.created_at) >= AGE_TO_ROTATE) {
        // Too soon or done by another instance: the next look will tell.
        let _ = rotate(core).await?;
    }
    let expired = |key: &StoredKey| key.retired_at.is_some_and(|retired_at| now - retired_at > RETIRED_KEPT);
    if stored.iter().any(expired) {
        let before = now - RETIRED_KEPT;
        core.db
            .transaction(
                "signing_keys.delete_retired",
                move |connection| -> Result<usize, StoreError> { signing_keys::delete_retired(connection, before) },
            )
            .await?;
    }
    load(core).await
}
