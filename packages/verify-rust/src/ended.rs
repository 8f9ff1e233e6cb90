//! The list of sessions that ended (`GET /token/ended`), so that a logout counts within five seconds. It is read only
//! while requests come, at most once a second.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::fetch::{self, Fault};
use crate::options::OnFault;
use crate::verifier::Signatures;

/// The shortest time between two readings.
const PAUSE: Duration = Duration::from_secs(1);
/// A list of this age counts while another request reads the next one. The service and a cache may add a second each,
/// so that a logout counts after four.
const FRESH: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);
/// 5,000 ids in a JWT are 260 kB.
const LONGEST: usize = 1024 * 1024;
/// Seconds; an older answer is from a cache that keeps it for too long.
const OLDEST: u64 = 10;
/// How often ids are forgotten that no valid token has.
const FORGET: Duration = Duration::from_secs(60);

/// A signed answer of the service.
#[derive(Deserialize)]
struct List {
    iat: u64,
    exp: u64,
    ended: Vec<String>,
    cursor: String,
    more: bool,
    /// The cursor that it answers; absent in the answers of older services.
    after: Option<String>,
}

/// What was read last.
#[derive(Default)]
struct Known {
    /// By id: until when tokens of the session may seem valid, in seconds since 1970.
    ended: HashMap<String, u64>,
    /// When the newest list was asked for: what ended later may be missing.
    read_at: Option<Instant>,
    forgot_at: Option<Instant>,
    has_failed: bool,
}

/// Of who reads the list. A reader that is dropped has not moved the cursor, so the next one misses nothing.
#[derive(Default)]
struct Reader {
    cursor: String,
    began_at: Option<Instant>,
}

/// The ended sessions of the last minutes.
pub(crate) struct EndedSessions {
    stale_after: Duration,
    leeway: u64,
    on_fault: OnFault,
    client: reqwest::Client,
    clock: Clock,
    known: RwLock<Known>,
    reader: Mutex<Reader>,
}

impl EndedSessions {
    pub(crate) fn new(
        (stale_after, leeway): (Duration, Duration),
        on_fault: OnFault,
        client: reqwest::Client,
        clock: Clock,
    ) -> Self {
        Self {
            stale_after,
            leeway: leeway.as_secs(),
            on_fault,
            client,
            clock,
            known: RwLock::default(),
            reader: Mutex::default(),
        }
    }

    /// Returns whether a session has ended. `None`: there is no list that is new enough.
    pub(crate) async fn has(&self, sid: &str, signatures: &Signatures) -> Option<bool> {
        if let Ok(mut reader) = self.reader.try_lock() {
            self.read_if_due(&mut reader, signatures).await;
        } else if self.is_older_than(self.patience()) {
            // Another request reads. While the service does not answer, this one waits only if it has to.
            let mut reader = self.reader.lock().await;
            self.read_if_due(&mut reader, signatures).await;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_ended = known.ended.contains_key(sid);
        drop(known);
        (self.stale_after == Duration::MAX || !self.is_older_than(self.stale_after)).then_some(is_ended)
    }

    fn patience(&self) -> Duration {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.has_failed { self.stale_after } else { FRESH }
    }

    fn is_older_than(&self, longest: Duration) -> bool {
        let read_at = self.known.read().unwrap_or_else(PoisonError::into_inner).read_at;
        read_at.is_none_or(|at| self.clock.now().saturating_duration_since(at) > longest)
    }

    async fn read_if_due(&self, reader: &mut Reader, signatures: &Signatures) {
        let now = self.clock.now();
        if reader
            .began_at
            .is_some_and(|at| now.saturating_duration_since(at) < PAUSE)
        {
            return;
        }
        reader.began_at = Some(now);
        let read = self.read(reader, signatures).await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.has_failed = read.is_err();
        if let Err(fault) = read {
            drop(known);
            // The pause begins now, or each request after the other would wait for a service that does not answer.
            reader.began_at = Some(self.clock.now());
            (self.on_fault)(&format!("the list of ended sessions: {fault}"));
            return;
        }
        known.read_at = Some(now);
        if known
            .forgot_at
            .is_none_or(|at| now.saturating_duration_since(at) >= FORGET)
        {
            known.forgot_at = Some(now);
            let seconds = self.clock.seconds().saturating_sub(self.leeway);
            known.ended.retain(|_, until| *until >= seconds);
        }
    }

    /// Reads the list to its end.
    async fn read(&self, reader: &mut Reader, signatures: &Signatures) -> Result<(), Fault> {
        let url = signatures.keys.ended_sessions_url().await?;
        loop {
            let list = self.read_page(&url, &reader.cursor, signatures).await?;
            if list.more && list.cursor == reader.cursor {
                return Err("the list does not go on".to_owned());
            }
            let ended = list.ended.into_iter().map(|sid| (sid, list.exp));
            self.known
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .ended
                .extend(ended);
            reader.cursor = list.cursor;
            if !list.more {
                return Ok(());
            }
        }
    }

    async fn read_page(&self, url: &str, cursor: &str, signatures: &Signatures) -> Result<List, Fault> {
        let mut url = url::Url::parse(url).map_err(|error| error.to_string())?;
        url.query_pairs_mut().append_pair("after", cursor);
        let text = fetch::read(&self.client, url.as_str(), TIMEOUT, LONGEST).await?;
        let verified = signatures.verify::<List>(&text, "ended+jwt", None).await;
        let list = verified.map_err(|refused| refused.to_string())?;
        let now = self.clock.seconds();
        if list.iat + OLDEST + self.leeway < now || list.iat > now + self.leeway {
            return Err("the list is old, or from the future".to_owned());
        }
        // An answer to another cursor would leave a gap.
        if list.after.as_deref().is_some_and(|after| after != cursor) {
            return Err("the list answers another cursor".to_owned());
        }
        Ok(list)
    }
}
