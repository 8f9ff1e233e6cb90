//! The one source of time.
//!
//! Every expiry, code and token is judged by an injected [`Clock`]; a use case reads it once and hands `now`
//! down, so that a test moves time instead of sleeping and one request never sees two times.

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time of the service.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present moment, in whole microseconds: PostgreSQL keeps no finer ones.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that tests and client developers move.
pub trait MovableClock: Clock {
    /// Moves the clock forward.
    fn advance(&self, by: TimeDelta);

    /// Returns how far it was moved in all.
    fn offset(&self) -> TimeDelta;
}
