//! Renders messages as text and sends them.
//!
//! This layer knows neither accounts nor the database. A transport takes one message and reports whether it was
//! accepted; the outbox (`flows::notify::outbox`) decides when to retry. Neither texts nor destinations are ever
//! logged.

pub mod sms;
pub mod smtp;
pub mod templates;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::domain::message::Channel;

/// A message as text.
pub struct Rendered {
    /// One line; for mail only.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML; for mail only.
    pub html: Option<String>,
}

/// A message to be sent.
pub struct Outgoing {
    /// Stays the same when the message is sent again, so that a receiver can recognise duplicates.
    pub id: Uuid,
    /// A mail address or a phone number.
    pub to: String,
    /// The kind of message.
    pub kind: &'static str,
    /// The tag of the language it is written in.
    pub locale: &'static str,
    /// The code in it, if any.
    pub code: Option<String>,
    /// Its text.
    pub rendered: Rendered,
}

/// Why a message was not accepted. The texts go to the log and to the outbox's row, so they contain neither the message
/// nor its destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may be accepted later: there was no response, or it was a temporary rejection.
    #[error("not sent: {0}")]
    Temporary(String),
    /// The receiver rejected the message for good.
    #[error("refused: {0}")]
    Refused(String),
}

/// Returns whether a host is this machine. Traffic to it may go without TLS.
fn is_loopback(host: &str) -> bool {
    let ip = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Sends messages of one channel. Tests and development replace it.
pub trait Transport: Send + Sync + 'static {
    /// Sends a message. Returns in bounded time, whatever the receiver does.
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, Result<(), SendError>>;

    /// Does everything but send a message, for `vestibule check`. Returns in bounded time. A transport that has nothing
    /// to try reports success.
    fn probe(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What sends the messages of a channel.
pub enum Sender {
    /// Sends them.
    Transport(Arc<dyn Transport>),
    /// Sends nothing: in development, messages stay in the table to be shown.
    Captured,
    /// Sends nothing: the deployment has not set the channel up, and requests that need it are refused.
    Absent,
}

/// The senders of the deployment, by channel.
pub struct Senders {
    /// Mail.
    pub email: Sender,
    /// Text messages.
    pub sms: Sender,
}

impl Senders {
    /// Returns the sender of a channel.
    pub const fn of(&self, channel: Channel) -> &Sender {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        }
    }

    /// Returns whether a channel is set up.
    pub const fn has(&self, channel: Channel) -> bool {
        !matches!(self.of(channel), Sender::Absent)
    }
}
