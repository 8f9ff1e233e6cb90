//! Why a server of others gave no answer that counts.

use std::error::Error;
use std::fmt;
use std::io;

/// Why there is no answer. The texts are for operators: they are fixed, and never have what a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundFault {
    /// It did not answer in time.
    Late,
    /// There is no such host, it takes no connection, or it does not speak HTTP.
    Unreachable,
    /// TLS failed: its certificate is not trusted, or is of another host.
    Untrusted,
    /// One of its addresses is not on the public internet, and the operator does not allow it.
    NotPublic,
    /// The URL has no TLS, and not all of its addresses are among those that the operator allows.
    Plain,
    /// Too many calls to one of its addresses.
    Crowded,
    /// It answers with a redirect.
    Redirects,
    /// Its answer is too long.
    TooLong,
    /// It answers with a status that does not count.
    Status(u16),
    /// All places for calls of this kind are taken.
    Busy,
    /// The program is stopping.
    Stopping,
}

impl OutboundFault {
    /// Returns the name under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::NotPublic => "not_public",
            Self::Plain => "plain",
            Self::Crowded => "crowded",
            Self::Redirects => "redirects",
            Self::TooLong => "too_long",
            Self::Status(_) => "status",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }

    /// Returns whether the operator would have to allow the address: the URL is not called, whatever its server does.
    pub const fn is_forbidden(self) -> bool {
        matches!(self, Self::NotPublic | Self::Plain)
    }

    /// Puts the fault into the place of an error of the library, so that it comes out of a call as it is.
    pub(super) fn into_error(self) -> ureq::Error {
        ureq::Error::Other(Box::new(self))
    }
}

impl From<ureq::Error> for OutboundFault {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Late,
            ureq::Error::StatusCode(status) => Self::Status(status),
            ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Self::Redirects,
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Self::Untrusted,
            ureq::Error::Other(inner) => inner.downcast::<Self>().map_or(Self::Unreachable, |fault| *fault),
            ureq::Error::Io(error) => error.into(),
            _ => Self::Unreachable,
        }
    }
}

impl From<io::Error> for OutboundFault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            return Self::Late;
        }
        let Some(inner) = error.into_inner() else {
            return Self::Unreachable;
        };
        match inner.downcast::<ureq::Error>() {
            Ok(error) => (*error).into(),
            Err(inner) if inner.is::<rustls::Error>() => Self::Untrusted,
            Err(_other) => Self::Unreachable,
        }
    }
}

impl fmt::Display for OutboundFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Late => "it did not answer in time",
            Self::Unreachable => "it cannot be reached",
            Self::Untrusted => "TLS failed, or its certificate is not trusted",
            Self::NotPublic => "its host is not on the public internet, and VESTIBULE_OUTBOUND_ALLOW does not name it",
            Self::Plain => "it has no TLS, and VESTIBULE_OUTBOUND_ALLOW does not name each of its addresses",
            Self::Crowded => "too much was asked of one of its addresses",
            Self::Redirects => "it redirects instead of answering",
            Self::TooLong => "its answer is too long",
            Self::Status(status) => return write!(formatter, "it answered {status}"),
            Self::Busy => "too many calls are under way",
            Self::Stopping => "the program is stopping",
        })
    }
}

impl Error for OutboundFault {}
