//! An external list of breached passwords, queried by the range protocol of Have I Been Pwned.
//!
//! It fails open: when the list does not answer, users can still set a password, since the strength estimator has
//! checked it already. A query takes [`LIMIT`] at most, and the number of concurrent queries is limited.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use tokio::sync::Semaphore;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

use crate::domain::breach_range::BreachRange;

/// The timeout of one query.
pub const LIMIT: Duration = Duration::from_secs(1);
/// The limit of concurrent queries; further ones are skipped.
const MOST_AT_ONCE: usize = 16;
/// The limit of an answer's size: the longest ranges have about a thousand lines of forty bytes.
const MOST_BYTES: u64 = 512 * 1024;

/// The URL of the list.
#[derive(Clone, Debug)]
pub struct BreachListUrl(String);

impl BreachListUrl {
    /// Parses a URL: its scheme must be https, unless its host is loopback.
    ///
    /// # Errors
    ///
    /// Says what is expected, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || "must be an https URL, such as https://api.pwnedpasswords.com".to_owned();
        let url = Url::parse(text).map_err(|_unreadable| wanted())?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let private = url.scheme() == "https" || url.scheme() == "http" && loopback;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !private || !plain || url.fragment().is_some() {
            return Err(wanted());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// Queries the list.
pub struct BreachList {
    agent: Agent,
    url: String,
    turns: Arc<Semaphore>,
}

impl BreachList {
    /// Makes a client, without querying anything yet.
    pub fn new(url: &BreachListUrl) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(LIMIT))
            .max_redirects(0)
            .proxy(None)
            .user_agent("vestibule")
            .build()
            .into();
        Self {
            agent,
            url: url.0.clone(),
            turns: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// Returns whether a password is on the list. `None`: unknown, because the list was not queried or did not answer.
    pub async fn has(&self, range: BreachRange) -> Option<bool> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        let (agent, url) = (self.agent.clone(), format!("{}/range/{}", self.url, range.prefix()));
        #[expect(
            clippy::disallowed_methods,
            reason = "the client blocks; concurrent queries are limited, and each ends in bounded time"
        )]
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let answer = ask(&agent, &url);
            answer.map(|answer| range.is_in(&answer))
        })
        .await;
        match asked {
            Ok(Ok(known)) => Some(known),
            Ok(Err(why)) => {
                tracing::warn!(why, "the list of breached passwords did not answer");
                None
            }
            Err(_stopped) => None,
        }
    }
}

/// Queries a range, with padding: without it the length of an encrypted answer reveals which range was queried.
fn ask(agent: &Agent, url: &str) -> Result<String, &'static str> {
    let mut answer = agent
        .get(url)
        .header("Add-Padding", "true")
        .call()
        .map_err(|error| match error {
            ureq::Error::Timeout(_) => "it was too slow",
            ureq::Error::StatusCode(_) => "it answered with an error",
            _ => "it cannot be reached",
        })?;
    if answer.status().as_u16() != 200 {
        return Err("it gave an unexpected answer");
    }
    let body = answer.body_mut().with_config().limit(MOST_BYTES);
    body.read_to_string().map_err(|_unreadable| "its answer cannot be read")
}

impl fmt::Debug for BreachList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BreachList(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_asked_over_tls_or_on_this_machine() {
        for good in [
            "https://api.pwnedpasswords.com",
            "https://list.example/x/",
            "http://127.0.0.1:8081",
        ] {
            assert!(BreachListUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.pwnedpasswords.com",
            "http://list.example",
            "https://u:p@list.example",
            "https://list.example/?q",
        ] {
            assert!(BreachListUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
