//! The signing keys of the deployment: made by the first instance that starts, known to all, and rotated without an
//! interruption.
//!
//! A key is published as `next` before it signs, so that verifiers that cache the key set for its `max-age` know it
//! when its first token arrives. It is `current` while it signs, and stays published as `retired` until the last token
//! it signed has expired. Instances read the table every few seconds. An instance that has not read it yet signs with
//! the previous key, which is still published.
//!
//! Which key signs is decided by the database, not by an instance's settings: an instance that starts with another
//! algorithm replaces the next key, which then signs as soon as it has been published for long enough. It does so only
//! at its start: otherwise instances with different settings would replace each other's key for ever. The last one that
//! started decides.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::crypto::sealer::SealedAt;
use crate::crypto::signing_key::SigningKey;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::policy::numbers::RETIRED_KEY_PUBLISHED_FOR;
use crate::domain::signing_key::{KeyState, ListedKey, SigningAlgorithm};
use crate::flows::admin::{AdminRefusal, Operator};
use crate::flows::{Core, Fault};
use crate::store::error::StoreError;
use crate::store::signing_keys::{self, NewKey};

/// Makes the first keys if there are none, gives the next key the deployment's algorithm, and loads all keys.
///
/// # Errors
///
/// Returns faults of the database, and of keys that do not open: the master key is then not the one that sealed them.
pub async fn prepare(core: &Arc<Core>) -> Result<(), Fault> {
    let algorithm = core.settings.signing_algorithm;
    // The existing keys have to open before others are made: keys made under another master key would be of no use to
    // other instances. They are published together with the new ones, so that no published key set lacks its next key.
    let keys = look(core).await?.listed;
    if in_place(&keys, KeyState::Current).is_none() {
        offer(core, algorithm, KeyState::Current).await?;
    }
    match in_place(&keys, KeyState::Next) {
        None => offer(core, algorithm, KeyState::Next).await?,
        Some(next) if next.algorithm != algorithm => replace_next(core, next, algorithm).await?,
        Some(_) => {}
    }
    load(core).await?;
    Ok(())
}

/// Lists all keys, oldest first, and updates those in memory: new ones are opened, others stay.
///
/// # Errors
///
/// Returns faults of the database, and of keys that do not open: the master key is then not the one that sealed them.
pub async fn load(core: &Arc<Core>) -> Result<Vec<ListedKey>, Fault> {
    let Looked { listed, keys, current } = look(core).await?;
    core.keys.replace(keys, current);
    Ok(listed)
}

/// The keys of the deployment: as listed, and opened.
struct Looked {
    listed: Vec<ListedKey>,
    keys: Vec<Arc<SigningKey>>,
    current: Option<Arc<SigningKey>>,
}

async fn look(core: &Arc<Core>) -> Result<Looked, Fault> {
    let listed = core
        .db
        .read("signing_keys.list", |connection| {
            signing_keys::list(connection).map_err(Fault::from)
        })
        .await?;
    let is_unknown = |listed: &&ListedKey| core.keys.find(&listed.kid).is_none();
    let unknown: Vec<ListedKey> = listed.iter().filter(is_unknown).cloned().collect();
    let opened = open(core, unknown).await?;
    let find = |listed: &ListedKey| {
        let mut opened = opened.iter();
        let new = opened.find(|key| key.public.kid == listed.kid).cloned();
        new.or_else(|| core.keys.find(&listed.kid))
    };
    Ok(Looked {
        keys: listed.iter().filter_map(find).collect(),
        current: in_place(&listed, KeyState::Current).and_then(find),
        listed,
    })
}

/// Opens keys; a key that was deleted meanwhile is left out.
async fn open(core: &Arc<Core>, keys: Vec<ListedKey>) -> Result<Vec<Arc<SigningKey>>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let kids: Vec<String> = keys.iter().map(|key| key.kid.clone()).collect();
    let sealed = core
        .db
        .read("signing_keys.sealed", move |connection| {
            signing_keys::sealed(connection, &kids).map_err(Fault::from)
        })
        .await?;
    let mut opened = Vec::new();
    for (kid, sealed_private_key) in sealed {
        let pkcs8 = core.sealer.open(&SealedAt::signing_key(&kid), &sealed_private_key)?;
        if let Some(key) = keys.iter().find(|key| key.kid == kid) {
            opened.push(Arc::new(SigningKey::from_pkcs8(key.algorithm, &pkcs8)?));
        }
    }
    Ok(opened)
}

/// Returns the key in a state that only one key can have.
fn in_place(keys: &[ListedKey], state: KeyState) -> Option<&ListedKey> {
    keys.iter().find(|key| key.state == state)
}

async fn offer(core: &Arc<Core>, algorithm: SigningAlgorithm, state: KeyState) -> Result<(), Fault> {
    let key = make(core, algorithm)?;
    core.db
        .transaction("signing_keys.offer", move |connection| -> Result<_, StoreError> {
            signing_keys::insert(connection, &key, state)
        })
        .await?;
    Ok(())
}

/// Replaces the next key by one of another algorithm. It has signed nothing, so it can be deleted at once.
async fn replace_next(core: &Arc<Core>, next: &ListedKey, algorithm: SigningAlgorithm) -> Result<(), Fault> {
    let (old, new) = (next.kid.clone(), make(core, algorithm)?);
    let replaced = core
        .db
        .transaction(
            "signing_keys.replace_next",
            move |connection| -> Result<_, StoreError> {
                Ok(signing_keys::discard_next(connection, &old)?
                    && signing_keys::insert(connection, &new, KeyState::Next)?)
            },
        )
        .await?;
    if replaced {
        let algorithm = algorithm.as_str();
        tracing::info!(
            algorithm,
            "the next signing key was replaced by one of another algorithm"
        );
    }
    Ok(())
}

fn make(core: &Core, algorithm: SigningAlgorithm) -> Result<NewKey, Fault> {
    let pkcs8 = SigningKey::generate(algorithm)?;
    let kid = SigningKey::from_pkcs8(algorithm, &pkcs8)?.public.kid;
    Ok(NewKey {
        sealed_private_key: core.sealer.seal(&SealedAt::signing_key(&kid), &pkcs8)?,
        kid,
        algorithm,
        created_at: core.clock.now(),
    })
}

/// The result of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum KeyRotation {
    /// The next key signs now.
    Rotated {
        /// The key that signs now.
        current: String,
    },
    /// The next key has not been published for long enough; verifiers might not know it yet.
    TooSoon {
        /// When it may sign.
        ready_at: DateTime<Utc>,
    },
    /// Another instance rotated at the same moment.
    AlreadyRotated,
    /// There are no keys: the service makes them when it starts.
    NoKeys,
    /// The operator may not rotate.
    Refused(AdminRefusal),
}

/// Lets the next key sign instead of the current one, and makes a new next key, on an operator's request.
pub async fn rotate(core: &Arc<Core>, operator: &Operator) -> Result<KeyRotation, Fault> {
    let keys = load(core).await?;
    let (Some(current), Some(next)) = (in_place(&keys, KeyState::Current), in_place(&keys, KeyState::Next)) else {
        return Ok(KeyRotation::NoKeys);
    };
    let ready_at = next.ready_at();
    if core.clock.now() < ready_at {
        return Ok(KeyRotation::TooSoon { ready_at });
    }
    swap(core, current, next, Some(operator)).await
}

/// Lets one key sign instead of another. The new next key gets the algorithm of the key that signs then.
async fn swap(
    core: &Arc<Core>,
    current: &ListedKey,
    next: &ListedKey,
    operator: Option<&Operator>,
) -> Result<KeyRotation, Fault> {
    // Before the key is made, which takes a while.
    let now = core.clock.now();
    let (old, new, successor) = (current.kid.clone(), next.kid.clone(), make(core, next.algorithm)?);
    let operator = operator.cloned();
    let origin = operator
        .as_ref()
        .map_or_else(|| core.own_origin(), |operator| operator.origin().clone());
    let swapped = core
        .transaction_at(now, "signing_keys.swap", origin, move |tx| {
            if let Some(operator) = &operator
                && let Err(refusal) = operator.begin(tx)?
            {
                return Ok(Err(refusal));
            }
            let swapped = signing_keys::swap(tx.connection, &old, &new, tx.now)?;
            if swapped {
                signing_keys::insert(tx.connection, &successor, KeyState::Next)?;
                let event = AuditEvent::of_deployment(EventName::SigningKeyRotated);
                match &operator {
                    Some(_operator) => Operator::record(tx, "key_rotated", &[event.because("by_operator")], None)?,
                    None => tx.audit(&[event.because("by_schedule")])?,
                }
            }
            Ok(Ok(swapped))
        })
        .await?;
    load(core).await?;
    match swapped {
        Err(refusal) => return Ok(KeyRotation::Refused(refusal)),
        Ok(false) => return Ok(KeyRotation::AlreadyRotated),
        Ok(true) => {}
    }
    tracing::info!(kid = next.kid, "the signing key was rotated");
    Ok(KeyRotation::Rotated {
        current: next.kid.clone(),
    })
}

/// Does the scheduled work: rotates a key that has reached its age, deletes retired keys whose tokens have expired, and
/// reads what other instances did, which is usually all there is to do.
pub async fn tend(core: &Arc<Core>) -> Result<(), Fault> {
    let now = core.clock.now();
    let keys = load(core).await?;
    let (Some(current), Some(next)) = (in_place(&keys, KeyState::Current), in_place(&keys, KeyState::Next)) else {
        return prepare(core).await;
    };
    if current.makes_way_at(next) <= now {
        // Another instance may have rotated at the same moment, which is just as good.
        let _ = swap(core, current, next, None).await?;
    }
    if keys.iter().any(|key| key.is_expired(now)) {
        let before = now - RETIRED_KEY_PUBLISHED_FOR;
        core.db
            .transaction(
                "signing_keys.delete_retired",
                move |connection| -> Result<_, StoreError> { signing_keys::delete_retired(connection, before) },
            )
            .await?;
        load(core).await?;
    }
    Ok(())
}
