//! `vestibule health`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::Failure;
use crate::config::{Config, Listen};

/// How long to wait for the response.
const TIMEOUT: Duration = Duration::from_secs(3);
const READY: &str = "/health/ready";

/// Queries the server that these settings describe; fails unless it is ready.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let listen = &config.server.listen;
    match (listen, listen.reachable()) {
        (Listen::Unix(path), _) => ask_file(path).map_err(|error| Failure::of(format!("{listen}: {error}"))),
        (_, Some(address)) if address.port() == 0 => Err(Failure::of(
            "VESTIBULE_LISTEN has port 0, which takes another port at each start: set it to the address that the service logged \
             as listening",
        )),
        (_, Some(address)) => ask_address(address),
        (_, None) => Err(Failure::of(format!("{listen}: has no address"))),
    }
}

fn ask_address(address: SocketAddr) -> Result<(), Failure> {
    let url = format!("http://{address}{READY}");
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

/// Queries over a Unix socket, which the HTTP client does not support: sends one request and reads the status line.
fn ask_file(path: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {READY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = String::new();
    BufReader::new(io::Read::take(stream, 1024)).read_line(&mut line)?;
    // RFC 9112 §4: the version, a space, the status.
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        status => Err(io::Error::other(format!("status {}", status.unwrap_or("missing")))),
    }
}
