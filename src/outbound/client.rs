//! The client that checks each address before it connects to it.

use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Response as HttpResponse, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, RequestBuilder};
use zeroize::Zeroizing;

use super::fault::OutboundFault;
use super::network::{Network, look_up, tls};
use crate::domain::network::{AllowedNetworks, is_public};

/// The most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 4;
/// The most bytes of the headers of an answer.
const MOST_HEADER_BYTES: usize = 16 * 1024;
/// The ports of https and http.
const PORTS: (u16, u16) = (443, 80);

/// Says whether one more call to an address may be made, and counts it.
type Count = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Which addresses one client may connect to.
pub struct Access {
    allowed: AllowedNetworks,
    named: Vec<String>,
    count: Option<Count>,
    look_up_limit: Duration,
}

impl Access {
    /// Public addresses over TLS, and with or without TLS those that the operator allows. A look-up takes
    /// `look_up_limit` at most.
    pub fn new(allowed: AllowedNetworks, look_up_limit: Duration) -> Self {
        Self {
            allowed,
            named: Vec::new(),
            count: None,
            look_up_limit,
        }
    }

    /// Makes an exception for hosts, as URLs have them: over TLS they may be anywhere. Only for hosts that the
    /// operator names in a setting, which are as trustworthy as the list of allowed networks itself.
    #[must_use]
    pub fn naming(mut self, hosts: Vec<String>) -> Self {
        self.named = hosts;
        self
    }

    /// Asks `count` before each call to an address.
    #[must_use]
    pub fn counting(mut self, count: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.count = Some(Box::new(count));
        self
    }

    /// Checks all addresses of a host: one that is not public shows that the name is not meant for the internet, or for
    /// an attack.
    fn check(&self, host: &str, is_plain: bool, found: &[SocketAddr]) -> Result<(), OutboundFault> {
        let is_allowed = |address: &SocketAddr| self.allowed.contain(address.ip());
        if is_plain {
            return found.iter().all(is_allowed).then_some(()).ok_or(OutboundFault::Plain);
        }
        let is_named = self.named.iter().any(|named| named == host);
        let is_good = |address: &SocketAddr| is_named || is_public(address.ip()) || is_allowed(address);
        found.iter().all(is_good).then_some(()).ok_or(OutboundFault::NotPublic)
    }
}

/// The client. It blocks: call it on a thread that may wait.
#[derive(Clone, Debug)]
pub struct GuardedClient {
    agent: Agent,
    addresses: Arc<CheckedAddresses>,
}

impl GuardedClient {
    /// Makes a client, without connecting to anything yet.
    pub fn new(network: Arc<dyn Network>, access: Access) -> Self {
        let config = Agent::config_builder()
            .tls_config(tls(network.as_ref()))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // One that is kept would not be checked again, and another host could not have its place.
            .max_idle_connections(0)
            .max_response_header_size(MOST_HEADER_BYTES)
            // A proxy that an environment variable happens to name would look hosts up itself, past the check.
            .proxy(None)
            .user_agent("vestibule")
            .build();
        let addresses = Arc::new(CheckedAddresses { network, access });
        let resolver = CheckingResolver(Arc::clone(&addresses));
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            addresses,
        }
    }

    /// Looks the host of a URL up and checks what was found, without connecting to it.
    pub(super) fn check(&self, url: &str, limit: Duration) -> Result<(), OutboundFault> {
        let uri: Uri = url.parse().map_err(|_not_a_uri| OutboundFault::Unreachable)?;
        self.addresses.look_up(&uri, limit).map(|_found| ())
    }

    /// Gets a URL, with a limit for everything, the body of the answer included.
    ///
    /// # Errors
    ///
    /// Says why there is no answer. A redirect is none.
    pub fn get(&self, url: &str, headers: &[(&str, &str)], limit: Duration) -> Result<Response, OutboundFault> {
        let request = prepare(self.agent.get(url), headers, limit);
        Response::of(request.call())
    }

    /// Posts to a URL, with a limit for everything, the body of the answer included.
    ///
    /// # Errors
    ///
    /// Says why there is no answer. A redirect is none.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        limit: Duration,
    ) -> Result<Response, OutboundFault> {
        let request = prepare(self.agent.post(url), headers, limit);
        Response::of(request.send(body))
    }

    /// Asks a URL for its headers alone.
    ///
    /// # Errors
    ///
    /// Says why there is no answer. A redirect is none.
    pub(super) fn head(&self, url: &str, limit: Duration) -> Result<Response, OutboundFault> {
        let request = prepare(self.agent.head(url), &[], limit);
        Response::of(request.call())
    }
}

fn prepare<B>(request: RequestBuilder<B>, headers: &[(&str, &str)], limit: Duration) -> RequestBuilder<B> {
    let add = |request: RequestBuilder<B>, (name, value): &(&str, &str)| request.header(*name, *value);
    let request = headers.iter().fold(request, add);
    request.config().timeout_global(Some(limit)).build()
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub struct Response(HttpResponse<ureq::Body>);

impl Response {
    fn of(answer: Result<HttpResponse<ureq::Body>, ureq::Error>) -> Result<Self, OutboundFault> {
        let answer = answer?;
        if answer.status().is_redirection() {
            return Err(OutboundFault::Redirects);
        }
        Ok(Self(answer))
    }

    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Returns a header; nothing, if there is none or it is not text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.0.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Reads the body, which may have secrets.
    ///
    /// # Errors
    ///
    /// If it is longer than `most_bytes`, or does not come in time.
    pub fn read(mut self, most_bytes: u64) -> Result<Zeroizing<Vec<u8>>, OutboundFault> {
        let mut body = Zeroizing::new(Vec::new());
        let mut reader = self.0.body_mut().as_reader().take(most_bytes.saturating_add(1));
        reader.read_to_end(&mut body)?;
        match u64::try_from(body.len()) {
            Ok(length) if length <= most_bytes => Ok(body),
            _ => Err(OutboundFault::TooLong),
        }
    }
}

/// Looks hosts up for the client, which connects to what this returns and to nothing else: an address that was checked
/// cannot be exchanged for another one by a second look-up.
struct CheckedAddresses {
    network: Arc<dyn Network>,
    access: Access,
}

impl CheckedAddresses {
    /// Returns the addresses of a host, if all of them may be connected to.
    fn look_up(&self, uri: &Uri, limit: Duration) -> Result<Vec<SocketAddr>, OutboundFault> {
        let host = uri.host().unwrap_or_default();
        let is_plain = uri.scheme_str() != Some("https");
        if is_plain && self.access.allowed.is_empty() {
            // Whatever its addresses are.
            return Err(OutboundFault::Plain);
        }
        let usual = if is_plain { PORTS.1 } else { PORTS.0 };
        // Addresses in brackets are IPv6.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(usual);
        let found = look_up(&self.network, name, port, self.access.look_up_limit.min(limit))?;
        self.access.check(host, is_plain, &found)?;
        Ok(found)
    }
}

/// Resolves hosts by [`CheckedAddresses`].
#[derive(Debug)]
struct CheckingResolver(Arc<CheckedAddresses>);

impl CheckingResolver {
    fn find(&self, uri: &Uri, limit: Duration) -> Result<ResolvedSocketAddrs, OutboundFault> {
        let CheckedAddresses { network, access } = self.0.as_ref();
        let mut checked = self.empty();
        for address in self.0.look_up(uri, limit)?.into_iter().take(MOST_ADDRESSES) {
            if access.count.as_ref().is_some_and(|count| !count(address.ip())) {
                return Err(OutboundFault::Crowded);
            }
            checked.push(network.destination(address));
        }
        if checked.is_empty() {
            Err(OutboundFault::Unreachable)
        } else {
            Ok(checked)
        }
    }
}

impl Resolver for CheckingResolver {
    fn resolve(&self, uri: &Uri, _config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.find(uri, *timeout.after).map_err(OutboundFault::into_error)
    }
}

impl fmt::Debug for CheckedAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CheckedAddresses(…)")
    }
}
