//! The beginning of a stop, of which a proxy in front learns only by what happens to its requests.
//!
//! What a proxy has sent and what then meets a closed connection is lost to it: it cannot know whether a POST was
//! carried out, so it must not repeat it. Before the listener is closed, therefore, every connection that is kept alive
//! is given up in answer to a request, and whoever comes anew is either taken up or refused, never reset.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Signals;
use super::sockets::{Bound, SocketFile};
use crate::api::ApiState;

/// What must be kept until no new connection is to begin.
#[derive(Default)]
pub(super) struct OpenSockets {
    /// Copies: a socket stays open until both are closed.
    listeners: Vec<TcpListener>,
    /// The names of sockets. Without its name no connection begins.
    files: Vec<SocketFile>,
}

impl OpenSockets {
    /// Has a server listen on sockets, by its ways to listen on either kind.
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

/// How long connections that have begun may take to be taken up when no more begin.
const SETTLING: Duration = Duration::from_millis(500);

/// Parts with those who are connected, for as long as the settings allow; another signal cuts it short. Then lets no
/// new connection begin, so that the listener can be closed with nobody in its queue.
pub(super) async fn drain(state: &ApiState, open_sockets: OpenSockets, delay: Duration, signals: &mut Signals) {
    state.draining.store(true, Ordering::Release);
    if delay.is_zero() {
        return;
    }
    tracing::info!(
        seconds = delay.as_secs(),
        "draining: connections are given up one by one"
    );
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        _ = signals.next() => {}
    }
    drop(open_sockets.files);
    for listener in &open_sockets.listeners {
        if let Err(error) = refuse_beginnings(listener) {
            // Who connects at the moment of closing may be reset then.
            tracing::debug!(%error, "new connections cannot be kept from beginning");
            return;
        }
    }
    tokio::time::sleep(SETTLING).await;
}

/// Has the kernel drop what begins a connection (SYN). Who sent it sends it again after a second, to a closed port, and is
/// refused, which every proxy may answer by asking another instance.
#[cfg(target_os = "linux")]
fn refuse_beginnings(listener: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    // Classic BPF on a TCP socket sees packets from the TCP header on (RFC 9293 §3.1): the flags are its byte 13.
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
