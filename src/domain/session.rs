//! A session: one row from the password to the logout.
//!
//! `/login` makes it pending, `/2fa/verify` makes it active, and whatever ends it says why. Only the moves
//! pending → active → ended and pending → ended exist; each is one conditional statement in the store.

use chrono::{DateTime, TimeDelta, Utc};

use super::assurance::AuthenticationMethod;
use super::ids::{SessionId, UserId};

/// Second-factor attempts that one pending session allows.
pub const MAX_ATTEMPTS: i16 = 5;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The first factor was proven; the second is wanted.
    Pending,
    /// Signed in.
    Active,
    /// Over, for good.
    Ended,
}

impl SessionState {
    /// Returns the name under which the state is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// How long sessions last in one deployment.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// From the password to the second factor.
    pub pre_auth: TimeDelta,
    /// Without use (NIST SP 800-63B-4 §5.2: inactivity).
    pub idle: TimeDelta,
    /// In all; use never prolongs it.
    pub absolute: TimeDelta,
}

impl SessionLifetimes {
    /// Returns when a session that signs in `now` ends at the latest, and when it ends if it is not used.
    pub fn ends(&self, now: DateTime<Utc>) -> SessionEnds {
        let absolute = now + self.absolute;
        SessionEnds {
            absolute,
            idle: absolute.min(now + self.idle),
        }
    }
}

/// The two ends of a session's life that time alone brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnds {
    /// The end that nothing moves.
    pub absolute: DateTime<Utc>,
    /// The end that each use moves, never past the absolute one.
    pub idle: DateTime<Utc>,
}

/// A session between its two doors.
#[derive(Clone, Debug)]
pub struct PendingSession {
    /// The row that the pre-auth token names.
    pub id: SessionId,
    /// Whose first factor was proven.
    pub user_id: UserId,
    /// Attempts taken, the present one included.
    pub attempts: i16,
    /// What was proven so far.
    pub methods: Vec<AuthenticationMethod>,
}

impl PendingSession {
    /// Returns how many attempts are left after the present one.
    pub fn attempts_remaining(&self) -> i16 {
        (MAX_ATTEMPTS - self.attempts).max(0)
    }
}

/// A session that is signed in.
#[derive(Clone, Debug)]
pub struct ActiveSession {
    /// The `sid` of its access tokens.
    pub id: SessionId,
    /// The `sub` of its access tokens.
    pub user_id: UserId,
    /// What was proven, in order.
    pub methods: Vec<AuthenticationMethod>,
    /// When the row was made, which is when the first factor was proven.
    pub created_at: DateTime<Utc>,
    /// When the user last proved who they are.
    pub auth_time: DateTime<Utc>,
    /// When it ends by age or for want of use.
    pub ends: SessionEnds,
    /// Which refresh token of the series is the live one.
    pub refresh_counter: u64,
}
