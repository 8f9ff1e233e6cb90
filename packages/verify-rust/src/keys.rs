//! The keys of the service: found by its metadata, cached, and used for a while if the service does not answer.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::fetch::{self, Fault};
use crate::options::OnFault;

/// The `max-age` of the key set. A key is in it for longer before it signs.
const FRESH: Duration = Duration::from_secs(300);
/// The shortest time between two requests: an attacker can invent a `kid` for every token.
const PAUSE: Duration = Duration::from_secs(5);
/// How long keys count without an answer: no token of them is valid for longer (`VESTIBULE_ACCESS_TOKEN_TTL`).
const USED_FOR: Duration = Duration::from_secs(3600);
const TIMEOUT: Duration = Duration::from_secs(2);
const LONGEST: usize = 256 * 1024;

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The service has no such key.
    Unknown,
    /// The keys cannot be had, so nothing can be said about the token.
    Unavailable,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    ended_sessions_endpoint: Option<String>,
}

/// What was read last.
#[derive(Clone, Default)]
struct Known {
    metadata: Option<Metadata>,
    keys: Option<(Arc<JwkSet>, Instant)>,
    has_failed: bool,
}

/// The keys that tokens are verified with.
pub(crate) struct Keys {
    issuer: String,
    on_fault: OnFault,
    client: reqwest::Client,
    clock: Clock,
    known: RwLock<Known>,
    /// When the service was asked last. Who has the lock asks; the others wait for the same answer.
    asked_at: Mutex<Option<Instant>>,
}

impl Keys {
    pub(crate) fn new(issuer: String, on_fault: OnFault, client: reqwest::Client, clock: Clock) -> Self {
        Self {
            issuer,
            on_fault,
            client,
            clock,
            known: RwLock::default(),
            asked_at: Mutex::default(),
        }
    }

    /// Returns the key of an id.
    pub(crate) async fn find(&self, kid: &str) -> Result<Jwk, NoKey> {
        if self.cached(FRESH).is_none() {
            self.refresh(|keys| keys.cached(FRESH).is_some()).await;
        }
        let own = |keys: &Self| keys.cached(USED_FOR).and_then(|set| set.find(kid).cloned());
        if let Some(key) = own(self) {
            return Ok(key);
        }
        if self.cached(USED_FOR).is_some() {
            self.refresh(|keys| own(keys).is_some()).await;
        }
        let unknown = if self.cached(USED_FOR).is_none() || self.known().has_failed {
            NoKey::Unavailable
        } else {
            NoKey::Unknown
        };
        own(self).ok_or(unknown)
    }

    /// Returns the URL of the list of ended sessions.
    pub(crate) async fn ended_sessions_url(&self) -> Result<String, Fault> {
        if self.known().metadata.is_none() {
            self.refresh(|keys| keys.known().metadata.is_some()).await;
        }
        let metadata = self.known().metadata.ok_or("the metadata could not be read")?;
        let url = metadata.ended_sessions_endpoint;
        Ok(url.ok_or("the service has no list of ended sessions")?)
    }

    /// Reads the keys.
    pub(crate) async fn load(&self) -> Result<(), Fault> {
        self.read().await
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the keys if they are younger than this.
    fn cached(&self, longest: Duration) -> Option<Arc<JwkSet>> {
        let (keys, got_at) = self.known().keys?;
        (self.clock.now().saturating_duration_since(got_at) < longest).then_some(keys)
    }

    /// Asks the service, unless it was asked just now, or the answer came while this waited. A request that is dropped
    /// while it asks leaves that to the next one.
    async fn refresh(&self, is_done: impl Fn(&Self) -> bool) {
        let mut asked_at = self.asked_at.lock().await;
        let is_early = |at| self.clock.now().saturating_duration_since(at) < PAUSE;
        if is_done(self) || asked_at.is_some_and(is_early) {
            return;
        }
        *asked_at = Some(self.clock.now());
        if let Err(fault) = self.read().await {
            self.change(|known| {
                known.has_failed = true;
                // The keys may have moved.
                known.metadata = None;
            });
            (self.on_fault)(&format!("the keys could not be read: {fault}"));
        }
    }

    async fn read(&self) -> Result<(), Fault> {
        let asked_at = self.clock.now();
        let metadata = match self.known().metadata {
            Some(metadata) => metadata,
            None => self.read_metadata().await?,
        };
        let text = fetch::read(&self.client, &metadata.jwks_uri, TIMEOUT, LONGEST).await?;
        let keys: JwkSet = serde_json::from_str(&text).map_err(|error| format!("the key set: {error}"))?;
        // The service never publishes an empty set.
        if keys.keys.is_empty() {
            return Err("the key set has no keys".to_owned());
        }
        self.change(|known| {
            known.metadata = Some(metadata);
            known.keys = Some((Arc::new(keys), asked_at));
            known.has_failed = false;
        });
        Ok(())
    }

    async fn read_metadata(&self) -> Result<Metadata, Fault> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let text = fetch::read(&self.client, &url, TIMEOUT, LONGEST).await?;
        let found: Metadata = serde_json::from_str(&text).map_err(|error| format!("{url}: {error}"))?;
        if found.issuer != self.issuer {
            let (theirs, ours) = (found.issuer, &self.issuer);
            return Err(format!(
                "the service says that its issuer is {theirs}, and you configured {ours}"
            ));
        }
        Ok(found)
    }
}
