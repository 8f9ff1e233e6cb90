//! Whether the public URL leads to this deployment: what clients and back ends see of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::Config;

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of it.
const MOST_BYTES: u64 = 64 * 1024;
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// What a proxy answers when there is nobody behind it.
const NOBODY_BEHIND: [u16; 3] = [502, 503, 504];

/// Asks for the metadata, as every verifier does first.
pub(super) fn ask(config: &Config, report: &mut Report) {
    let issuer = public_url(config);
    let (state, detail) = if config.server.public_url.is_none() && !has_port(config) {
        (State::Skipped, "neither PUBLIC_URL nor a port is set".to_owned())
    } else {
        match fetch(&format!("{issuer}{METADATA}")) {
            Ok((status, body)) => judge(&issuer, status, &body),
            // Without a public URL there is nothing in front: nobody listens because nothing was started.
            Err(Unanswered::Refused) if config.server.public_url.is_none() => (
                State::Skipped,
                format!("nobody listens at {issuer}: the service is not running"),
            ),
            Err(unanswered) => (State::Failed, format!("{issuer} {}", unanswered.as_str())),
        }
    };
    report.add("public url", state, detail);
}

fn has_port(config: &Config) -> bool {
    config
        .server
        .listen
        .reachable()
        .is_some_and(|address| address.port() != 0)
}

fn judge(issuer: &str, status: u16, body: &str) -> (State, String) {
    if NOBODY_BEHIND.contains(&status) {
        return (
            State::Warning,
            format!("{issuer} answers {status}: is the service running?"),
        );
    }
    let metadata: Option<Value> = serde_json::from_str(body).ok().filter(|_| status == 200);
    let said = metadata.as_ref().and_then(|metadata| metadata.get("issuer")?.as_str());
    match said {
        Some(said) if said == issuer => (State::Ok, format!("{issuer} is this service")),
        Some(_) => (
            State::Failed,
            format!("{issuer} leads to a service with another issuer"),
        ),
        None => (
            State::Failed,
            format!("{issuer} leads to something else: it answers {status} without metadata of ours"),
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
            Self::Unknown => "has a host that is not known",
            Self::Late => "did not answer in time",
            Self::Tls => "has a certificate that is not trusted, or no TLS",
            Self::Refused => "cannot be reached: nobody listens there",
            Self::Other => "cannot be reached",
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
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string();
    Ok((answer.status().as_u16(), body.unwrap_or_default()))
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
            (502, "", State::Warning),
        ] {
            assert_eq!(judge(issuer, status, body).0, expected, "{status} {body}");
        }
    }
}
