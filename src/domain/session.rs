//! A session: one row from the password to the logout.
//!
//! `/login` makes it pending, `/2fa/verify` makes it active, and whatever ends it says why. Only the moves
//! pending → active → ended and pending → ended exist; each is one conditional statement in the store.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::assurance::AuthenticationMethod;
use super::ids::{SessionId, UserId};
use super::input::InvalidInput;

/// Second-factor attempts that one pending session allows.
pub const MAX_ATTEMPTS: i16 = 5;

/// Names a session by its user and its id. Both are in every token of a session, so that a database that is spread over
/// machines by user is always told where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Whose it is.
    pub user_id: UserId,
    /// Its id.
    pub session_id: SessionId,
}

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

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// Its user ended it from another session, a service client revoked its token, or an operator ended it.
    Revoked,
    /// A refresh token was presented that had been used before: somebody has a copy.
    RefreshReuse,
    /// It was the least recently used of too many.
    SessionLimit,
    /// The password of its account was changed.
    PasswordChanged,
    /// Its time was over.
    Expired,
}

impl EndReason {
    /// Returns the name under which the reason is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::RefreshReuse => "refresh_reuse",
            Self::SessionLimit => "session_limit",
            Self::PasswordChanged => "password_changed",
            Self::Expired => "expired",
        }
    }
}

/// Where a session's refresh tokens go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Into the body of answers, for clients that can keep a secret.
    #[default]
    Body,
    /// Into a cookie that scripts cannot read, for browsers.
    Cookie,
}

impl Delivery {
    /// Returns the name under which it is stored and asked for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Cookie => "cookie",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Body, Self::Cookie]
            .into_iter()
            .find(|delivery| delivery.as_str() == name)
    }

    /// Reads what a request asks for; nothing asked for is the body.
    ///
    /// # Errors
    ///
    /// Names `/delivery` when it is neither.
    pub fn requested(name: Option<&str>) -> Result<Self, InvalidInput> {
        let asked = name.map_or(Some(Self::default()), Self::parse);
        asked.ok_or_else(|| InvalidInput::of("/delivery", "must be body or cookie"))
    }
}

/// What a refresh token that could not be rotated is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleToken {
    /// The live token's immediate predecessor, inside the grace window: two tabs at once, or a phone whose answer was
    /// lost. It gets the same successor again.
    Predecessor,
    /// Any other used token: somebody has a copy, and nobody can tell which of the two is the owner.
    Reused,
    /// Not a token of this series.
    Unknown,
}

/// Judges a refresh token that is not the live one (RFC 9700 §4.14.2).
///
/// `grace` of zero is strict: a predecessor is then a reuse however soon it comes.
pub fn judge_stale_token(
    presented: u64,
    live: u64,
    rotated_at: Option<DateTime<Utc>>,
    grace: TimeDelta,
    now: DateTime<Utc>,
) -> StaleToken {
    if presented >= live || presented == 0 {
        return StaleToken::Unknown;
    }
    let in_time = rotated_at.is_some_and(|rotated_at| grace > TimeDelta::zero() && now - rotated_at <= grace);
    if presented + 1 == live && in_time {
        StaleToken::Predecessor
    } else {
        StaleToken::Reused
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

impl SessionEnds {
    /// Returns the ends after a use `now`: the idle one moves, but never past the absolute one.
    #[must_use]
    pub fn after_use(self, idle: TimeDelta, now: DateTime<Utc>) -> Self {
        Self {
            idle: self.absolute.min(now + idle),
            ..self
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
    /// When it last became another.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Where its refresh tokens go.
    pub delivery: Delivery,
}

/// A session as everything held about its user shows it, ended and pending ones included.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// Where it stands: `pending`, `active` or `ended`.
    pub state: String,
    /// When its first factor was proven.
    pub created_at: DateTime<Utc>,
    /// When a token of it was last made.
    pub last_used_at: DateTime<Utc>,
    /// When it ended before its time.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended before its time.
    pub end_reason: Option<String>,
    /// Where its login came from.
    pub origin: SessionOrigin,
}

/// Where the login of a session came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOrigin {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The program, as it calls itself.
    pub user_agent: Option<String>,
}

/// A session as its user sees it in a list.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// The session.
    pub session: ActiveSession,
    /// When a token of it was last made.
    pub last_used_at: DateTime<Utc>,
    /// Where the login came from.
    pub ip: Option<IpAddr>,
    /// What the login came from.
    pub user_agent: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn judge(presented: u64, live: u64, grace: i64, later: i64) -> StaleToken {
        judge_stale_token(
            presented,
            live,
            Some(at(1000)),
            TimeDelta::seconds(grace),
            at(1000 + later),
        )
    }

    #[test]
    fn only_the_immediate_predecessor_inside_the_window_is_forgiven() {
        assert_eq!(judge(4, 5, 10, 0), StaleToken::Predecessor);
        assert_eq!(judge(4, 5, 10, 10), StaleToken::Predecessor);
        assert_eq!(judge(4, 5, 10, 11), StaleToken::Reused);
        assert_eq!(judge(3, 5, 10, 0), StaleToken::Reused);
        assert_eq!(judge(4, 5, 0, 0), StaleToken::Reused);
        assert_eq!(judge(5, 5, 10, 0), StaleToken::Unknown);
        assert_eq!(judge(0, 1, 10, 0), StaleToken::Unknown);
    }

    proptest! {
        #[test]
        fn an_older_token_is_never_forgiven(live in 3_u64..1000, age in 2_u64..1000, grace in 0_i64..60, later in 0_i64..60) {
            let presented = live.saturating_sub(age);
            prop_assert_ne!(judge(presented, live, grace, later), StaleToken::Predecessor);
        }

        #[test]
        fn use_never_prolongs_a_session_past_its_absolute_end(uses in proptest::collection::vec(0_i64..5000, 0..20)) {
            let lifetimes = SessionLifetimes {
                pre_auth: TimeDelta::seconds(300), idle: TimeDelta::seconds(600), absolute: TimeDelta::seconds(3600),
            };
            let mut ends = lifetimes.ends(at(0));
            for now in uses {
                ends = ends.after_use(lifetimes.idle, at(now));
                prop_assert!(ends.idle <= ends.absolute && ends.absolute == at(3600));
            }
        }
    }
}
