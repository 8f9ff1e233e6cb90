//! Calls of one kind, which have places of their own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::client::{Access, GuardedClient, Response};
use super::fault::OutboundFault;
use super::network::Network;
use crate::domain::network::AllowedNetworks;
use crate::domain::outbound_url::OutboundUrl;

/// How long the look-up of a host may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);

/// What one call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time, from the look-up of the host to the last byte of the answer.
    pub time: Duration,
    /// The longest answer. `None`: it is not read, and may be of any length.
    pub most_bytes: Option<u64>,
}

/// An answer that is not a redirect.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, or nothing if it was not read.
    pub body: Zeroizing<Vec<u8>>,
}

/// Makes the calls of one kind. Each kind has places of its own: a slow server of one takes none of another's.
#[derive(Clone)]
pub struct OutboundCalls {
    client: GuardedClient,
    places: Arc<Semaphore>,
}

impl OutboundCalls {
    /// Makes a client with this many places, without connecting to anything yet.
    pub fn new(network: &Arc<dyn Network>, allowed: &AllowedNetworks, places: usize) -> Self {
        let access = Access::new(allowed.clone(), LOOK_UP_LIMIT);
        Self {
            client: GuardedClient::new(Arc::clone(network), access),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// Posts to a URL. Fails at once if all places are taken.
    ///
    /// # Errors
    ///
    /// Says why there is no answer.
    pub async fn post(
        &self,
        url: &OutboundUrl,
        headers: Vec<(&'static str, String)>,
        body: String,
        limits: Limits,
    ) -> Result<Answer, OutboundFault> {
        let url = url.clone();
        self.call(limits.time, move |client| {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let response = client.post(url.as_str(), &headers, body.as_bytes(), limits.time)?;
            read(response, limits.most_bytes)
        })
        .await
    }

    /// Finds out whether a server can be reached: asks for the headers of a URL. Each status is good enough, because a
    /// receiver need not support any method but POST.
    ///
    /// # Errors
    ///
    /// Says why there is no answer.
    pub async fn probe(&self, url: &OutboundUrl, limit: Duration) -> Result<(), OutboundFault> {
        let url = url.clone();
        self.call(limit, move |client| {
            client.head(url.as_str(), limit).map(|_response| ())
        })
        .await
    }

    /// Looks the host of a URL up and finds out whether calls to it are allowed now, without making one. Each call checks
    /// again.
    ///
    /// # Errors
    ///
    /// Says why a call would have no answer.
    pub async fn check(&self, url: &OutboundUrl) -> Result<(), OutboundFault> {
        let url = url.clone();
        self.call(LOOK_UP_LIMIT, move |client| client.check(url.as_str(), LOOK_UP_LIMIT))
            .await
    }

    /// Works on a thread of its own, and leaves it behind if it takes too long. It has its place until it ends.
    async fn call<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&GuardedClient) -> Result<T, OutboundFault> + Send + 'static,
    ) -> Result<T, OutboundFault> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_none_left| OutboundFault::Busy)?;
        let client = self.client.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the client blocks; calls of one kind have few places, and each ends in bounded time"
        )]
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&client)
        });
        match tokio::time::timeout(limit, task).await {
            Ok(done) => done.unwrap_or(Err(OutboundFault::Stopping)),
            Err(_elapsed) => Err(OutboundFault::Late),
        }
    }
}

fn read(response: Response, most_bytes: Option<u64>) -> Result<Answer, OutboundFault> {
    let status = response.status();
    let body = match most_bytes {
        Some(most_bytes) => response.read(most_bytes)?,
        None => Zeroizing::default(),
    };
    Ok(Answer { status, body })
}

/// The body may have secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Answer({}…)", self.status)
    }
}

impl fmt::Debug for OutboundCalls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OutboundCalls(…)")
    }
}
