//! What can go wrong with the database, told apart in one place.
//!
//! The layers above need to know only two things of a fault: whether trying again later may help, and what to write
//! to the log. Business outcomes (taken, used, gone) are never errors here.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A fault of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had, it broke, or the server was too slow or not ready. Trying later may help.
    #[error("the database cannot be used at present: {0}")]
    Unavailable(String),
    /// The statement collided with another one and may succeed when repeated at once.
    #[error("the transaction collided with another one")]
    Collision(#[source] DieselError),
    /// A statement failed for a reason that will not go away.
    #[error("a statement failed")]
    Failed(#[source] DieselError),
    /// A stored value is not one that the program writes.
    #[error("a stored value is not one that this program writes: {0}")]
    Corrupt(&'static str),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else {
            return match error {
                // A broken connection leaves its transaction manager unusable.
                DieselError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
                other => Self::Failed(other),
            };
        };
        let message = information.message();
        match kind {
            DatabaseErrorKind::SerializationFailure => Self::Collision(error),
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            // A standby, or a server that is being promoted.
            | DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(message.to_owned()),
            // diesel does not hand on the SQLSTATE of these, so their primary messages must do.
            DatabaseErrorKind::Unknown if message.contains("deadlock detected") => Self::Collision(error),
            DatabaseErrorKind::Unknown if TEMPORARY.iter().any(|part| message.contains(part)) => {
                Self::Unavailable(message.to_owned())
            }
            _ => Self::Failed(error),
        }
    }
}

/// Parts of the messages of SQLSTATE classes 53, 57P and 55P03, and of libpq when the connection broke.
const TEMPORARY: [&str; 11] = [
    "canceling statement due to",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "remaining connection slots are reserved",
    "server closed the connection unexpectedly",
    "SSL connection has been closed unexpectedly",
    "terminating connection due to",
    "the database system is",
    "too many clients already",
    "could not extend file",
];
