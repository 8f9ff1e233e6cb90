//! One provider: what is known of it, and whether it is asked at the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;

use super::ProviderSettings;
use super::fault::ProviderFault;
use super::http::{Answer, Authorization, Deadline, Http, Step};
use crate::crypto::client_credential::ClientCredential;
use crate::crypto::provider_keys::{ProviderKeys, SignatureFault, SignedIdToken};
use crate::domain::clock::Clock;
use crate::domain::federation::id_token::Route;
use crate::domain::federation::metadata::{Metadata, issuer_named_in};
use crate::domain::federation::provider::Provider;
use crate::domain::network::AllowedNetworks;
use crate::domain::policy::numbers::{PROVIDER_DOCUMENT_LIFE, PROVIDER_PAUSE, PROVIDER_REFETCH};
use crate::outbound::Network;

/// The most requests of ours that wait for one provider; further ones are refused. All places of all providers are fewer
/// than the threads for blocking work that the runtime has.
pub const MOST_AT_ONCE: usize = 16;

/// A provider, and what is remembered of it.
pub(super) struct Upstream {
    pub(super) provider: Provider,
    pub(super) credential: ClientCredential,
    pub(super) clock: Arc<dyn Clock>,
    /// Places for requests that wait for it.
    pub(super) turns: Arc<Semaphore>,
    http: Http,
    known: Mutex<Known>,
    /// Held while its documents are fetched, so that they are fetched once for all who wait.
    fetching: Mutex<()>,
}

/// What is remembered.
#[derive(Default)]
struct Known {
    metadata: Option<Dated<Metadata>>,
    keys: Option<Dated<ProviderKeys>>,
    /// Until when it is not asked, and why.
    pause: Option<(DateTime<Utc>, ProviderFault)>,
}

/// Something with the time at which it was fetched.
struct Dated<T> {
    what: Arc<T>,
    at: DateTime<Utc>,
}

impl<T> Dated<T> {
    fn within(dated: Option<&Self>, age: TimeDelta, now: DateTime<Utc>) -> Option<Arc<T>> {
        dated
            .filter(|dated| now < dated.at + age)
            .map(|dated| Arc::clone(&dated.what))
    }
}

impl Upstream {
    pub(super) fn new(
        settings: ProviderSettings,
        allowed: &AllowedNetworks,
        network: Arc<dyn Network>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            http: Http::new(&settings.provider, allowed, network),
            provider: settings.provider,
            credential: settings.credential,
            clock,
            turns: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            known: Mutex::default(),
            fetching: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the fault for which it is not asked at the moment.
    ///
    /// # Errors
    ///
    /// Returns that fault.
    pub(super) fn check_pause(&self) -> Result<(), ProviderFault> {
        let now = self.clock.now();
        let pause = self.known().pause.filter(|(until, _fault)| now < *until);
        pause.map_or(Ok(()), |(_until, fault)| Err(fault))
    }

    fn pause(&self, fault: ProviderFault) -> ProviderFault {
        tracing::warn!(provider = %self.provider.id, why = %fault, "a provider cannot be used");
        self.known().pause = Some((self.clock.now() + PROVIDER_PAUSE, fault));
        fault
    }

    /// Returns the configuration, if it is remembered.
    pub(super) fn remembered_metadata(&self) -> Option<Arc<Metadata>> {
        Dated::within(self.known().metadata.as_ref(), PROVIDER_DOCUMENT_LIFE, self.clock.now())
    }

    /// Returns the configuration, which is fetched if it is not remembered.
    pub(super) fn metadata(&self, deadline: Deadline) -> Result<Arc<Metadata>, ProviderFault> {
        if let Some(metadata) = self.remembered_metadata() {
            return Ok(metadata);
        }
        let _one = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metadata) = self.remembered_metadata() {
            return Ok(metadata);
        }
        self.check_pause()?;
        let url = self.provider.issuer.configuration_url();
        let written = self.document(Step::Configuration, &url, deadline)?;
        let metadata = Metadata::check(&self.provider.issuer, &written);
        let metadata = Arc::new(metadata.map_err(|why| self.pause(ProviderFault::Untrusted(why)))?);
        self.known().metadata = Some(self.dated(&metadata));
        Ok(metadata)
    }

    /// Returns the issuer that the configuration names.
    pub(super) fn named_issuer(&self, deadline: Deadline) -> Option<String> {
        let url = self.provider.issuer.configuration_url();
        let answer = self.http.get(Step::Configuration, &url, &Authorization::None, deadline);
        issuer_named_in(&answer.ok()?.body)
    }

    /// Checks the signature of an ID token. A key that is not known may be new, so the keys are fetched again, but not
    /// too often: tokens with such keys cost their sender nothing.
    pub(super) fn verify(&self, token: &str, route: Route, deadline: Deadline) -> Result<SignedIdToken, ProviderFault> {
        let metadata = self.metadata(deadline)?;
        let verify = |keys: &ProviderKeys| keys.verify(token, &metadata.algorithms);
        let keys = self.keys(&metadata, PROVIDER_DOCUMENT_LIFE, deadline)?;
        let verified = match verify(&keys) {
            Err(SignatureFault::UnknownKey) => verify(self.keys(&metadata, PROVIDER_REFETCH, deadline)?.as_ref()),
            verified => verified,
        };
        verified.map_err(|fault| {
            let why = match fault {
                SignatureFault::UnknownKey => "The ID token is signed by a key that the provider does not publish.",
                SignatureFault::Refused(why) => why,
            };
            ProviderFault::of_token(route, why)
        })
    }

    /// Returns the keys, which are fetched if they are not remembered, or are older than `age`.
    pub(super) fn keys(
        &self,
        metadata: &Metadata,
        age: TimeDelta,
        deadline: Deadline,
    ) -> Result<Arc<ProviderKeys>, ProviderFault> {
        let remembered = || Dated::within(self.known().keys.as_ref(), age, self.clock.now());
        if let Some(keys) = remembered() {
            return Ok(keys);
        }
        let _one = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = remembered() {
            return Ok(keys);
        }
        self.check_pause()?;
        let written = self.document(Step::Keys, &metadata.jwks_uri, deadline)?;
        let keys = ProviderKeys::parse(&written);
        let keys = Arc::new(keys.map_err(|why| self.pause(ProviderFault::Untrusted(why)))?);
        self.known().keys = Some(self.dated(&keys));
        Ok(keys)
    }

    fn dated<T>(&self, what: &Arc<T>) -> Dated<T> {
        Dated {
            what: Arc::clone(what),
            at: self.clock.now(),
        }
    }

    /// Fetches the configuration or the keys. Any fault pauses the provider: nothing that a user sends can cause one.
    fn document(&self, step: Step, url: &str, deadline: Deadline) -> Result<Vec<u8>, ProviderFault> {
        let answer = self.http.get(step, url, &Authorization::None, deadline);
        let body = answer.and_then(Answer::good).map_err(|fault| self.pause(fault))?;
        Ok(body.to_vec())
    }

    /// Asks for something about a user.
    pub(super) fn get(
        &self,
        url: &str,
        authorization: &Authorization,
        deadline: Deadline,
    ) -> Result<Answer, ProviderFault> {
        self.check_pause()?;
        self.paused_if_down(self.http.get(Step::User, url, authorization, deadline))
    }

    /// Exchanges a code.
    pub(super) fn exchange(
        &self,
        url: &str,
        authorization: &Authorization,
        form: &[(&str, &str)],
        deadline: Deadline,
    ) -> Result<Answer, ProviderFault> {
        self.check_pause()?;
        self.paused_if_down(self.http.post(Step::Token, url, authorization, form, deadline))
    }

    /// Pauses a provider that cannot be reached. One that answers is not paused, even with an error: a user could send
    /// codes that cause errors, and would pause it for all others.
    fn paused_if_down(&self, answer: Result<Answer, ProviderFault>) -> Result<Answer, ProviderFault> {
        match answer {
            Err(fault @ ProviderFault::Unavailable(_)) => Err(self.pause(fault)),
            other => other,
        }
    }
}
