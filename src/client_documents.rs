//! Fetches the documents of applications that describe themselves
//! (draft-ietf-oauth-client-id-metadata-document §4, §6.5).
//!
//! A stranger can send this program to any URL, so it uses the client that guards against that ([`crate::outbound`]). An
//! answer takes [`LIMIT`] and [`MOST_BYTES`] at most; few documents are fetched at once, and few from one address. Nothing
//! waits for a turn, and nothing that the service shares is held meanwhile.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::crypto::client_keys::ClientKeys;
use crate::domain::clock::Clock;
use crate::domain::network::{AllowedNetworks, network_of, real_address};
use crate::domain::oauth::client_document::{self, ClientDocument};
use crate::domain::oauth::client_url::{ClientUrl, Reach};
use crate::domain::policy::numbers::{CLIENT_DOCUMENT_OUTAGE, CLIENT_DOCUMENT_PAUSE, CLIENT_DOCUMENTS_OF_ADDRESS};
use crate::metrics;
use crate::outbound::{Access, GuardedClient, Network, OutboundFault};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// The timeout of one document, from the look-up of its host to its last byte.
pub const LIMIT: Duration = Duration::from_secs(3);
/// How long the look-up of a host may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(1);
/// The longest document (draft §6.6).
pub const MOST_BYTES: u64 = 5 * 1024;
/// The most documents that are fetched at once; further ones are refused.
pub const MOST_AT_ONCE: usize = 8;
/// The most documents, and the most addresses, that are remembered.
pub const MOST_REMEMBERED: usize = 1000;

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// What was found is not such a document, or there is none: the application cannot be used.
    Refused(&'static str),
    /// It cannot be had at this moment.
    Unavailable(&'static str),
}

impl DocumentFault {
    const fn outcome(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(why) | Self::Unavailable(why)) = self;
        formatter.write_str(why)
    }
}

impl Error for DocumentFault {}

type Fetched = Result<Arc<ClientDocument>, DocumentFault>;
type Flight = Shared<BoxFuture<'static, Fetched>>;

/// Fetches documents, and remembers them for a while.
pub struct ClientDocuments {
    client: GuardedClient,
    reach: Reach,
    clock: Arc<dyn Clock>,
    memory: Arc<Mutex<Memory>>,
}

/// What is remembered, in bounded memory.
#[derive(Default)]
struct Memory {
    documents: HashMap<ClientUrl, Remembered>,
    /// URLs without a document that counts, until when they are not asked again, and why.
    pauses: HashMap<ClientUrl, (DateTime<Utc>, DocumentFault)>,
    /// What is being fetched.
    flights: HashMap<ClientUrl, Flight>,
}

struct Remembered {
    document: Arc<ClientDocument>,
    until: DateTime<Utc>,
}

impl ClientDocuments {
    /// Makes a client, without asking anything yet.
    pub fn new(network: Arc<dyn Network>, allowed: AllowedNetworks, reach: Reach, clock: Arc<dyn Clock>) -> Self {
        let visits = Visits {
            clock: Arc::clone(&clock),
            addresses: Mutex::default(),
        };
        let access = Access::new(allowed, LOOK_UP_LIMIT).counting(move |address| visits.count(address));
        Self {
            client: GuardedClient::new(network, access),
            reach,
            clock,
            memory: Arc::default(),
        }
    }

    /// Returns where documents may be.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Returns the document at a URL: a remembered one, or the one that is there now.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub async fn get(&self, url: &ClientUrl) -> Fetched {
        match self.remembered_or_flight(url) {
            Ok(document) => Ok(document),
            Err(None) => self.or_outdated(url, DocumentFault::Unavailable("Too many are fetched at this moment.")),
            Err(Some(flight)) => match tokio::time::timeout(LIMIT, flight).await {
                Ok(Ok(document)) => Ok(document),
                Ok(Err(fault)) => self.or_outdated(url, fault),
                Err(_elapsed) => self.or_outdated(url, TOO_SLOW),
            },
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a remembered document, or joins those who wait for it. `None`: too many are fetched.
    fn remembered_or_flight(&self, url: &ClientUrl) -> Result<Arc<ClientDocument>, Option<Flight>> {
        let now = self.clock.now();
        let mut memory = self.memory();
        let remembered = memory.documents.get(url).filter(|known| now < known.until);
        if let Some(known) = remembered {
            return Ok(Arc::clone(&known.document));
        }
        if let Some((_until, fault)) = memory.pauses.get(url).filter(|(until, _fault)| now < *until) {
            return Err(Some(std::future::ready(Err(*fault)).boxed().shared()));
        }
        if let Some(flight) = memory.flights.get(url) {
            return Err(Some(flight.clone()));
        }
        if memory.flights.len() >= MOST_AT_ONCE {
            return Err(None);
        }
        let flight = self.fetch(url.clone()).boxed().shared();
        memory.flights.insert(url.clone(), flight.clone());
        Err(Some(flight))
    }

    /// Begins to fetch a document. It is remembered even if the requests for it have ended.
    fn fetch(&self, url: ClientUrl) -> impl Future<Output = Fetched> + Send + use<> {
        let (client, clock, memory) = (self.client.clone(), Arc::clone(&self.clock), Arc::clone(&self.memory));
        #[expect(
            clippy::disallowed_methods,
            reason = "the client blocks; few documents are fetched at once, and each ends in bounded time"
        )]
        let task = tokio::task::spawn_blocking(move || {
            let _landing = Landing(Arc::clone(&memory), url.clone());
            let fetched = fetch(&client, &url);
            metrics::client_document(
                fetched
                    .as_ref()
                    .map_or_else(|fault| fault.outcome(), |_fetched| "fetched"),
            );
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.remember(&url, fetched, clock.now())
        });
        async move {
            task.await
                .unwrap_or(Err(DocumentFault::Unavailable("The program is stopping.")))
        }
    }

    /// Returns an outdated document in the place of one that cannot be had at this moment: an outage of its server, or
    /// a flood of requests for others, signs no user out.
    fn or_outdated(&self, url: &ClientUrl, fault: DocumentFault) -> Fetched {
        let now = self.clock.now();
        let memory = self.memory();
        let known = memory
            .documents
            .get(url)
            .filter(|_| matches!(fault, DocumentFault::Unavailable(_)));
        let known = known.filter(|known| now < known.until + CLIENT_DOCUMENT_OUTAGE);
        known.map_or(Err(fault), |known| Ok(Arc::clone(&known.document)))
    }
}

/// Ends a flight, however it went.
struct Landing(Arc<Mutex<Memory>>, ClientUrl);

impl Drop for Landing {
    fn drop(&mut self) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.flights.remove(&self.1);
    }
}

impl Memory {
    /// Remembers what a flight brought. A fault is not remembered as an answer (draft §4.4), but the URL is not asked
    /// again at once.
    fn remember(
        &mut self,
        url: &ClientUrl,
        fetched: Result<(ClientDocument, TimeDelta), DocumentFault>,
        now: DateTime<Utc>,
    ) -> Fetched {
        match fetched {
            Ok((document, life)) => {
                let document = Arc::new(document);
                self.make_room(now);
                let remembered = Remembered {
                    document: Arc::clone(&document),
                    until: now + life,
                };
                self.documents.insert(url.clone(), remembered);
                Ok(document)
            }
            Err(fault) => {
                if matches!(fault, DocumentFault::Refused(_)) {
                    self.documents.remove(url);
                }
                self.make_room(now);
                self.pauses.insert(url.clone(), (now + CLIENT_DOCUMENT_PAUSE, fault));
                Err(fault)
            }
        }
    }

    /// Forgets what no longer counts, and then what counts the shortest.
    fn make_room(&mut self, now: DateTime<Utc>) {
        if self.pauses.len() >= MOST_REMEMBERED {
            self.pauses.retain(|_url, (until, _fault)| now < *until);
        }
        if self.pauses.len() >= MOST_REMEMBERED {
            self.pauses.clear();
        }
        if self.documents.len() >= MOST_REMEMBERED {
            self.documents.retain(|_url, known| now < known.until);
        }
        if self.documents.len() >= MOST_REMEMBERED {
            let first = self.documents.iter().min_by_key(|(_url, known)| known.until);
            if let Some(url) = first.map(|(url, _known)| url.clone()) {
                self.documents.remove(&url);
            }
        }
    }
}

const TOO_SLOW: DocumentFault = DocumentFault::Unavailable("Its server did not answer in time.");
const UNREACHABLE: DocumentFault = DocumentFault::Unavailable("Its server cannot be reached over TLS.");
const TOO_LONG: DocumentFault = DocumentFault::Refused("It is longer than 5 kB.");
const NOT_PUBLIC: DocumentFault = DocumentFault::Refused("Its host is not on the public internet.");
const TOO_MANY: DocumentFault = DocumentFault::Unavailable("Too many documents of its server were asked for.");

const NOT_GOOD: DocumentFault = DocumentFault::Refused("Its server redirects, or does not answer with 200.");
const IN_TROUBLE: DocumentFault = DocumentFault::Unavailable("Its server answers with an error.");

/// Fetches and checks a document. Returns how long it counts.
fn fetch(client: &GuardedClient, url: &ClientUrl) -> Result<(ClientDocument, TimeDelta), DocumentFault> {
    let answer = client.get(url.as_str(), &[("accept", "application/json")], LIMIT)?;
    match answer.status() {
        200 => {}
        // A server in trouble; any other answer is the answer.
        500..=599 | 429 => return Err(IN_TROUBLE),
        _ => return Err(NOT_GOOD),
    }
    if !client_document::is_json(answer.header("content-type")) {
        return Err(DocumentFault::Refused("It is not served as JSON."));
    }
    let life = client_document::life(answer.header("cache-control"));
    let written = answer.read(MOST_BYTES)?;
    let document = ClientDocument::check(url, &written).map_err(DocumentFault::Refused)?;
    let keys = document.jwks.as_deref().map(ClientKeys::parse);
    if keys.is_some_and(|keys| keys.is_err()) {
        return Err(DocumentFault::Refused(
            "Its keys are not a JWK set of public keys that are understood.",
        ));
    }
    Ok((document, life))
}

impl From<OutboundFault> for DocumentFault {
    fn from(fault: OutboundFault) -> Self {
        match fault {
            OutboundFault::Late => TOO_SLOW,
            OutboundFault::NotPublic | OutboundFault::Plain => NOT_PUBLIC,
            OutboundFault::Crowded => TOO_MANY,
            OutboundFault::TooLong => TOO_LONG,
            OutboundFault::Redirects | OutboundFault::Status(_) => NOT_GOOD,
            OutboundFault::Unreachable | OutboundFault::Untrusted | OutboundFault::Busy | OutboundFault::Stopping => {
                UNREACHABLE
            }
        }
    }
}

/// How many documents the addresses were asked for, and since when.
struct Visits {
    clock: Arc<dyn Clock>,
    addresses: Mutex<HashMap<IpAddr, (DateTime<Utc>, u32)>>,
}

impl Visits {
    /// Counts a document of an address. Returns whether it may be asked for one more.
    fn count(&self, address: IpAddr) -> bool {
        let (now, allowed) = (self.clock.now(), CLIENT_DOCUMENTS_OF_ADDRESS);
        let mut asked = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST_REMEMBERED {
            asked.retain(|_address, (since, _count)| now < *since + allowed.window());
        }
        if asked.len() >= MOST_REMEMBERED {
            // Each address may then be asked once more in this window, which is little for so many.
            asked.clear();
        }
        let one = match real_address(address) {
            IpAddr::V4(one) => IpAddr::V4(one),
            IpAddr::V6(_) => network_of(address),
        };
        let (since, count) = asked.entry(one).or_insert((now, 0));
        if now >= *since + allowed.window() {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= allowed.most
    }
}

impl fmt::Debug for ClientDocuments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientDocuments(…)")
    }
}
