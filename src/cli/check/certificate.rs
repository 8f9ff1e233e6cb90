//! The certificate of the public URL, verified as curl does it: against the roots that this system trusts.
//!
//! The HTTP client reports only that the certificate is not trusted. This handshake finds the reason: expired, for
//! another host, or self-signed.

use std::error::Error;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError};
use rustls::{InvalidMessage, SignatureScheme};
use rustls_platform_verifier::Verifier;
use url::Url;
use webpki::EndEntityCert;

use super::report::{Report, State};

/// How long to wait for the connection, and for each part of the handshake.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Verifies the certificate that the server of a URL presents. The check of the public URL reports a server that cannot
/// be reached.
pub(super) fn look(public_url: &str, report: &mut Report) {
    const NAME: &str = "certificate";
    let Some((host, port)) = https_place(public_url) else {
        return report.add(NAME, State::Skipped, "the public URL is not https");
    };
    match handshake(&host, port) {
        Ok(()) => report.add(NAME, State::Ok, format!("{host} presents one that this system trusts")),
        Err(Untrusted::Unreachable) => report.add(NAME, State::Skipped, format!("{host} cannot be reached")),
        Err(Untrusted::Because(reason)) => report.add(NAME, State::Failed, format!("{host} {reason}")),
    }
}

/// Returns host and port of an https URL.
fn https_place(public_url: &str) -> Option<(String, u16)> {
    let url = Url::parse(public_url).ok().filter(|url| url.scheme() == "https")?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

/// Why there is no trusted connection to the server.
enum Untrusted {
    Unreachable,
    Because(String),
}

impl<E: Error> From<E> for Untrusted {
    fn from(error: E) -> Self {
        Self::Because(error.to_string())
    }
}

fn handshake(host: &str, port: u16) -> Result<(), Untrusted> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let system = Verifier::new(Arc::clone(&provider))
        .map_err(|_none| Untrusted::Because("cannot be verified: this system trusts no authority".to_owned()))?;
    let verifier = Arc::new(Observer {
        system,
        is_self_signed: AtomicBool::new(false),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = connect(host, port).ok_or(Untrusted::Unreachable)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| {
            let is_self_signed = verifier.is_self_signed.load(Ordering::Relaxed);
            Untrusted::Because(reason(&error, is_self_signed))
        })?;
    }
    Ok(())
}

fn connect(host: &str, port: u16) -> Option<TcpStream> {
    let mut addresses = (host, port).to_socket_addrs().ok()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, TIMEOUT).ok())?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    Some(stream)
}

/// Describes the fault, and what to do about it.
fn reason(error: &io::Error, is_self_signed: bool) -> String {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    match error {
        Some(TlsError::InvalidCertificate(_)) if is_self_signed => {
            "presents a self-signed certificate: install one of an authority that clients trust".to_owned()
        }
        Some(TlsError::InvalidCertificate(error)) => invalid(error),
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "does not speak TLS on this port: put the proxy that terminates TLS there, or correct VESTIBULE_PUBLIC_URL"
                .to_owned()
        }
        _ => "ends the TLS handshake: see the log of the proxy that terminates TLS there".to_owned(),
    }
}

fn invalid(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "presents an expired certificate: renew it, and reload the server that presents it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "presents a certificate that is not valid yet: correct this machine's clock, or the certificate".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "presents a certificate of another host: install one that names this host, or correct VESTIBULE_PUBLIC_URL"
                .to_owned()
        }
        CertificateError::UnknownIssuer => {
            "presents a certificate of an authority that this system does not trust: let the server send the \
             intermediate certificates, or add the authority to the system's"
                .to_owned()
        }
        CertificateError::Revoked => "presents a revoked certificate: install another one".to_owned(),
        other => format!("presents a certificate that cannot be used ({other}): install another one"),
    }
}

/// Verifies as the system does, and records whether the certificate is self-signed. The system reports of a self-signed
/// certificate only that its issuer is unknown, or that it belongs to an authority.
#[derive(Debug)]
struct Observer {
    system: Verifier,
    is_self_signed: AtomicBool,
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let own = EndEntityCert::try_from(end_entity).is_ok_and(|shown| shown.issuer() == shown.subject());
        self.is_self_signed.store(own, Ordering::Relaxed);
        self.system
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.system.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.system.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_has_a_certificate() {
        for (url, expected) in [
            ("http://localhost:8080", None),
            ("https://auth.example.com", Some(("auth.example.com", 443))),
            ("https://auth.example.com:8443/auth", Some(("auth.example.com", 8443))),
            ("https://[::1]:8443", Some(("::1", 8443))),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(https_place(url), expected, "{url}");
        }
    }
}
