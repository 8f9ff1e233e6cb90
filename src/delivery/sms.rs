//! Text messages, sent through a webhook that knows a provider.
//!
//! Providers differ and change; all of them need a number and a text. A request is signed as Standard Webhooks
//! specifies, goes over TLS, follows no redirect, and ends in bounded time. A message is given up only when the
//! receiver answers that the message itself is at fault.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::crypto::aws_lc_rs;
use serde::Serialize;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

use super::{Outgoing, SendError, Transport, is_loopback};
use crate::crypto::webhook_signer::WebhookSigner;
use crate::domain::clock::Clock;

/// The longest that one request may take.
pub const LIMIT: Duration = Duration::from_secs(15);
/// Statuses that are about the message. 404 is not among them: it means a wrong URL, which the operator will correct.
const REFUSALS: [u16; 4] = [400, 410, 413, 422];

/// A webhook's address.
#[derive(Clone)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Parses a URL: https, unless its host is loopback.
    ///
    /// # Errors
    ///
    /// Describes the expected form, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "must be a URL without user and fragment, such as https://sms.example.com/send";
        let url = Url::parse(text).map_err(|_unreadable| WANTED.to_owned())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(WANTED.to_owned());
        }
        if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
            return Err("must be https, unless its host is loopback".to_owned());
        }
        Ok(Self(url))
    }
}

/// The path or the query may be the webhook's only protection, so only the host is shown.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WebhookUrl({}…)", self.0.origin().ascii_serialization())
    }
}

/// The request body, documented in `docs/how-to/mail.md`.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

/// The message in the body.
#[derive(Serialize)]
struct Data<'a> {
    to: &'a str,
    text: &'a str,
    kind: &'a str,
    code: Option<&'a str>,
    locale: &'a str,
}

/// A signed request.
struct SignedRequest {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// Sends text messages through one webhook.
pub struct SmsWebhook {
    agent: Agent,
    url: String,
    signer: WebhookSigner,
    clock: Arc<dyn Clock>,
}

impl SmsWebhook {
    /// `limit` is [`LIMIT`] outside tests. Does not connect yet.
    pub fn new(url: &WebhookUrl, signer: WebhookSigner, clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let tls = TlsConfig::builder()
            // The system's certificates, or those in SSL_CERT_FILE.
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            // A signed request is for the configured URL only, not for one that it redirects to.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Codes must not go to a proxy that an environment variable happens to name.
            .proxy(None)
            // The response body is not read, so a connection cannot be reused.
            .max_idle_connections(0)
            .user_agent("vestibule")
            .build()
            .into();
        Self {
            agent,
            url: url.0.to_string(),
            signer,
            clock,
        }
    }

    async fn hand_over(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = self.signed(outgoing, self.clock.now())?;
        let (agent, url) = (self.agent.clone(), self.url.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the client blocks; few messages are under way at once, and each ends in bounded time"
        )]
        let posted = tokio::task::spawn_blocking(move || post(&agent, &url, &request)).await;
        posted.unwrap_or_else(|_stopped| Err(SendError::Temporary("the service is stopping".to_owned())))
    }

    /// Any response is good enough: the webhook need not support any method but POST.
    async fn knock(&self) -> Result<(), SendError> {
        let (agent, url) = (self.agent.clone(), self.url.clone());
        #[expect(clippy::disallowed_methods, reason = "the client blocks, for a bounded time")]
        let asked = tokio::task::spawn_blocking(move || match agent.head(&url).call() {
            Ok(_answer) => Ok(()),
            Err(error) => Err(SendError::Temporary(failure(&error).to_owned())),
        })
        .await;
        asked.unwrap_or_else(|_stopped| Err(SendError::Temporary("the service is stopping".to_owned())))
    }

    /// Signs at the time of sending: receivers refuse timestamps that are minutes old.
    fn signed(&self, outgoing: &Outgoing, now: DateTime<Utc>) -> Result<SignedRequest, SendError> {
        let body = Body {
            r#type: "sms.requested",
            timestamp: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            data: Data {
                to: &outgoing.to,
                text: &outgoing.rendered.text,
                kind: outgoing.kind,
                code: outgoing.code.as_deref(),
                locale: outgoing.locale,
            },
        };
        let body = serde_json::to_string(&body)
            .map_err(|_unwritten| SendError::Refused("the message cannot be written as JSON".to_owned()))?;
        let id = format!("msg_{}", outgoing.id.simple());
        Ok(SignedRequest {
            signature: self.signer.sign(&id, now.timestamp(), &body),
            timestamp: now.timestamp().to_string(),
            id,
            body,
        })
    }
}

impl Transport for SmsWebhook {
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, Result<(), SendError>> {
        self.hand_over(outgoing).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), SendError>> {
        self.knock().boxed()
    }
}

impl fmt::Debug for SmsWebhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SmsWebhook(…)")
    }
}

fn post(agent: &Agent, url: &str, request: &SignedRequest) -> Result<(), SendError> {
    let answer = agent
        .post(url)
        .content_type("application/json")
        .header("webhook-id", &request.id)
        .header("webhook-timestamp", &request.timestamp)
        .header("webhook-signature", &request.signature)
        .send(&request.body);
    match answer {
        Ok(answer) => classify_status(answer.status().as_u16()),
        Err(error) => Err(SendError::Temporary(failure(&error).to_owned())),
    }
}

/// Returns whether a status means success, a permanent refusal or a retry.
fn classify_status(status: u16) -> Result<(), SendError> {
    match status {
        200..=299 => Ok(()),
        refusal if REFUSALS.contains(&refusal) => Err(SendError::Refused(format!("the webhook answered {refusal}"))),
        other => Err(SendError::Temporary(format!("the webhook answered {other}"))),
    }
}

/// Describes a failure without its details, which may contain the URL.
const fn failure(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "the webhook did not answer in time",
        ureq::Error::HostNotFound => "the webhook's host is not known",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            "TLS with the webhook failed, or its certificate is not trusted"
        }
        _ => "the webhook cannot be reached",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_unless_loopback_and_are_shown_without_their_path() {
        for good in [
            "https://sms.example.com/send?to=1",
            "http://localhost:1/x",
            "http://127.0.0.1:1",
            "http://[::1]/",
        ] {
            assert!(WebhookUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sms.example.com",
            "http://sms.example.com",
            "ftp://localhost/",
            "https://u:p@sms.example.com",
            "https://sms.example.com/#x",
        ] {
            assert!(WebhookUrl::parse(bad).is_err(), "{bad}");
        }
        let url = WebhookUrl::parse("https://sms.example.com/secret").unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://sms.example.com…)");
    }

    #[test]
    fn only_what_is_about_the_message_gives_it_up() {
        for taken in [200, 202, 204] {
            assert_eq!(classify_status(taken), Ok(()));
        }
        for refused in REFUSALS {
            assert!(
                matches!(classify_status(refused), Err(SendError::Refused(_))),
                "{refused}"
            );
        }
        for later in [301, 401, 403, 404, 429, 500, 503] {
            assert!(
                matches!(classify_status(later), Err(SendError::Temporary(_))),
                "{later}"
            );
        }
    }
}
