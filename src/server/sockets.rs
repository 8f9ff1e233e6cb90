//! The sockets that the server listens on: bound here, or passed by a supervisor such as systemd.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;

use crate::config::Listen;

/// The mode of a socket file: only the account and the group of the process may connect; `nginx` joins the group. A
/// client of this socket is a trusted proxy, whose forwarded client addresses are believed, so it must not be open to
/// every local account.
const SOCKET_MODE: u32 = 0o660;

/// One socket.
pub(super) enum Bound {
    /// TCP, with its address.
    Tcp(TcpListener, SocketAddr),
    /// A Unix socket, with its file if this process created it.
    Unix(UnixListener, Option<SocketFile>),
}

impl Bound {
    /// Returns the address, for the log.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(_, address) => address.to_string(),
            Self::Unix(listener, _) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(|| "unix:".to_owned(), |path| format!("unix:{}", path.display()))
            }
        }
    }

    /// Returns the base URL of the socket; a Unix socket has none.
    pub(super) fn url(&self) -> Option<String> {
        match self {
            Self::Tcp(_, address) => Some(format!("http://{address}")),
            Self::Unix(..) => None,
        }
    }

    /// Returns whether only this machine can reach it.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(_, address) => address.ip().is_loopback(),
            Self::Unix(..) => true,
        }
    }
}

/// A socket file, removed when this is dropped.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may have been removed already.
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes all sockets that systemd passes (`sd_listen_fds(3)`), whatever their names.
///
/// # Errors
///
/// Says which of them is neither a TCP nor a Unix stream socket.
pub(super) fn inherited() -> io::Result<Vec<Bound>> {
    let mut handed = ListenFd::from_env();
    let mut bound = Vec::new();
    for index in 0..handed.len() {
        if let Ok(Some(listener)) = handed.take_unix_listener(index) {
            bound.push(Bound::Unix(listener, None));
        } else if let Some(listener) = handed.take_tcp_listener(index)? {
            let address = listener.local_addr()?;
            bound.push(Bound::Tcp(listener, address));
        }
    }
    Ok(bound)
}

/// Binds the sockets that a setting names.
pub(super) fn bind(listen: &Listen) -> io::Result<Vec<Bound>> {
    match listen {
        Listen::At(addresses) => bind_each(addresses),
        Listen::Everywhere(port) => bind_everywhere(*port).map(|bound| vec![bound]),
        Listen::Unix(path) => bind_file(path).map(|bound| vec![bound]),
    }
}

/// Binds all addresses of a name. An address family that this machine lacks is skipped if the other one is there.
fn bind_each(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    let mut absent = None;
    let mut port = None;
    for address in addresses {
        // With port 0 the first address gets a free port, and the other addresses use the same one.
        let wanted = SocketAddr::new(address.ip(), port.unwrap_or_else(|| address.port()));
        match bind_address(wanted) {
            Ok((listener, address)) => {
                port = Some(address.port());
                bound.push(Bound::Tcp(listener, address));
            }
            Err(error) if is_absent(&error) && addresses.len() > 1 => absent = Some(error),
            Err(error) => return Err(error),
        }
    }
    match absent {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

/// Binds one IPv6 socket, which accepts IPv4 connections too (RFC 3493 §3.7); an IPv4 socket where IPv6 is switched
/// off.
fn bind_everywhere(port: u16) -> io::Result<Bound> {
    let (listener, address) = match bind_address((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if is_absent(&error) => bind_address((Ipv4Addr::UNSPECIFIED, port).into())?,
        bound => bound?,
    };
    Ok(Bound::Tcp(listener, address))
}

fn bind_address(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn is_absent(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no `ErrorKind` yet.
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Binds a socket file. A file that a crash left, on which no process listens, is replaced; any other file stays.
fn bind_file(path: &Path) -> io::Result<Bound> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(Bound::Unix(listener, Some(file)))
}

fn is_stale(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}
