//! The one source of time.
//!
//! Every expiry, code and token is checked against an injected [`Clock`]. A use case reads it once and passes `now` on,
//! so that a test moves time instead of sleeping, and one request never sees two times.

use chrono::{DateTime, TimeDelta, Utc};

/// The clock of the service.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time in whole microseconds, the precision of PostgreSQL.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that tests and client developers move.
pub trait MovableClock: Clock {
    /// Moves the clock forward.
    fn advance(&self, by: TimeDelta);

    /// Returns how far it was moved in all.
    fn offset(&self) -> TimeDelta;
}
