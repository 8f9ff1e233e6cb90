//! Whose certificates are trusted, and how hosts are looked up: a trait, so that tests can lead from addresses on the
//! public internet to their own servers.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use ureq::tls::{RootCerts, TlsConfig};

/// How hosts are reached. Tests inject one that leads from public addresses to their own servers.
pub trait Network: fmt::Debug + Send + Sync + 'static {
    /// Looks a host up.
    ///
    /// # Errors
    ///
    /// If there is no such host.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    /// Returns where a connection to an address that was checked goes.
    fn destination(&self, address: SocketAddr) -> SocketAddr {
        address
    }

    /// Returns whose certificates are trusted.
    fn roots(&self) -> RootCerts {
        RootCerts::PlatformVerifier
    }
}

/// The network of the machine.
#[derive(Debug)]
pub struct SystemNetwork;

impl Network for SystemNetwork {}

/// Returns how servers prove who they are.
pub(super) fn tls(network: &dyn Network) -> TlsConfig {
    TlsConfig::builder()
        .root_certs(network.roots())
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build()
}

/// Looks a host up, for `limit` at most. The system's own look-up has no limit that a program can set: with one that
/// takes half a minute, a few hosts of an attacker would take all places for that long. A thread that was left behind
/// ends when the system gives up. Calls have few places and limits of seconds, so there are never many.
///
/// # Errors
///
/// If there is no such host, or the look-up takes too long ([`io::ErrorKind::TimedOut`]).
pub(super) fn look_up(
    network: &Arc<dyn Network>,
    host: &str,
    port: u16,
    limit: Duration,
) -> io::Result<Vec<SocketAddr>> {
    let (network, host) = (Arc::clone(network), host.to_owned());
    let (found, answer) = mpsc::channel();
    thread::Builder::new()
        .name("look-up".to_owned())
        .spawn(move || found.send(network.resolve(&host, port)))?;
    let answer = answer.recv_timeout(limit);
    answer.unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into()))
}
