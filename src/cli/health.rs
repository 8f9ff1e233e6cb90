//! `vestibule health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Failure;
use crate::config::Config;

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the server that these settings describe; fails unless it is ready.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let url = format!("http://{}/health/ready", reachable(config.server.listen));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .proxy(None)
        .build()
        .into();
    agent
        .get(&url)
        .call()
        .map_err(|error| Failure::of(format!("{url}: {error}")))?;
    Ok(())
}

/// A server that listens on every address is asked on the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}
