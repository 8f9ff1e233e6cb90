//! The first phase of a stop. A proxy in front learns of the stop only by what happens to its requests.
//!
//! A request that a proxy sends on a connection that is being closed is lost: the proxy cannot know whether a POST was
//! carried out, so it must not repeat it. Therefore, before the listener is closed, every kept-alive connection is
//! closed by the answer to a request (`Connection: close`), and a new connection is either accepted or refused, never
//! reset.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Signals;
use super::sockets::{Bound, SocketFile};
use crate::api::ApiState;

/// What must stay open as long as new connections may begin.
#[derive(Default)]
pub(super) struct OpenSockets {
    /// Duplicates: a socket stays open until both are closed.
    listeners: Vec<TcpListener>,
    /// The files of Unix sockets. Once its file is removed, no client can connect to a socket.
    files: Vec<SocketFile>,
}

impl OpenSockets {
    /// Makes a server listen on sockets, by its methods for TCP and Unix sockets.
    pub(super) fn listen<S>(
        &mut self,
        mut server: S,
        sockets: Vec<Bound>,
        (tcp, unix): (Listening<S, TcpListener>, Listening<S, UnixListener>),
    ) -> io::Result<S> {
        for socket in sockets {
            server = match socket {
                Bound::Tcp(listener, _) => {
                    self.listeners.push(listener.try_clone()?);
                    tcp(server, listener)?
                }
                Bound::Unix(listener, file) => {
                    self.files.extend(file);
                    unix(server, listener)?
                }
            };
        }
        Ok(server)
    }
}

type Listening<S, L> = fn(S, L) -> io::Result<S>;

/// How long to wait, once no new connections begin, until those in the queue have been accepted.
const SETTLING: Duration = Duration::from_millis(500);

/// Closes the connections of clients one by one, for as long as the settings allow; another signal ends this early.
/// Then refuses new connections, so that the listener's queue is empty when it is closed.
pub(super) async fn drain(state: &ApiState, open_sockets: OpenSockets, delay: Duration, signals: &mut Signals) {
    state.draining.store(true, Ordering::Release);
    if delay.is_zero() {
        return;
    }
    tracing::info!(seconds = delay.as_secs(), "draining: connections are closed one by one");
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        _ = signals.next() => {}
    }
    drop(open_sockets.files);
    for listener in &open_sockets.listeners {
        if let Err(error) = refuse_beginnings(listener) {
            // A client that connects while the listener is closed may see a reset then.
            tracing::debug!(%error, "new connections cannot be refused");
            return;
        }
    }
    tokio::time::sleep(SETTLING).await;
}

/// Makes the kernel drop packets that begin a connection (SYN). The client sends its SYN again after a second, to a
/// port that is closed by then, and is refused. A proxy may safely try another instance then.
#[cfg(target_os = "linux")]
fn refuse_beginnings(listener: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    // A classic BPF filter on a TCP socket sees each packet from the TCP header on. Byte 13 of the header contains the
    // flags (RFC 9293 §3.1).
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let drop_beginnings = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_ANY_BIT, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&drop_beginnings)
}

#[cfg(not(target_os = "linux"))]
fn refuse_beginnings(_listener: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
