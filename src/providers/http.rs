//! Requests to one provider, bounded in time and size.
//!
//! The operator names the host of the issuer, and of GitHub's API. All other hosts come from the configuration of the
//! provider, so only addresses on the public internet are connected to there, and exactly the one that was checked: a
//! provider that was taken over must not reach servers of the operator's network. No redirect is followed.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::typestate::{WithBody, WithoutBody};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{RequestBuilder, http};
use zeroize::Zeroizing;

use super::fault::ProviderFault;
use crate::domain::federation::provider::Provider;
use crate::domain::network::is_public;
use crate::metrics::{self, Stopwatch};
use crate::outbound::{Network, is_late, look_up, tls};

/// How long all requests for one request of ours may take together.
pub const LIMIT: Duration = Duration::from_secs(5);
/// How long the look-up of a host may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);
/// The longest answer.
pub const MOST_BYTES: u64 = 64 * 1024;
/// The ports of https and http.
const PORTS: (u16, u16) = (443, 80);

const TOO_SLOW: ProviderFault = ProviderFault::Unavailable("The provider did not answer in time.");
const UNREACHABLE: ProviderFault = ProviderFault::Unavailable("The provider cannot be reached.");
const TOO_LONG: ProviderFault = ProviderFault::Untrusted("The provider's answer is longer than 64 KiB.");
const NOT_PUBLIC: ProviderFault =
    ProviderFault::Untrusted("A host in its configuration is not on the public internet.");
const REDIRECTS: ProviderFault = ProviderFault::Untrusted("The provider redirects instead of answering.");

/// The time that is left for a request of ours.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Stopwatch);

impl Deadline {
    pub(super) fn start() -> Self {
        Self(Stopwatch::start())
    }

    fn left(self) -> Result<Duration, ProviderFault> {
        let left = LIMIT.checked_sub(self.0.elapsed());
        left.filter(|left| !left.is_zero()).ok_or(TOO_SLOW)
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Configuration,
    Keys,
    Token,
    User,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::User => "user",
        }
    }
}

/// An answer that is not a redirect.
pub(super) struct Answer {
    pub(super) status: u16,
    /// It may have tokens.
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Returns the body of an answer with 200.
    pub(super) fn good(self) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        if self.status == 200 {
            Ok(self.body)
        } else {
            Err(ProviderFault::Unavailable("The provider answers with an error."))
        }
    }
}

/// The header `Authorization`.
pub(super) enum Authorization {
    None,
    Basic(SecretString),
    Bearer(SecretString),
}

impl Authorization {
    fn text(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::None => None,
            Self::Basic(secret) => Some(Zeroizing::new(format!("Basic {}", secret.expose_secret()))),
            Self::Bearer(token) => Some(Zeroizing::new(format!("Bearer {}", token.expose_secret()))),
        }
    }
}

/// The client for one provider.
pub(super) struct Http {
    agent: Agent,
    provider: String,
}

impl Http {
    pub(super) fn new(provider: &Provider, network: Arc<dyn Network>) -> Self {
        let is_local = provider.issuer.is_local();
        let config = Agent::config_builder()
            .tls_config(tls(network.as_ref()))
            .https_only(!is_local)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .max_response_header_size(16 * 1024)
            .proxy(None)
            .user_agent("vestibule")
            .build();
        let api = provider.api.as_ref().and_then(|api| api.parse::<Uri>().ok());
        let api = api.and_then(|api| api.host().map(str::to_owned));
        let resolver = CheckedAddresses {
            network,
            own: provider.issuer.host().into_iter().chain(api).collect(),
            is_local,
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            provider: provider.id.to_string(),
        }
    }

    pub(super) fn get(
        &self,
        step: Step,
        url: &str,
        authorization: &Authorization,
        deadline: Deadline,
    ) -> Result<Answer, ProviderFault> {
        let send = || {
            let request: RequestBuilder<WithoutBody> = prepare(self.agent.get(url), authorization);
            let request = request.config().timeout_global(Some(deadline.left()?)).build();
            read(request.call().map_err(fault_of)?)
        };
        self.counted(step, send())
    }

    pub(super) fn post(
        &self,
        step: Step,
        url: &str,
        authorization: &Authorization,
        form: &[(&str, &str)],
        deadline: Deadline,
    ) -> Result<Answer, ProviderFault> {
        let send = || {
            let request: RequestBuilder<WithBody> = prepare(self.agent.post(url), authorization);
            let request = request.config().timeout_global(Some(deadline.left()?)).build();
            read(request.send_form(form.iter().copied()).map_err(fault_of)?)
        };
        self.counted(step, send())
    }

    fn counted(&self, step: Step, answer: Result<Answer, ProviderFault>) -> Result<Answer, ProviderFault> {
        let outcome = match &answer {
            Ok(answer) if answer.status >= 500 => "unavailable",
            Ok(answer) if answer.status >= 400 => "refused",
            Ok(_) => "answered",
            Err(fault) => fault.outcome(),
        };
        metrics::provider_request(&self.provider, step.as_str(), outcome);
        answer
    }
}

fn prepare<B>(request: RequestBuilder<B>, authorization: &Authorization) -> RequestBuilder<B> {
    let request = request.header(header::ACCEPT, "application/json");
    match authorization.text() {
        Some(text) => request.header(header::AUTHORIZATION, text.as_str()),
        None => request,
    }
}

fn read(mut answer: http::Response<ureq::Body>) -> Result<Answer, ProviderFault> {
    let status = answer.status().as_u16();
    if (300..400).contains(&status) {
        return Err(REDIRECTS);
    }
    let mut body = Zeroizing::new(Vec::new());
    let mut reader = answer.body_mut().as_reader().take(MOST_BYTES + 1);
    let read = reader.read_to_end(&mut body);
    read.map_err(|error| fault_of(ureq::Error::from(error)))?;
    match u64::try_from(body.len()) {
        Ok(length) if length <= MOST_BYTES => Ok(Answer { status, body }),
        _ => Err(TOO_LONG),
    }
}

fn fault_of(error: ureq::Error) -> ProviderFault {
    match error {
        ureq::Error::Timeout(_) => TOO_SLOW,
        ureq::Error::Other(inner) => inner.downcast::<ProviderFault>().map_or(UNREACHABLE, |fault| *fault),
        ureq::Error::Io(error) => {
            let inner = error
                .into_inner()
                .and_then(|inner| inner.downcast::<ureq::Error>().ok());
            inner.map_or(UNREACHABLE, |inner| fault_of(*inner))
        }
        _ => UNREACHABLE,
    }
}

/// Looks hosts up for the client, which connects to what this returns and to nothing else.
struct CheckedAddresses {
    network: Arc<dyn Network>,
    /// The hosts that the operator named. They may be in the operator's own network.
    own: Vec<String>,
    /// Whether the provider is on the own machine, for development.
    is_local: bool,
}

impl CheckedAddresses {
    fn is_allowed(&self, host: &str, address: IpAddr) -> bool {
        is_public(address) || self.own.iter().any(|own| own == host) || (self.is_local && address.is_loopback())
    }
}

impl Resolver for CheckedAddresses {
    fn resolve(&self, uri: &Uri, _config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let usual = if uri.scheme_str() == Some("http") {
            PORTS.1
        } else {
            PORTS.0
        };
        let limit = LOOK_UP_LIMIT.min(*timeout.after);
        // Addresses in brackets are IPv6.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let found = look_up(&self.network, name, uri.port_u16().unwrap_or(usual), limit);
        let found = found.map_err(|error| refuse(if is_late(&error) { TOO_SLOW } else { UNREACHABLE }))?;
        if !found.iter().all(|address| self.is_allowed(host, address.ip())) {
            return Err(refuse(NOT_PUBLIC));
        }
        let mut checked = self.empty();
        for address in found.into_iter().take(4) {
            checked.push(self.network.destination(address));
        }
        if checked.is_empty() {
            Err(refuse(UNREACHABLE))
        } else {
            Ok(checked)
        }
    }
}

impl fmt::Debug for CheckedAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CheckedAddresses(…)")
    }
}

fn refuse(fault: ProviderFault) -> ureq::Error {
    ureq::Error::Other(Box::new(fault))
}
