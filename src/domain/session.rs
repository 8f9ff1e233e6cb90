//! A session: one row from the password to the logout.
//!
//! `/login` makes it pending, `/2fa/verify` makes it active, and whatever ends it says why. Only the moves
//! pending → active → ended and pending → ended exist; each is one conditional statement in the store.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::assurance::Proofs;
use super::ids::{SessionId, UserId};
use super::input::InvalidInput;

/// Second-factor attempts that one pending session allows.
pub const MAX_ATTEMPTS: i16 = 5;

/// Tokens before a step-up that end nothing inside the grace window: more than the rotations that tabs of one owner
/// make in that time.
const SPARED_BY_STEP_UP: u64 = 4;

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
    /// A service client revoked its token, or an operator ended it.
    Revoked,
    /// Its owner ended it from elsewhere, so it may have been a stranger's.
    Evicted,
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
            Self::Evicted => "evicted",
            Self::RefreshReuse => "refresh_reuse",
            Self::SessionLimit => "session_limit",
            Self::PasswordChanged => "password_changed",
            Self::Expired => "expired",
        }
    }
}

/// Where a session's refresh tokens go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokenTransport {
    /// Into the body of answers, for clients that can keep a secret.
    #[default]
    Body,
    /// Into a cookie that scripts cannot read, for browsers.
    Cookie,
}

impl RefreshTokenTransport {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Body, Self::Cookie];

    /// Returns the name under which it is stored and asked for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Cookie => "cookie",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.as_str() == name)
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
    /// One of the last tokens before a step-up, inside the grace window: a second tab of the owner may be refreshing at
    /// this moment. It is refused, since its holder has not proven what the step-up proved, and nothing ends.
    SteppedUp,
    /// Any other used token: somebody has a copy, and nobody can tell which of the two is the owner.
    Reused,
    /// Not a token of this series.
    Unknown,
}

/// The refresh tokens of a session. They differ in a counter, and the live one is that which carries `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshSeries {
    /// The counter of the live token.
    pub live: u64,
    /// When it last went up.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When it last went up by a step-up, and to what.
    pub step_up: Option<StepUpRotation>,
}

/// The rotation that came with a step-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUpRotation {
    /// The counter of the first token after it.
    pub counter: u64,
    /// When.
    pub at: DateTime<Utc>,
}

impl RefreshSeries {
    /// Returns the series of a session that was just signed in.
    pub const fn begun() -> Self {
        Self {
            live: 1,
            rotated_at: None,
            step_up: None,
        }
    }

    /// Judges a token of the series that is not the live one (RFC 9700 §4.14.2). No token from before a step-up gets one
    /// from after it: whoever held the old one has not proven what the new one says.
    ///
    /// Inside the window after a step-up, [`SPARED_BY_STEP_UP`] tokens before it are refused and end nothing. The row
    /// does not keep when each of them was rotated, so one that was a reuse already is refused in that time too, and
    /// told as a reuse after it. It gets nothing either way. The number is bounded because each step-up opens a window:
    /// a thief who knows the password could otherwise step up every few seconds, and the owner's token would never be
    /// told as a reuse.
    ///
    /// `grace` of zero is strict: a predecessor is then a reuse however soon it comes.
    pub fn classify_stale_token(&self, presented: u64, grace: TimeDelta, now: DateTime<Utc>) -> StaleToken {
        if presented >= self.live || presented == 0 {
            return StaleToken::Unknown;
        }
        let in_time = |rotated_at| grace > TimeDelta::zero() && now - rotated_at <= grace;
        match self.step_up {
            Some(step_up) if presented < step_up.counter => {
                if step_up.counter - presented <= SPARED_BY_STEP_UP && in_time(step_up.at) {
                    StaleToken::SteppedUp
                } else {
                    StaleToken::Reused
                }
            }
            _ if presented + 1 == self.live && self.rotated_at.is_some_and(in_time) => StaleToken::Predecessor,
            _ => StaleToken::Reused,
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
    pub proofs: Proofs,
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
    /// What was proven, in order, and when.
    pub proofs: Proofs,
    /// When the row was made, which is when the first factor was proven.
    pub created_at: DateTime<Utc>,
    /// When it ends by age or for want of use.
    pub ends: SessionEnds,
    /// Its refresh tokens.
    pub refresh: RefreshSeries,
    /// Where its refresh tokens go.
    pub delivery: RefreshTokenTransport,
}

impl ActiveSession {
    /// Returns the `auth_time` of its tokens: when its strongest proof was last given.
    pub fn auth_time(&self) -> DateTime<Utc> {
        self.proofs.auth_time().unwrap_or(self.created_at)
    }
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

    fn classify(presented: u64, live: u64, grace: i64, later: i64) -> StaleToken {
        let series = RefreshSeries {
            live,
            rotated_at: Some(at(1000)),
            step_up: None,
        };
        series.classify_stale_token(presented, TimeDelta::seconds(grace), at(1000 + later))
    }

    /// The store's two statements, as the series sees them.
    fn rotate(series: RefreshSeries, is_step_up: bool, now: DateTime<Utc>) -> RefreshSeries {
        let live = series.live + 1;
        let step_up = StepUpRotation { counter: live, at: now };
        RefreshSeries {
            live,
            rotated_at: Some(now),
            step_up: if is_step_up { Some(step_up) } else { series.step_up },
        }
    }

    #[test]
    fn the_token_before_a_step_up_is_refused_and_ends_nothing_inside_the_window() {
        let stepped_up = rotate(RefreshSeries::begun(), true, at(1000));
        let classify = |series: RefreshSeries, presented, grace, later: i64| {
            series.classify_stale_token(presented, TimeDelta::seconds(grace), at(1000 + later))
        };
        assert_eq!(classify(stepped_up, 1, 10, 0), StaleToken::SteppedUp);
        assert_eq!(classify(stepped_up, 1, 10, 10), StaleToken::SteppedUp);
        assert_eq!(classify(stepped_up, 1, 10, 11), StaleToken::Reused);
        assert_eq!(classify(stepped_up, 1, 0, 0), StaleToken::Reused);
        // A second one at once: a tab may still have the token from before both.
        let twice = rotate(stepped_up, true, at(1004));
        assert_eq!(classify(twice, 1, 10, 14), StaleToken::SteppedUp);
        assert_eq!(classify(twice, 2, 10, 14), StaleToken::SteppedUp);
        assert_eq!(classify(twice, 1, 10, 15), StaleToken::Reused);
        // A refresh between two of them changes nothing.
        let mixed = rotate(rotate(stepped_up, false, at(1003)), true, at(1004));
        assert_eq!(classify(mixed, 1, 10, 14), StaleToken::SteppedUp);
        // The client goes on meanwhile.
        let refreshed = rotate(stepped_up, false, at(1005));
        assert_eq!(classify(refreshed, 1, 10, 9), StaleToken::SteppedUp);
        assert_eq!(classify(refreshed, 2, 10, 9), StaleToken::Predecessor);
    }

    #[test]
    fn step_ups_again_and_again_do_not_hide_a_reuse_for_ever() {
        let mut series = rotate(RefreshSeries::begun(), false, at(1000));
        let classified: Vec<StaleToken> = (1..=6)
            .map(|number| {
                let now = at(1000 + 9 * number);
                series = rotate(series, true, now);
                series.classify_stale_token(1, TimeDelta::seconds(10), now)
            })
            .collect();
        let (refused, reused) = ([StaleToken::SteppedUp; 3], [StaleToken::Reused; 3]);
        assert_eq!(classified, [refused, reused].concat());
    }

    #[test]
    fn only_the_immediate_predecessor_inside_the_window_is_accepted() {
        assert_eq!(classify(4, 5, 10, 0), StaleToken::Predecessor);
        assert_eq!(classify(4, 5, 10, 10), StaleToken::Predecessor);
        assert_eq!(classify(4, 5, 10, 11), StaleToken::Reused);
        assert_eq!(classify(3, 5, 10, 0), StaleToken::Reused);
        assert_eq!(classify(4, 5, 0, 0), StaleToken::Reused);
        assert_eq!(classify(5, 5, 10, 0), StaleToken::Unknown);
        assert_eq!(classify(0, 1, 10, 0), StaleToken::Unknown);
    }

    proptest! {
        #[test]
        fn an_older_token_is_never_accepted(live in 3_u64..1000, age in 2_u64..1000, grace in 0_i64..60, later in 0_i64..60) {
            let presented = live.saturating_sub(age);
            prop_assert_ne!(classify(presented, live, grace, later), StaleToken::Predecessor);
        }

        #[test]
        fn no_token_from_before_a_step_up_gets_one_from_after_it(
            rotations in proptest::collection::vec((0_i64..20, any::<bool>()), 1..12),
            (grace, later) in (0_i64..30, 0_i64..30),
        ) {
            let (mut series, mut now, mut last_step_up) = (RefreshSeries::begun(), 0, 0);
            let mut stepped_up_at = at(0);
            for (after, is_step_up) in rotations {
                now += after;
                series = rotate(series, is_step_up, at(now));
                if is_step_up {
                    last_step_up = series.live;
                    stepped_up_at = at(now);
                }
                for presented in 0..=series.live + 1 {
                    let classified = series.classify_stale_token(presented, TimeDelta::seconds(grace), at(now + later));
                    let is_in_grace = presented > 0 && grace > 0 && later <= grace && presented + 1 == series.live;
                    prop_assert_eq!(classified == StaleToken::Predecessor, is_in_grace && presented >= last_step_up);
                    let is_spared = (1..last_step_up).contains(&presented)
                        && last_step_up - presented <= SPARED_BY_STEP_UP
                        && grace > 0
                        && at(now + later) - stepped_up_at <= TimeDelta::seconds(grace);
                    prop_assert_eq!(classified == StaleToken::SteppedUp, is_spared);
                    prop_assert_eq!(classified == StaleToken::Unknown, presented == 0 || presented >= series.live);
                }
            }
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
