//! Requests to one provider, bounded in time and size.
//!
//! The operator names the host of the issuer, and of GitHub's API: these may be in the operator's own network. All other
//! hosts come from the configuration of the provider, and a provider that was taken over must not reach servers of that
//! network. So only public addresses are connected to there, and those that the operator allows ([`crate::outbound`]).

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::fault::ProviderFault;
use crate::domain::federation::provider::Provider;
use crate::domain::network::AllowedNetworks;
use crate::metrics::{self, Stopwatch};
use crate::outbound::{Access, GuardedClient, Network, OutboundFault, Response};

/// How long all requests for one request of ours may take together.
pub const LIMIT: Duration = Duration::from_secs(5);
/// How long the look-up of a host may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);
/// The longest answer.
pub const MOST_BYTES: u64 = 64 * 1024;

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
    client: GuardedClient,
    provider: String,
}

impl Http {
    pub(super) fn new(provider: &Provider, allowed: &AllowedNetworks, network: Arc<dyn Network>) -> Self {
        let api = provider.api.as_ref().and_then(|api| Url::parse(api).ok());
        let api = api.and_then(|api| api.host_str().map(str::to_owned));
        let mut allowed = allowed.clone();
        if provider.issuer.is_local() {
            allowed = allowed.and_loopback();
        }
        let named = provider.issuer.host().into_iter().chain(api).collect();
        let access = Access::new(allowed, LOOK_UP_LIMIT).naming(named);
        Self {
            client: GuardedClient::new(network, access),
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
        let text = authorization.text();
        let send = || read(self.client.get(url, &headers(text.as_ref()), deadline.left()?)?);
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
        let text = authorization.text();
        let mut headers = headers(text.as_ref());
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let mut encoder = form_urlencoded::Serializer::new(String::new());
        let body = Zeroizing::new(encoder.extend_pairs(form).finish());
        let send = || read(self.client.post(url, &headers, body.as_bytes(), deadline.left()?)?);
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

fn headers(authorization: Option<&Zeroizing<String>>) -> Vec<(&str, &str)> {
    let mut headers = vec![("accept", "application/json")];
    headers.extend(authorization.map(|text| ("authorization", text.as_str())));
    headers
}

fn read(answer: Response) -> Result<Answer, ProviderFault> {
    Ok(Answer {
        status: answer.status(),
        body: answer.read(MOST_BYTES)?,
    })
}

impl From<OutboundFault> for ProviderFault {
    fn from(fault: OutboundFault) -> Self {
        match fault {
            OutboundFault::Late => TOO_SLOW,
            OutboundFault::NotPublic | OutboundFault::Plain => NOT_PUBLIC,
            OutboundFault::Redirects => REDIRECTS,
            OutboundFault::TooLong => TOO_LONG,
            OutboundFault::Unreachable
            | OutboundFault::Untrusted
            | OutboundFault::Crowded
            | OutboundFault::Status(_)
            | OutboundFault::Busy
            | OutboundFault::Stopping => UNREACHABLE,
        }
    }
}
