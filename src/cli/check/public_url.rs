//! Whether the public URL leads to this deployment: what clients and back ends see of it.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use super::Stage;
use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::Config;

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of it that are looked at.
const MOST_BYTES: u64 = 64 * 1024;
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// What a proxy answers when there is nobody behind it.
const NO_UPSTREAM: [u16; 3] = [502, 503, 504];

/// Asks for the metadata, as every verifier does first, and for the measures, which must not be there.
///
/// `own_keys`: the ids of the signing keys in the database that is set here, if it can be looked into. Metadata says who a service wants to be; the keys
/// say which database it works with.
pub(super) fn ask(config: &Config, (stage, own_keys): (Stage, Option<&[String]>), report: &mut Report) {
    let issuer = public_url(config);
    let (state, detail) = if config.server.public_url.is_none() && !has_port(config) {
        (State::Skipped, "neither PUBLIC_URL nor a port is set".to_owned())
    } else {
        match fetch(&format!("{issuer}{METADATA}")) {
            Ok((status, _)) if stage == Stage::BeforeStart && NO_UPSTREAM.contains(&status) => (
                State::Skipped,
                format!("{issuer} answers {status}, as it should before the start"),
            ),
            Ok((status, body)) => match assess(&issuer, status, &body) {
                (State::Ok, _)
                    if stage == Stage::Running && own_keys.is_some_and(|own| !publishes_one_of(&issuer, own)) =>
                {
                    (
                        State::Failed,
                        format!(
                            "{issuer} is a service with other signing keys: correct DATABASE_URL here, or where that service runs"
                        ),
                    )
                }
                (State::Ok, _) if shows_metrics(&issuer) => (
                    State::Failed,
                    format!("{issuer}/metrics shows everyone how much goes on: have the proxy lead to LISTEN only"),
                ),
                assessed => assessed,
            },
            // Without a public URL there is nothing in front: nothing listens because nothing was started.
            Err(Unanswered::Refused) if stage == Stage::BeforeStart || config.server.public_url.is_none() => (
                State::Skipped,
                format!("nothing listens at {issuer}: the service is not running"),
            ),
            // What stands in front may be set up after the service. A certificate that is not trusted is there already.
            Err(unanswered) if stage == Stage::BeforeStart && !matches!(unanswered, Unanswered::Tls) => {
                (State::Warning, format!("{issuer} {}", unanswered.as_str()))
            }
            Err(unanswered) => (State::Failed, format!("{issuer} {}", unanswered.as_str())),
        }
    };
    report.add("public url", state, detail);
}

/// Tells whether Prometheus's text comes from the public URL. The service serves it on METRICS_LISTEN only, so a proxy
/// leads there.
fn shows_metrics(issuer: &str) -> bool {
    fetch(&format!("{issuer}/metrics")).is_ok_and(|(status, body)| status == 200 && body.contains("# TYPE "))
}

/// Tells whether a service publishes one of these keys. One that publishes none is starting.
fn publishes_one_of(issuer: &str, own_keys: &[String]) -> bool {
    let served = fetch(&format!("{issuer}/.well-known/jwks.json"));
    let Some(set) = served
        .ok()
        .and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok())
    else {
        return true;
    };
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut ids = keys.iter().filter_map(|key| key.get("kid")?.as_str());
    keys.is_empty() || ids.any(|id| own_keys.iter().any(|own| own == id))
}

fn has_port(config: &Config) -> bool {
    config
        .server
        .listen
        .reachable()
        .is_some_and(|address| address.port() != 0)
}

fn assess(issuer: &str, status: u16, body: &str) -> (State, String) {
    if NO_UPSTREAM.contains(&status) {
        return (
            State::Failed,
            format!("{issuer} answers {status}: start the service, or correct where the proxy passes requests on to"),
        );
    }
    let metadata: Option<Value> = serde_json::from_str(body).ok().filter(|_| status == 200);
    let said = metadata.as_ref().and_then(|metadata| metadata.get("issuer")?.as_str());
    match said {
        Some(said) if said == issuer => (State::Ok, format!("{issuer} is this service")),
        Some(_) => (
            State::Failed,
            format!(
                "{issuer} leads to a service with another issuer: correct PUBLIC_URL here, or where that service runs"
            ),
        ),
        None => (
            State::Failed,
            format!(
                "{issuer} leads to something else: it answers {status} without metadata of ours; correct PUBLIC_URL, or \
                 where the proxy passes requests on to"
            ),
        ),
    }
}

/// Why there was no answer.
enum Unanswered {
    Unknown,
    Late,
    Tls,
    Refused,
    Other,
}

impl Unanswered {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "has a host that is not known: make its DNS record, or correct PUBLIC_URL",
            Self::Late => "did not answer in time: look at what is in front, and at firewalls",
            Self::Tls => "cannot be asked, for its certificate is not trusted",
            Self::Refused => "cannot be reached: nothing listens there; start what is in front",
            Self::Other => "cannot be reached: look at what is in front, and at firewalls",
        }
    }
}

fn fetch(url: &str) -> Result<(u16, String), Unanswered> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(url).call().map_err(|error| unanswered(&error))?;
    // The beginning of what is longer is enough to know it by.
    let mut body = Vec::new();
    let _ = answer.body_mut().as_reader().take(MOST_BYTES).read_to_end(&mut body);
    Ok((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
}

fn unanswered(error: &ureq::Error) -> Unanswered {
    match error {
        ureq::Error::HostNotFound => Unanswered::Unknown,
        ureq::Error::Timeout(_) => Unanswered::Late,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Unanswered::Tls,
        ureq::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused => Unanswered::Refused,
        // The handshake's faults come wrapped, too.
        ureq::Error::Io(io)
            if io
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) =>
        {
            Unanswered::Tls
        }
        ureq::Error::ConnectionFailed => Unanswered::Refused,
        _ => Unanswered::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_metadata_will_do() {
        let issuer = "https://auth.example.com";
        for (status, body, expected) in [
            (200, r#"{"issuer":"https://auth.example.com"}"#, State::Ok),
            (200, r#"{"issuer":"https://auth.example.com/"}"#, State::Failed),
            (200, r#"{"issuer":"https://old.example.com"}"#, State::Failed),
            (200, "<html>", State::Failed),
            (200, r#"{"issuer":1}"#, State::Failed),
            (404, r#"{"issuer":"https://auth.example.com"}"#, State::Failed),
            (301, "", State::Failed),
            (502, "", State::Failed),
        ] {
            assert_eq!(assess(issuer, status, body).0, expected, "{status} {body}");
        }
    }
}
