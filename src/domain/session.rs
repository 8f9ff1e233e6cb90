//! A session: one row from the first factor to the end.
//!
//! `/login` makes it pending, `/2fa/verify` makes it active, and its end has a reason. Only the transitions pending →
//! active → ended and pending → ended exist; each is one conditional statement in the store.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::assurance::Proofs;
use super::dpop::KeyThumbprint;
use super::ids::{SessionId, UserId};
use super::input::InvalidInput;
use super::names::names;
use super::oauth::client::ClientRef;
use super::oauth::grant::Grant;
use super::policy::numbers::{ATTEMPTS_OF_LOGIN, TOKENS_SPARED_BY_STEP_UP};

/// Names a session by its user and its id. Every token of a session contains both, so that a database that is
/// distributed by user can always locate the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Its user.
    pub user_id: UserId,
    /// Its id.
    pub session_id: SessionId,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The first factor was right; the second is required.
    Pending,
    /// The login is complete.
    Active,
    /// Ended for good.
    Ended,
}

names!(SessionState {
    Pending = "pending",
    Active = "active",
    Ended = "ended",
});

/// Why a session ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// A service client revoked its token, or an operator ended it.
    Revoked,
    /// Its owner ended it from another session, so it may have been an attacker's.
    Evicted,
    /// A used refresh token was presented again, so an attacker may have a copy.
    RefreshReuse,
    /// An authorization code was presented again, or with a wrong verifier, so an attacker may have it.
    CodeReuse,
    /// It was the least recently used, and the account had too many.
    SessionLimit,
    /// The password of its account was changed.
    PasswordChanged,
    /// It had expired.
    Expired,
}

names!(EndReason {
    Logout = "logout",
    Revoked = "revoked",
    Evicted = "evicted",
    RefreshReuse = "refresh_reuse",
    CodeReuse = "code_reuse",
    SessionLimit = "session_limit",
    PasswordChanged = "password_changed",
    Expired = "expired",
});

/// How a session's refresh tokens reach the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokenTransport {
    /// In the body of responses, for clients that can store a secret.
    #[default]
    Body,
    /// In a cookie that scripts cannot read, for browsers.
    Cookie,
}

names!(RefreshTokenTransport {
    Body = "body",
    Cookie = "cookie",
});

impl RefreshTokenTransport {
    /// Parses the requested transport; the default is the body.
    ///
    /// # Errors
    ///
    /// Names `/delivery` if it is neither.
    pub fn requested(name: Option<&str>) -> Result<Self, InvalidInput> {
        let asked = name.map_or(Some(Self::default()), Self::parse);
        asked.ok_or_else(|| InvalidInput::of("/delivery", "must be body or cookie"))
    }
}

/// What a refresh token that could not be rotated is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleToken {
    /// The live token's immediate predecessor, inside the grace window: two tabs refresh at once, or a phone lost the
    /// response. The client gets the same successor again.
    Predecessor,
    /// One of the last tokens before a step-up, inside the grace window: a second tab of the owner may be refreshing at
    /// this moment. It is refused, since its client did not give the proof of the step-up, and nothing ends.
    SteppedUp,
    /// Any other used token. There is a copy, and the service cannot distinguish the owner from the attacker.
    Reused,
    /// Not a token of this series.
    Unknown,
}

/// The refresh tokens of a session. They differ in a counter; the live one has the counter `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshSeries {
    /// The counter of the live token.
    pub live: u64,
    /// When it was last increased.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When a step-up last increased it, and to what.
    pub step_up: Option<StepUpRotation>,
}

/// The rotation that came with a step-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUpRotation {
    /// The counter of the first token after it.
    pub counter: u64,
    /// When it took place.
    pub at: DateTime<Utc>,
}

impl RefreshSeries {
    /// Returns the series of a session that has just become active.
    pub const fn begun() -> Self {
        Self {
            live: 1,
            rotated_at: None,
            step_up: None,
        }
    }

    /// Classifies a token of the series that is not the live one (RFC 9700 §4.14.2). No token from before a step-up
    /// gets one from after it: its client has not given the proof that the new one stands for.
    ///
    /// Inside the window after a step-up, [`TOKENS_SPARED_BY_STEP_UP`] tokens before it are refused and end nothing.
    /// The row does not store when each of them was rotated. One that was a reuse already is therefore refused during
    /// that time too, and reported as a reuse only after it; it gets nothing either way. The number is bounded because
    /// each step-up opens a window: an attacker who knows the password could otherwise step up every few seconds, and
    /// the owner's token would never be reported as a reuse.
    ///
    /// `grace` of zero is strict: a predecessor is then always a reuse.
    pub fn classify_stale_token(&self, presented: u64, grace: TimeDelta, now: DateTime<Utc>) -> StaleToken {
        if presented >= self.live || presented == 0 {
            return StaleToken::Unknown;
        }
        let in_time = |rotated_at| grace > TimeDelta::zero() && now - rotated_at <= grace;
        match self.step_up {
            Some(step_up) if presented < step_up.counter => {
                if step_up.counter - presented <= TOKENS_SPARED_BY_STEP_UP && in_time(step_up.at) {
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

/// The lifetimes of sessions in one deployment.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// From the first factor to the second.
    pub pre_auth: TimeDelta,
    /// Without use (NIST SP 800-63B-4 §5.2: inactivity).
    pub idle: TimeDelta,
    /// In total; use never extends it.
    pub absolute: TimeDelta,
}

impl SessionLifetimes {
    /// Returns when a session that becomes active `now` ends at the latest, and when it ends without use.
    pub fn ends(&self, now: DateTime<Utc>) -> SessionEnds {
        let absolute = now + self.absolute;
        SessionEnds {
            absolute,
            idle: absolute.min(now + self.idle),
        }
    }
}

impl SessionEnds {
    /// Returns the ends after a use `now`: the idle end moves, but never past the absolute one.
    #[must_use]
    pub fn after_use(self, idle: TimeDelta, now: DateTime<Utc>) -> Self {
        Self {
            idle: self.absolute.min(now + idle),
            ..self
        }
    }
}

/// The times at which a session expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnds {
    /// The latest end, which is fixed.
    pub absolute: DateTime<Utc>,
    /// The end without use: each use moves it, but never past the absolute one.
    pub idle: DateTime<Utc>,
}

/// A session that waits for its second factor.
#[derive(Clone, Debug)]
pub struct PendingSession {
    /// The row that the pre-auth token names.
    pub id: SessionId,
    /// The user whose first factor was right.
    pub user_id: UserId,
    /// Attempts so far, including the present one.
    pub attempts: i16,
    /// The proofs so far.
    pub proofs: Proofs,
    /// The key that it is bound to, if its client has shown one.
    pub key: Option<KeyThumbprint>,
}

impl PendingSession {
    /// Returns how many attempts remain after the present one.
    pub fn attempts_remaining(&self) -> i16 {
        (ATTEMPTS_OF_LOGIN - self.attempts).max(0)
    }
}

/// A session that is signed in.
#[derive(Clone, Debug)]
pub struct ActiveSession {
    /// The `sid` of its access tokens.
    pub id: SessionId,
    /// The `sub` of its access tokens.
    pub user_id: UserId,
    /// The proofs in order, with their times.
    pub proofs: Proofs,
    /// When the row was made, which is when the first factor was right.
    pub created_at: DateTime<Utc>,
    /// When it ends by age or without use.
    pub ends: SessionEnds,
    /// Its refresh tokens.
    pub refresh: RefreshSeries,
    /// How its refresh tokens reach the client.
    pub delivery: RefreshTokenTransport,
    /// What it was granted for, if it is a grant to an application.
    pub grant: Option<Grant>,
    /// The key that it is bound to from its beginning to its end, if its client has shown one.
    pub key: Option<KeyThumbprint>,
}

impl ActiveSession {
    /// Returns the `auth_time` of its tokens: when a proof of its strongest ground was last given.
    pub fn auth_time(&self) -> DateTime<Utc> {
        self.proofs.auth_time().unwrap_or(self.created_at)
    }
}

/// A session as an export of the user's data contains it; ended and pending ones are included.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// The application that it was granted to; absent for a sign-in of the user.
    pub client: Option<ClientRef>,
    /// Its state.
    pub state: SessionState,
    /// When its first factor was right.
    pub created_at: DateTime<Utc>,
    /// When one of its tokens was last made.
    pub last_used_at: DateTime<Utc>,
    /// When it ended early.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended early.
    pub end_reason: Option<EndReason>,
    /// The origin of its login.
    pub origin: SessionOrigin,
}

/// The origin of a session's login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOrigin {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The program, as it names itself.
    pub user_agent: Option<String>,
}

/// A session as its user sees it in a list.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// The session.
    pub session: ActiveSession,
    /// When one of its tokens was last made.
    pub last_used_at: DateTime<Utc>,
    /// The address that the login came from.
    pub ip: Option<IpAddr>,
    /// The program that the login came from.
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

    /// The effect of the store's two statements on the series.
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
        // The client continues meanwhile.
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
                        && last_step_up - presented <= TOKENS_SPARED_BY_STEP_UP
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
