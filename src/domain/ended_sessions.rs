//! The list of sessions that ended lately, as back ends read it that verify tokens by themselves: what is in it, where an
//! answer begins, and what a back end has to remember.
//!
//! The list is in the order of the events that record the ends. An event has the time of its request, and is seen only
//! after the commit, so an event may appear behind what a reader has already seen. A reader that goes on where it
//! stopped would miss it; one that stops short of open transactions would learn of every end late. So each walk begins
//! [`ENDED_OVERLAP`] before the previous one began: a reader gets some ids again, which are a set to it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{AuditEventId, SessionId, least_of, made_at};
use super::policy::numbers::{ENDED_CLOCKS_AHEAD, ENDED_OVERLAP, VERIFIER_LEEWAY};
use super::signed_claims::SignedClaims;

/// The `typ` of the list, which distinguishes it from access tokens.
pub const TYPE: &str = "ended+jwt";

/// The end of a session: the event that records it, and the session.
pub type End = (AuditEventId, SessionId);

/// The claims of an answer. All times are whole seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedClaims {
    /// The issuer of the tokens.
    pub iss: String,
    /// When the list was read. A verifier that needs to know ends at once refuses an old answer.
    pub iat: i64,
    /// Until then, tokens of the listed sessions may seem valid, so a verifier remembers their ids until then.
    pub exp: i64,
    /// The `sid` of tokens that do not count any longer.
    pub ended: Vec<Uuid>,
    /// What the request gave as `after`, which [may be a cursor](may_be_cursor), and nothing if it gave none. A cache that ignores the query would otherwise
    /// answer with what came after another cursor, and the reader would miss ends.
    pub after: String,
    /// What the next request gives as `after`.
    pub cursor: String,
    /// Whether the list goes on at `cursor`: a verifier that has not read to its end does not know all ends.
    pub more: bool,
}

impl SignedClaims for EndedClaims {
    const TYPE: &'static str = TYPE;
}

/// A signed answer.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedList {
    /// The JWT.
    pub token: String,
    /// Identifies what it lists, so that a client that has the list need not get it again.
    pub tag: String,
}

/// Returns how far back the list goes: the life of an access token, the leeway that verifiers allow, and the time by
/// which the last token of a session may be younger than the event of its end.
pub fn span(token_life: TimeDelta) -> TimeDelta {
    token_life + VERIFIER_LEEWAY + ENDED_OVERLAP
}

/// Most characters of a cursor.
const LONGEST_CURSOR: usize = 64;

/// Returns whether a text may be a cursor, of this release or of another one: at most 64 small letters, digits, points and
/// hyphens. An answer repeats it under the signature of this service, so it must not be a text that means anything to
/// others.
pub fn may_be_cursor(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    text.len() <= LONGEST_CURSOR && text.bytes().all(is_part)
}

/// Where an answer begins, and when the walk through the list began that it is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// In whole seconds since 1970.
    began: i64,
    /// The least id of an event that it may contain.
    pub from: Uuid,
}

impl Walk {
    /// Decides where an answer begins. `after` is what the client sent; what is not a cursor of this service, is too old
    /// or of the future, gives the whole list. `read_at` is when the list was read, `span` how far back it goes.
    pub fn of(after: &str, read_at: DateTime<Utc>, span: TimeDelta) -> Self {
        let (oldest, now) = (least_of(read_at - span), read_at.timestamp());
        match Cursor::parse(after).filter(|cursor| cursor.is_by(read_at + ENDED_CLOCKS_AHEAD)) {
            Some(Cursor {
                began,
                last: Some(last),
            }) => Self {
                began,
                from: Uuid::from_u128(last.uuid().as_u128().saturating_add(1)).max(oldest),
            },
            Some(Cursor { began, last: None }) => Self {
                began: now,
                from: DateTime::from_timestamp(began, 0)
                    .map_or(oldest, |began| least_of(began - ENDED_OVERLAP).max(oldest)),
            },
            None => Self {
                began: now,
                from: oldest,
            },
        }
    }

    /// Returns the cursor of the next request. `last` is the last event of this answer if the list goes on.
    pub fn cursor(self, last: Option<AuditEventId>) -> String {
        match last {
            Some(last) => format!("{}.{}", self.began, last.uuid()),
            None => self.began.to_string(),
        }
    }
}

/// A cursor: when a walk began and, if it is not over, the last event that it came to.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    began: i64,
    last: Option<AuditEventId>,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (began, last) = match text.split_once('.') {
            Some((began, last)) => (began, Some(AuditEventId::parse(last)?)),
            None => (text, None),
        };
        let is_number = (1..=11).contains(&began.len()) && began.bytes().all(|byte| byte.is_ascii_digit());
        let began = began.parse().ok().filter(|_| is_number)?;
        Some(Self { began, last })
    }

    /// Returns whether nothing in it is later than a time. A reader who came to a later event would miss what ends until
    /// then.
    fn is_by(self, time: DateTime<Utc>) -> bool {
        self.began <= time.timestamp() && self.last.is_none_or(|last| made_at(last.uuid()) <= time)
    }
}

/// Returns the first ends from an event on, no more than `most`, and whether there are more. `ends` is in order.
pub fn part(ends: &[End], from: Uuid, most: usize) -> (&[End], bool) {
    let rest = ends.get(ends.partition_point(|(event, _)| event.uuid() < from)..);
    let rest = rest.unwrap_or_default();
    rest.split_at_checked(most)
        .map_or((rest, false), |(part, rest)| (part, !rest.is_empty()))
}

impl EndedClaims {
    /// Identifies a list by its claims. The time at which it was read is among them: a reader counts on that time, and a
    /// cache that revalidates would otherwise keep an old list for as long as no session ends.
    pub fn tag(&self) -> String {
        // Texts and numbers can always be written.
        let contents = serde_json::to_vec(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &contents))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFE: TimeDelta = TimeDelta::seconds(600);
    const START: i64 = 1_800_000_000;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(START * 1000 + millis).unwrap()
    }

    fn end(millis: i64, number: u128) -> End {
        let least = least_of(at(millis)).as_u128();
        (
            AuditEventId::from_uuid(Uuid::from_u128(least + number)),
            SessionId::from_uuid(Uuid::from_u128(number)),
        )
    }

    #[test]
    fn what_is_not_a_cursor_or_too_old_or_of_the_future_gives_the_whole_list() {
        let whole = Walk::of("", at(0), span(LIFE));
        let of = |after: &str| Walk::of(after, at(0), span(LIFE));
        let old = (START - 3600).to_string();
        let future = (START + 6).to_string();
        let [of_future_event, of_event] = [5001, 5000].map(|millis| format!("{START}.{}", end(millis, 0).0.uuid()));
        let odd = [
            "x",
            "-1",
            "+1",
            "1e9",
            "9999999999999999999",
            ".",
            "1.",
            "1.x",
            " 1",
            &old,
            &future,
            &of_future_event,
        ];
        for after in odd {
            assert_eq!(of(after), whole, "{after:?}");
        }
        assert_ne!(of(&START.to_string()), whole);
        assert_ne!(of(&(START + 5).to_string()), whole);
        assert_ne!(of(&of_event), whole);
    }

    #[test]
    fn a_tag_depends_on_everything_that_is_said() {
        let claims = EndedClaims {
            iss: "https://auth.example.com".to_owned(),
            iat: START,
            exp: START + 690,
            ended: vec![Uuid::from_u128(1)],
            after: String::new(),
            cursor: START.to_string(),
            more: false,
        };
        let changes: [fn(&mut EndedClaims); 5] = [
            |claims| claims.iat += 1,
            |claims| claims.ended.clear(),
            |claims| claims.after = "x".to_owned(),
            |claims| claims.cursor = "x".to_owned(),
            |claims| claims.more = true,
        ];
        for change in changes {
            let mut other = claims.clone();
            change(&mut other);
            assert_ne!(other.tag(), claims.tag(), "{other:?}");
        }
        assert_eq!(claims.clone().tag(), claims.tag());
    }

    /// Ends, each with the time of its event and the delay after which it can be read, in milliseconds.
    fn ends() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let most = ENDED_OVERLAP.num_milliseconds() - 1000;
        proptest::collection::vec((0_i64..300_000, 0..most), 0..60)
    }

    proptest! {
        #[test]
        fn a_reader_learns_of_every_end_that_could_be_read_when_its_last_walk_began(
            ends in ends(), pauses in proptest::collection::vec(1_i64..90_000, 1..12), most in 1_usize..7,
        ) {
            let (mut seen, mut after, mut now) = (std::collections::BTreeSet::new(), String::new(), 0);
            for pause in pauses {
                now += pause;
                let began = now;
                loop {
                    let mut visible: Vec<(i64, End)> = ends.iter().zip(1..)
                        .map(|((time, delay), number)| (time + delay, end(*time, number)))
                        .filter(|(seen_from, _)| *seen_from <= now)
                        .collect();
                    visible.sort_by_key(|(_, end)| *end);
                    let visible: Vec<End> = visible.into_iter().map(|(_, end)| end).collect();
                    let walk = Walk::of(&after, at(now), span(LIFE));
                    let (listed, more) = part(&visible, walk.from, most);
                    seen.extend(listed.iter().map(|(_, session)| *session));
                    after = walk.cursor(listed.last().filter(|_| more).map(|(event, _)| *event));
                    now += 100;
                    if !more {
                        break;
                    }
                }
                for ((time, delay), number) in ends.iter().zip(1..) {
                    let is_due = time + delay <= began && began - time < LIFE.num_milliseconds();
                    prop_assert!(!is_due || seen.contains(&end(0, number).1), "{time} {delay}");
                }
            }
        }

        #[test]
        fn every_cursor_of_this_service_may_be_one(began in 0_i64..99_999_999_999, last in proptest::option::of(any::<u128>())) {
            let last = last.map(|last| AuditEventId::from_uuid(Uuid::from_u128(last)));
            let cursor = Walk { began, from: Uuid::nil() }.cursor(last);
            prop_assert!(may_be_cursor(&cursor), "{cursor}");
        }

        #[test]
        fn what_may_be_a_cursor_is_short_and_needs_no_escape(text in "[0-9a-z.-]{0,70}|\\PC{0,70}|[ -~]{0,70}") {
            let needs_none = |character: char| character.is_ascii_alphanumeric() || ".-".contains(character);
            if may_be_cursor(&text) {
                prop_assert!(text.len() <= 64 && text.chars().all(needs_none));
            }
        }

        #[test]
        fn no_text_breaks_a_walk(after in ".{0,60}") {
            let walk = Walk::of(&after, at(0), span(LIFE));
            prop_assert!(walk.from >= least_of(at(0) - span(LIFE)));
        }
    }
}
