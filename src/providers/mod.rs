//! Talks to the providers that users sign in with.
//!
//! Each provider is on its own: at most [`MOST_AT_ONCE`] requests wait for it, for [`LIMIT`] at most over all that they
//! ask it, and one that cannot be reached is not asked for some seconds. A provider that is down or slow so costs its own
//! users an answer, and no other request anything. Its configuration and its keys are remembered.

mod fault;
mod github;
mod http;
mod openid;
mod upstream;

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

pub use self::fault::{ProviderFault, TrialFault};
use self::http::Deadline;
pub use self::http::{LIMIT, MOST_BYTES};
pub use self::upstream::MOST_AT_ONCE;
use self::upstream::Upstream;
use crate::crypto::client_credential::ClientCredential;
use crate::domain::clock::Clock;
use crate::domain::federation::exchange;
pub use crate::domain::federation::exchange::{AuthorizationStart, RedeemedCode};
use crate::domain::federation::identity::FederatedIdentity;
use crate::domain::federation::provider::{Preset, Provider, ProviderId};
use crate::domain::network::AllowedNetworks;
use crate::metrics;
use crate::outbound::Network;

const BUSY: ProviderFault = ProviderFault::Unavailable("Too many requests wait for it.");
const STOPPING: ProviderFault = ProviderFault::Unavailable("The program is stopping.");
const UNKNOWN: ProviderFault = ProviderFault::Unavailable("There is no such provider.");
const NO_ID_TOKENS: ProviderFault = ProviderFault::WrongToken("GitHub has no ID tokens.");
const LATE: ProviderFault = ProviderFault::Unavailable("The provider did not answer in time.");

/// A provider, and what this service proves with to it that it is the registered client.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The provider.
    pub provider: Provider,
    /// What the token endpoint is shown.
    pub credential: ClientCredential,
}

/// The providers of a deployment.
pub struct Providers(Vec<Arc<Upstream>>);

impl Providers {
    /// Makes the clients, without asking any provider yet.
    pub fn new(
        settings: &[ProviderSettings],
        allowed: &AllowedNetworks,
        network: &Arc<dyn Network>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let upstream = |settings: &ProviderSettings| {
            let (network, clock) = (Arc::clone(network), Arc::clone(clock));
            Arc::new(Upstream::new(settings.clone(), allowed, network, clock))
        };
        Self(settings.iter().map(upstream).collect())
    }

    /// Returns the providers, in the order of their ids.
    pub fn list(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter().map(|upstream| &upstream.provider)
    }

    /// Returns the provider with an id, if there is one.
    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.list().find(|provider| provider.id.as_str() == id)
    }

    /// Returns the provider whose users an issuer names, if there is one.
    pub fn of_issuer(&self, issuer: &str) -> Option<&Provider> {
        self.list().find(|provider| provider.issuer.may_be(issuer))
    }

    /// Returns the fault for which a provider is not asked at the moment, by this process.
    pub fn pause_of(&self, id: &ProviderId) -> Option<ProviderFault> {
        self.upstream(id).and_then(|upstream| upstream.check_pause()).err()
    }

    /// Registers the providers with the metrics.
    pub fn announce(&self) {
        self.list()
            .for_each(|provider| metrics::announce_provider(provider.id.as_str()));
    }

    fn upstream(&self, id: &ProviderId) -> Result<&Arc<Upstream>, ProviderFault> {
        let found = self.0.iter().find(|upstream| upstream.provider.id == *id);
        found.ok_or(UNKNOWN)
    }

    /// Returns the URL that the browser of a user is sent to.
    ///
    /// # Errors
    ///
    /// Says why there is none at this moment.
    pub async fn authorization_url(
        &self,
        id: &ProviderId,
        start: &AuthorizationStart<'_>,
    ) -> Result<String, ProviderFault> {
        let upstream = self.upstream(id)?;
        let provider = &upstream.provider;
        if provider.preset == Some(Preset::GitHub) {
            let endpoint = github::authorization_endpoint(upstream);
            return Ok(exchange::authorization_url(provider, &endpoint, start));
        }
        let metadata = match upstream.remembered_metadata() {
            Some(metadata) => metadata,
            None => ask(upstream, Upstream::metadata).await?,
        };
        Ok(exchange::authorization_url(
            provider,
            &metadata.authorization_endpoint,
            start,
        ))
    }

    /// Exchanges a code for the identity of a user, which is checked.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub async fn redeem(&self, id: &ProviderId, answer: RedeemedCode) -> Result<FederatedIdentity, ProviderFault> {
        ask(self.upstream(id)?, move |upstream, deadline| {
            match upstream.provider.preset {
                Some(Preset::GitHub) => github::redeem(upstream, &answer, deadline),
                _ => openid::redeem(upstream, &answer, deadline),
            }
        })
        .await
    }

    /// Checks an ID token that an app got from a sheet of its system, and returns the identity in it.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub async fn check_id_token(
        &self,
        id: &ProviderId,
        id_token: SecretString,
        nonce: String,
    ) -> Result<FederatedIdentity, ProviderFault> {
        let upstream = self.upstream(id)?;
        if upstream.provider.preset == Some(Preset::GitHub) {
            return Err(NO_ID_TOKENS);
        }
        ask(upstream, move |upstream, deadline| {
            openid::check_id_token(upstream, &id_token, &nonce, deadline)
        })
        .await
    }

    /// Tries what can be tried without a user, for `vestibule check`: fetches the configuration and the keys of a
    /// provider, and signs a client secret if it takes such ones. GitHub is asked whether it accepts this client.
    ///
    /// # Errors
    ///
    /// Says what is wrong with them.
    pub async fn try_out(&self, id: &ProviderId) -> Result<(), TrialFault> {
        let tried = ask(self.upstream(id)?, |upstream, deadline| {
            Ok(match upstream.provider.preset {
                Some(Preset::GitHub) => github::try_out(upstream, deadline).map_err(TrialFault::from),
                _ => openid::try_out(upstream, deadline),
            })
        });
        tried.await?
    }
}

/// Asks a provider on a thread of its own. Fails at once if too many wait already.
async fn ask<T: Send + 'static>(
    upstream: &Arc<Upstream>,
    work: impl FnOnce(&Upstream, Deadline) -> Result<T, ProviderFault> + Send + 'static,
) -> Result<T, ProviderFault> {
    upstream.check_pause()?;
    let turn = Arc::clone(&upstream.turns).try_acquire_owned();
    let turn = turn.map_err(|_none_left| BUSY)?;
    let upstream = Arc::clone(upstream);
    #[expect(
        clippy::disallowed_methods,
        reason = "the client blocks; few requests wait for a provider at once, and each ends in bounded time"
    )]
    let task = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(&upstream, Deadline::start())
    });
    match tokio::time::timeout(LIMIT, task).await {
        Ok(done) => done.unwrap_or(Err(STOPPING)),
        Err(_elapsed) => Err(LATE),
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Providers(…)")
    }
}
