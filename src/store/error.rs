//! Database faults, classified in one place.
//!
//! The layers above need to know two things about a fault: whether a later attempt can succeed, and what to write to
//! the log. Business outcomes (taken, used, gone) are never errors here.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A fault of the database or of the connection to it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection was available, or the server was too slow or not ready. A later attempt may succeed.
    #[error("the database cannot be used at present: {0}")]
    Unavailable(String),
    /// The connection broke. The same work may succeed on another one.
    #[error("the connection to the database broke: {0}")]
    Disconnected(String),
    /// The statement collided with another one. It may succeed when it is repeated at once.
    #[error("the transaction collided with another one")]
    Collision(#[source] DieselError),
    /// A statement failed, and repeating it cannot help.
    #[error("a statement failed")]
    Failed(#[source] DieselError),
    /// A stored value is not one that this program writes.
    #[error("a stored value is not one that this program writes: {0}")]
    Corrupt(&'static str),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else {
            return match error {
                // diesel's error for a connection that broke earlier.
                DieselError::BrokenTransactionManager => Self::Disconnected(error.to_string()),
                other => Self::Failed(other),
            };
        };
        let message = information.message();
        let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        match kind {
            // A name was free when it was read and is taken now, or an account existed and is gone. A repeated
            // transaction reads the new state.
            DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation => Self::Collision(error),
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Self::Disconnected(message.to_owned())
            }
            // A standby, or a server that is being promoted.
            DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(message.to_owned()),
            DatabaseErrorKind::Unknown if says(&COLLIDED) => Self::Collision(error),
            DatabaseErrorKind::Unknown if says(&DISCONNECTED) => Self::Disconnected(message.to_owned()),
            DatabaseErrorKind::Unknown if says(&UNAVAILABLE) => Self::Unavailable(message.to_owned()),
            _ => Self::Failed(error),
        }
    }
}

// diesel does not expose the SQLSTATE, so faults are recognized by parts of the primary message.

/// SQLSTATE 40P01: of one server, and of Citus.
const COLLIDED: [&str; 2] = [
    "deadlock detected",
    "canceling the transaction since it was involved in a distributed deadlock",
];
/// Class 57P, and libpq's messages for a broken connection.
const DISCONNECTED: [&str; 6] = [
    "terminating connection due to",
    "server closed the connection unexpectedly",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "SSL connection has been closed unexpectedly",
];
/// 57014, 55P03, class 53 and 57P03.
const UNAVAILABLE: [&str; 4] = [
    "canceling statement due to",
    "could not extend file",
    "too many clients already",
    "the database system is",
];
