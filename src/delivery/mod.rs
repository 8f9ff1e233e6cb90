//! How messages reach people: their words, and the ways out of the house.
//!
//! Nothing here knows an account or the database. A transport is handed one message and says whether it took it; when to
//! try again is the outbox's matter (`flows::outbox`). Neither words nor destinations are ever logged.

pub mod sms;
pub mod smtp;
pub mod templates;

use futures_util::future::BoxFuture;
use uuid::Uuid;

/// A message in its words.
pub struct Rendered {
    /// One line; for mail only.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as a page; for mail only.
    pub html: Option<String>,
}

/// A message on its way out.
pub struct Outgoing {
    /// Stays the same when it is sent again, so that whoever receives it twice can tell.
    pub id: Uuid,
    /// A mail address or a phone number.
    pub to: String,
    /// What it is about.
    pub kind: &'static str,
    /// The tag of the language it is written in.
    pub locale: &'static str,
    /// The code in it, if there is one.
    pub code: Option<String>,
    /// Its words.
    pub rendered: Rendered,
}

/// Why a message was not taken. The texts go to the log and to the outbox's row: neither words nor destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may well be taken later: nobody answered, or the answer was "not now".
    #[error("not sent: {0}")]
    Temporary(String),
    /// The other side will not take it.
    #[error("refused: {0}")]
    Refused(String),
}

/// Tells whether a host is this machine. What goes there may go without TLS.
fn is_loopback(host: &str) -> bool {
    let ip = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// A way out of the house: a seam, since tests and development bring their own.
pub trait Transport: Send + Sync + 'static {
    /// Hands a message over. Returns in bounded time, whatever the other side does.
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, Result<(), SendError>>;

    /// Goes as far as it can without handing anything over: for `vestibule check`. Returns in bounded time. A way that has
    /// nothing to try is taken to be open.
    fn probe(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
