//! Checks that the public URL leads to this deployment, as clients and back ends see it.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

use super::Stage;
use super::report::{Report, State};
use crate::cli::operate::{knows_public_url, public_url};
use crate::config::Config;

/// How long to wait for a response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of bytes read from a response.
const MOST_BYTES: u64 = 64 * 1024;
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// The status codes of a proxy that cannot reach the service.
const NO_UPSTREAM: [u16; 3] = [502, 503, 504];

/// What is known of the database in these settings. The service at the public URL is compared with it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Here<'a> {
    /// The ids of the signing keys in it.
    Keys(&'a [String]),
    /// It is a private database that the first start creates.
    Unmade,
    /// It could not be read.
    Unknown,
}

/// Requests the metadata, as every verifier does first, and the metrics, which must not be there.
///
/// The metadata shows the issuer that the service is configured with. Its keys show which database it uses.
pub(super) fn ask(config: &Config, stage: Stage, here: Here<'_>, report: &mut Report) {
    let issuer = public_url(config);
    let (state, detail) = if knows_public_url(config) {
        match fetch(&format!("{issuer}{METADATA}")) {
            Ok((status, _)) if stage == Stage::BeforeStart && NO_UPSTREAM.contains(&status) => (
                State::Skipped,
                format!("{issuer} answers {status}, as expected before the start"),
            ),
            Ok((status, body)) => match assess(&issuer, status, &body) {
                (State::Ok, _) => compare(&issuer, stage, here),
                assessed => assessed,
            },
            // Without a public URL there is no proxy: nothing listens because the service is not running.
            Err(Unanswered::Refused) if stage == Stage::BeforeStart || config.server.public_url.is_none() => (
                State::Skipped,
                format!("nothing listens at {issuer}: the service is not running"),
            ),
            // A proxy may be set up after the service. But if a certificate is not trusted, there already is a server.
            Err(unanswered) => {
                let may_follow = stage == Stage::BeforeStart && !matches!(unanswered, Unanswered::Tls);
                let state = if may_follow { State::Warning } else { State::Failed };
                (state, format!("{issuer} {}", unanswered.as_str("VESTIBULE_PUBLIC_URL")))
            }
        }
    } else {
        (
            State::Skipped,
            "neither VESTIBULE_PUBLIC_URL nor a port is set".to_owned(),
        )
    };
    report.add("public url", state, detail);
}

/// Compares a service with the right issuer with the database in these settings.
fn compare(issuer: &str, stage: Stage, here: Here<'_>) -> (State, String) {
    if let (Stage::Running, Here::Keys(own)) = (stage, here)
        && !publishes_one_of(issuer, own)
    {
        let detail = format!(
            "{issuer} is a service with other signing keys: correct DATABASE_URL here or on the machine of that service"
        );
        return (State::Failed, detail);
    }
    if shows_metrics(issuer) {
        let detail = format!("{issuer}/metrics is public: let the proxy pass requests to VESTIBULE_LISTEN only");
        return (State::Failed, detail);
    }
    match here {
        Here::Keys(_) => (State::Ok, format!("{issuer} is this service")),
        Here::Unmade => (
            State::Warning,
            format!(
                "a service with this issuer answers at {issuer}, but the database here does not exist yet: check with \
                 the DATABASE_URL or VESTIBULE_DATA_DIR of that service"
            ),
        ),
        Here::Unknown => (
            State::Warning,
            format!(
                "a service with this issuer answers at {issuer}; whether it uses the database here cannot be determined"
            ),
        ),
    }
}

/// Returns whether an address serves this deployment: under its issuer, or with its keys.
pub(super) fn is_served_at(address: &str, issuer: &str, here: Here<'_>) -> bool {
    let Ok((status, body)) = fetch(&format!("{address}{METADATA}")) else {
        return false;
    };
    assess(issuer, status, &body).0 == State::Ok
        || matches!(here, Here::Keys(own) if published_at(address).iter().any(|key| own.contains(key)))
}

/// Requests the base URL of links in mails, if one is set. Any response is good. A front end may be set up after the
/// service, so a missing response is only a warning.
pub(super) fn ask_link_base(config: &Config, report: &mut Report) {
    const NAME: &str = "link base url";
    let Some(base) = &config.server.link_base_url else {
        return;
    };
    match fetch(base) {
        Ok(_) => report.add(NAME, State::Ok, format!("{base} answers")),
        Err(unanswered) => {
            let advice = unanswered.as_str("VESTIBULE_LINK_BASE_URL");
            report.add(NAME, State::Warning, format!("{base} {advice}"));
        }
    }
}

/// Returns whether the public URL serves metrics in Prometheus's text format. The service serves them on
/// `METRICS_LISTEN` only, so then a proxy passes requests there.
fn shows_metrics(issuer: &str) -> bool {
    fetch(&format!("{issuer}/metrics")).is_ok_and(|(status, body)| status == 200 && body.contains("# TYPE "))
}

/// Returns whether a service publishes one of these keys. A service that publishes none is starting.
fn publishes_one_of(issuer: &str, own_keys: &[String]) -> bool {
    let published = published_at(issuer);
    published.is_empty() || published.iter().any(|key| own_keys.contains(key))
}

/// Returns the ids of the keys that an address publishes; none if there is no key set.
fn published_at(address: &str) -> Vec<String> {
    let served = fetch(&format!("{address}/.well-known/jwks.json")).ok();
    let set = served.and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok());
    let keys = set.as_ref().and_then(|set| set.get("keys")?.as_array());
    let ids = keys.into_iter().flatten().filter_map(|key| key.get("kid")?.as_str());
    ids.map(str::to_owned).collect()
}

fn assess(issuer: &str, status: u16, body: &str) -> (State, String) {
    if NO_UPSTREAM.contains(&status) {
        return (
            State::Failed,
            format!(
                "{issuer} answers {status}: start the service, or correct the address that the proxy passes requests to"
            ),
        );
    }
    let metadata: Option<Value> = serde_json::from_str(body).ok().filter(|_| status == 200);
    let said = metadata.as_ref().and_then(|metadata| metadata.get("issuer")?.as_str());
    match said {
        Some(said) if said == issuer => (State::Ok, format!("{issuer} is this service")),
        Some(_) => (
            State::Failed,
            format!(
                "{issuer} leads to a service with another issuer: correct VESTIBULE_PUBLIC_URL here or on the machine \
                 of that service"
            ),
        ),
        None => (
            State::Failed,
            format!(
                "{issuer} leads to something else: it answers {status} without the metadata of this service; correct \
                 VESTIBULE_PUBLIC_URL, or the address that the proxy passes requests to"
            ),
        ),
    }
}

/// Why there was no response.
pub(super) enum Unanswered {
    Unknown,
    Late,
    Tls,
    Refused,
    Other,
}

impl Unanswered {
    /// Describes it, and names the setting of the URL.
    fn as_str(&self, variable: &str) -> String {
        match self {
            Self::Unknown => format!("has a host that is not known: create its DNS record, or correct {variable}"),
            Self::Late => "did not answer in time: check the server or proxy there, and firewalls".to_owned(),
            Self::Tls => "cannot be requested, because its certificate is not trusted".to_owned(),
            Self::Refused => "cannot be reached: nothing listens there; start the server or proxy there".to_owned(),
            Self::Other => "cannot be reached: check the server or proxy there, and firewalls".to_owned(),
        }
    }
}

/// Requests a URL. Returns the status and the beginning of the body.
pub(super) fn fetch(url: &str) -> Result<(u16, String), Unanswered> {
    // The client has several errors for a name that cannot be resolved, so it is resolved here first.
    let place = Url::parse(url).ok().and_then(|url| url.socket_addrs(|| None).ok());
    if place.is_none() {
        return Err(Unanswered::Unknown);
    }
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
    // The beginning of a longer body is enough to recognise it.
    let mut body = Vec::new();
    let _ = answer.body_mut().as_reader().take(MOST_BYTES).read_to_end(&mut body);
    Ok((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
}

fn unanswered(error: &ureq::Error) -> Unanswered {
    match error {
        ureq::Error::Timeout(_) => Unanswered::Late,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Unanswered::Tls,
        ureq::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused => Unanswered::Refused,
        // Faults of the handshake may also be wrapped in an I/O error.
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
