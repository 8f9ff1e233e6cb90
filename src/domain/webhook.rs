//! Webhooks: the endpoints of back ends that are told what happens to accounts, and what becomes of each message.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::account_event::AccountEventType;
use super::audit_event::RecordedEvent;
use super::ids::{AuditEventId, UserId, WebhookId};
use super::input::InvalidInput;
use super::message::Retries;
use super::names::names;
use super::outbound_url::OutboundUrl;
use super::policy::numbers::{
    FIRST_RETRY_SECONDS, LONGEST_REPLAY, MOST_DELIVERIES_OF_ONE, SHARED_DELIVERIES, WEBHOOK_RETRY_DOUBLINGS,
};
use super::random::Random;

/// The form of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// JSON, as Standard Webhooks describes it.
    Standard,
    /// Security Event Tokens (RFC 8417) of CAEP and RISC, pushed as RFC 8935 describes it.
    Caep,
}

names!(WebhookFormat {
    Standard = "standard",
    Caep = "caep",
});

impl WebhookFormat {
    /// Returns whether messages of this form can tell an event.
    pub const fn can_tell(self, event: AccountEventType) -> bool {
        match self {
            Self::Standard => true,
            Self::Caep => !event.security_events().is_empty(),
        }
    }
}

/// Whether an endpoint gets messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// It does.
    Enabled,
    /// An operator disabled it, or it answered that it is gone. Nothing is written for it, and nothing is sent.
    Disabled,
}

names!(WebhookState {
    Enabled = "enabled",
    Disabled = "disabled",
});

/// An endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its row.
    pub id: WebhookId,
    /// Where messages are posted to.
    pub url: OutboundUrl,
    /// The types of events that it is told. Empty: all.
    pub events: Vec<String>,
    /// Whether its messages have the address and the name of the account.
    pub include_addresses: bool,
    /// The form of its messages.
    pub format: WebhookFormat,
    /// Whether it gets messages.
    pub state: WebhookState,
    /// When it answered that it is gone, if the service disabled it for that.
    pub gone_at: Option<DateTime<Utc>>,
    /// Until when the secret before the newest one signs along. It may be past.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl Webhook {
    /// Returns whether it asked for a type of events, and can be told it. The statement that writes deliveries decides
    /// in the same way.
    pub fn asks_for(&self, event: AccountEventType) -> bool {
        let is_listed = self.events.is_empty() || self.events.iter().any(|name| name == event.as_str());
        is_listed && self.format.can_tell(event)
    }
}

/// What an operator says about a new endpoint.
#[derive(Clone, Debug, Default)]
pub struct WebhookDescription {
    /// Where messages are posted to.
    pub url: String,
    /// The types of events; all if there are none.
    pub events: Vec<String>,
    /// Whether messages have the address and the name of the account.
    pub include_addresses: bool,
    /// The name of the form of messages; Standard Webhooks if there is none.
    pub format: Option<String>,
}

impl WebhookDescription {
    /// Checks the description and makes the endpoint of it.
    ///
    /// # Errors
    ///
    /// Lists everything that breaks a rule.
    pub fn check(self, id: WebhookId, now: DateTime<Utc>) -> Result<Webhook, InvalidInput> {
        let mut faults = InvalidInput::default();
        let url = faults.keep("/url", OutboundUrl::parse(&self.url));
        let format = match self.format.as_deref() {
            None => Ok(WebhookFormat::Standard),
            Some(name) => WebhookFormat::parse(name).ok_or("must be standard or caep"),
        };
        let format = faults.keep("/format", format);
        let events = format.and_then(|format| faults.keep("/events", check_events(&self.events, format)));
        let (Some(url), Some(format), Some(events)) = (url, format, events) else {
            return Err(faults);
        };
        Ok(Webhook {
            id,
            url,
            events,
            include_addresses: self.include_addresses,
            format,
            state: WebhookState::Enabled,
            gone_at: None,
            previous_secret_expires_at: None,
            created_at: now,
        })
    }
}

/// What an operator changes of an endpoint. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChanges {
    /// Where messages are posted to.
    pub url: Option<String>,
    /// The types of events; all if the list is empty.
    pub events: Option<Vec<String>>,
    /// Whether messages have the address and the name of the account.
    pub include_addresses: Option<bool>,
    /// The name of the state.
    pub state: Option<String>,
}

impl WebhookChanges {
    /// The changes that disable an endpoint and do nothing else.
    pub fn disabling() -> Self {
        Self {
            state: Some(WebhookState::Disabled.as_str().to_owned()),
            ..Self::default()
        }
    }

    /// Checks the changes, and makes them.
    ///
    /// # Errors
    ///
    /// Lists everything that breaks a rule.
    pub fn apply(self, webhook: &Webhook) -> Result<Webhook, InvalidInput> {
        let mut faults = InvalidInput::default();
        let mut changed = webhook.clone();
        if let Some(url) = self.url.and_then(|url| faults.keep("/url", OutboundUrl::parse(&url))) {
            changed.url = url;
        }
        if let Some(events) = self.events
            && let Some(events) = faults.keep("/events", check_events(&events, webhook.format))
        {
            changed.events = events;
        }
        if let Some(state) = self.state {
            let state = WebhookState::parse(&state).ok_or("must be enabled or disabled");
            changed.state = faults.keep("/state", state).unwrap_or(changed.state);
            // From now on it is the operator who says so.
            changed.gone_at = None;
        }
        changed.include_addresses = self.include_addresses.unwrap_or(changed.include_addresses);
        if faults.errors.is_empty() {
            Ok(changed)
        } else {
            Err(faults)
        }
    }
}

/// Returns the types in the order of the table, each once.
fn check_events(events: &[String], format: WebhookFormat) -> Result<Vec<String>, String> {
    let known = AccountEventType::ALL
        .into_iter()
        .filter(|event| format.can_tell(*event));
    let known: Vec<&str> = known.map(AccountEventType::as_str).collect();
    if events.iter().all(|event| known.contains(&event.as_str())) {
        let listed = known.iter().filter(|name| events.iter().any(|event| event == *name));
        Ok(listed.map(|name| (*name).to_owned()).collect())
    } else {
        Err(format!("must be types of events of this format: {}", known.join(", ")))
    }
}

/// What became of a message to one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Given up, kept for operators.
    Dead,
}

names!(DeliveryState {
    Pending = "pending",
    Delivered = "delivered",
    Dead = "dead",
});

/// Names a message to one endpoint, and the row of the trail that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRef {
    /// The endpoint.
    pub webhook_id: WebhookId,
    /// The row of the trail, and the id of the message.
    pub event_id: AuditEventId,
    /// The first column of the key of the trail.
    pub subject_id: uuid::Uuid,
    /// When it happened, which decides on the partition of the trail.
    pub occurred_at: DateTime<Utc>,
    /// The type of the event.
    pub event_type: String,
}

/// A message to one endpoint, as operators see it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it is about.
    pub named: DeliveryRef,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried since it was written or replayed.
    pub attempts: i32,
    /// When it was written or replayed.
    pub created_at: DateTime<Utc>,
    /// When it is tried next, if it is pending.
    pub next_try_at: DateTime<Utc>,
    /// When it was delivered or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<i32>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// The type of the message that an operator sends to try an endpoint.
pub const TEST: &str = "webhook.test";

/// Makes that message of its row in the trail.
pub fn test_message(event: &RecordedEvent) -> Value {
    let actor = match event.actor_id.map(UserId::uuid) {
        Some(id) => json!({"type": "administrator", "id": id}),
        None => json!({"type": "operator"}),
    };
    json!({
        "type": TEST,
        "timestamp": event.occurred_at,
        "data": {"id": event.id.uuid(), "actor": actor, "request_id": event.request_id.uuid()},
    })
}

/// The answer by which a receiver says that it will never take a message again. Standard Webhooks has the sender disable
/// the endpoint.
pub const GONE: u16 = 410;

/// What becomes of a message after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Delivered,
    /// It is tried again at this time.
    TriedAgain(DateTime<Utc>),
    /// It would be tried again after its end.
    GivenUp,
}

impl Verdict {
    /// Decides by the status of the answer, if there was one. Any status of 200 to 299 means that the receiver took the
    /// message; everything else may be an error that its developers correct.
    pub fn of(status: Option<u16>, next_try_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Self {
        match status {
            Some(200..=299) => Self::Delivered,
            _ if next_try_at < expires_at => Self::TriedAgain(next_try_at),
            _ => Self::GivenUp,
        }
    }

    /// Returns the label in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::TriedAgain(_) => "postponed",
            Self::GivenUp => "dead",
        }
    }
}

/// Returns how long to wait after so many tries.
pub fn back_off(tries: i32, random: &dyn Random) -> TimeDelta {
    let retries = Retries {
        first_seconds: FIRST_RETRY_SECONDS,
        most_doublings: WEBHOOK_RETRY_DOUBLINGS,
    };
    retries.back_off(tries, random)
}

/// Checks how far back a replay goes: as long as the trail is stored at least.
///
/// # Errors
///
/// Describes the expected time.
pub fn check_since(since: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), &'static str> {
    if since <= now && since >= now - LONGEST_REPLAY {
        Ok(())
    } else {
        Err("must be a time in the past year")
    }
}

/// The places of one instance for messages that are being sent.
///
/// Each endpoint has one place of its own, and takes further ones from those that all share. So an endpoint that answers
/// slowly, or never, costs no other endpoint its place.
#[derive(Clone, Debug, Default)]
pub struct Places {
    taken: BTreeMap<WebhookId, usize>,
}

impl Places {
    /// Returns how many further messages of an endpoint may be sent at once.
    pub fn room(&self, id: WebhookId) -> usize {
        MOST_DELIVERIES_OF_ONE.saturating_sub(self.taken_by(id))
    }

    fn taken_by(&self, id: WebhookId) -> usize {
        self.taken.get(&id).copied().unwrap_or_default()
    }

    fn shared_left(&self) -> usize {
        let shared: usize = self.taken.values().map(|taken| taken.saturating_sub(1)).sum();
        SHARED_DELIVERIES.saturating_sub(shared)
    }

    /// Takes places for messages that are due, of which there are no more of an endpoint than it has [room](Self::room)
    /// for. Endpoints take turns. Returns those that have a place.
    pub fn take<T>(&mut self, due: Vec<T>, of: impl Fn(&T) -> WebhookId) -> Vec<T> {
        let mut queues: BTreeMap<WebhookId, Vec<T>> = BTreeMap::new();
        for message in due.into_iter().rev() {
            queues.entry(of(&message)).or_default().push(message);
        }
        let mut begun = Vec::new();
        let mut shared_left = self.shared_left();
        while !queues.is_empty() {
            queues.retain(|id, queue| {
                let taken = self.taken.entry(*id).or_default();
                let is_shared = *taken > 0;
                if *taken >= MOST_DELIVERIES_OF_ONE || (is_shared && shared_left == 0) {
                    return false;
                }
                begun.extend(queue.pop());
                *taken += 1;
                shared_left -= usize::from(is_shared);
                !queue.is_empty()
            });
        }
        begun
    }

    /// Gives a place back.
    pub fn give_back(&mut self, id: WebhookId) {
        if let Some(taken) = self.taken.get_mut(&id) {
            *taken = taken.saturating_sub(1);
        }
        self.taken.retain(|_id, taken| *taken > 0);
    }

    /// Returns how many messages are being sent.
    pub fn in_use(&self) -> usize {
        self.taken.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::policy::numbers::{MOST_WEBHOOKS, WEBHOOK_LIFE};

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    fn id(number: u8) -> WebhookId {
        WebhookId::from_uuid(Uuid::from_u128(number.into()))
    }

    fn described(url: &str, events: &[&str], format: Option<&str>) -> Result<Webhook, InvalidInput> {
        let description = WebhookDescription {
            url: url.to_owned(),
            events: events.iter().map(|name| (*name).to_owned()).collect(),
            include_addresses: false,
            format: format.map(str::to_owned),
        };
        description.check(id(1), DateTime::UNIX_EPOCH)
    }

    const URL: &str = "https://hooks.example.com/a";

    #[test]
    fn an_endpoint_asks_for_known_types_that_its_format_can_tell() {
        let all = described(URL, &[], None).unwrap();
        assert!(AccountEventType::ALL.into_iter().all(|event| all.asks_for(event)));
        let some = described(URL, &["user.deleted", "user.created", "user.deleted"], None).unwrap();
        assert_eq!(some.events, ["user.created", "user.deleted"]);
        assert!(some.asks_for(AccountEventType::UserDeleted) && !some.asks_for(AccountEventType::SessionEnded));
        let tokens = described(URL, &[], Some("caep")).unwrap();
        assert!(tokens.asks_for(AccountEventType::SessionEnded) && !tokens.asks_for(AccountEventType::UserCreated));
        for (url, events, format, pointer) in [
            ("ftp://hooks.example.com", &[][..], None, "/url"),
            (URL, &["user.born"], None, "/events"),
            (URL, &["webhook.test"], None, "/events"),
            (URL, &["user.created"], Some("caep"), "/events"),
            (URL, &[], Some("xml"), "/format"),
        ] {
            let faults = described(url, events, format).unwrap_err().errors;
            assert_eq!(faults.iter().map(|fault| fault.pointer).collect::<Vec<_>>(), [pointer]);
        }
    }

    #[test]
    fn changes_follow_the_rules_of_new_endpoints_and_leave_the_rest() {
        let webhook = described(URL, &["session.ended"], Some("caep")).unwrap();
        assert_eq!(WebhookChanges::default().apply(&webhook), Ok(webhook.clone()));
        let changes = WebhookChanges {
            events: Some(Vec::new()),
            state: Some("disabled".to_owned()),
            ..WebhookChanges::default()
        };
        let changed = changes.apply(&webhook).unwrap();
        assert_eq!((changed.events.len(), changed.state), (0, WebhookState::Disabled));
        let wrong = WebhookChanges {
            url: Some("http://jo@hooks.example.com".to_owned()),
            events: Some(vec!["user.created".to_owned()]),
            include_addresses: Some(true),
            state: Some("paused".to_owned()),
        };
        let faults = wrong.apply(&webhook).unwrap_err().errors;
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/url", "/events", "/state"]);
    }

    #[test]
    fn a_replay_goes_back_a_year_at_most() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(10_000);
        for (days, good) in [(0, true), (365, true), (366, false), (-1, false)] {
            assert_eq!(check_since(now - TimeDelta::days(days), now).is_ok(), good, "{days}");
        }
    }

    #[test]
    fn waits_double_to_some_three_hours_and_fill_three_days() {
        let mut elapsed = TimeDelta::zero();
        let mut tries = 0;
        while elapsed < WEBHOOK_LIFE {
            tries += 1;
            elapsed += back_off(tries, &Fixed(0));
        }
        assert_eq!(back_off(1, &Fixed(0)), TimeDelta::seconds(5));
        assert_eq!(back_off(1000, &Fixed(0)), TimeDelta::seconds(10_240));
        assert!((20..50).contains(&tries), "{tries}");
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_the_one_before_or_half_as_long_again(tries in 1..60, chances: [u8; 2]) {
            let wait = |tries, chance| back_off(tries, &Fixed(chance));
            prop_assert!(wait(tries, 0) <= wait(tries + 1, 0));
            prop_assert!(wait(tries, chances[0]) >= wait(tries, 0));
            prop_assert!(wait(tries, chances[1]) < wait(tries, 0) * 3 / 2);
        }

        #[test]
        fn only_success_delivers_and_nothing_is_tried_after_its_end(
            status in proptest::option::of(100_u16..600), next in 0_i64..1000, end in 0_i64..1000,
        ) {
            let at = |second| DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
            let is_taken = status.is_some_and(|status| (200..300).contains(&status));
            match Verdict::of(status, at(next), at(end)) {
                Verdict::Delivered => prop_assert!(is_taken),
                Verdict::TriedAgain(moment) => prop_assert!(!is_taken && moment == at(next) && next < end),
                Verdict::GivenUp => prop_assert!(!is_taken && next >= end),
            }
        }

        /// Messages come and go in any order; a slow endpoint is one that gives nothing back.
        #[test]
        fn each_endpoint_has_its_place_and_the_whole_is_bounded(
            steps in proptest::collection::vec((0_u8..20, 1_usize..12, any::<bool>()), 1..80)
        ) {
            let mut places = Places::default();
            let mut under_way: Vec<WebhookId> = Vec::new();
            for (number, wanted, ends) in steps {
                if ends && !under_way.is_empty() {
                    let ended = under_way.remove(wanted % under_way.len());
                    places.give_back(ended);
                }
                let had = places.taken_by(id(number));
                let due: Vec<WebhookId> = vec![id(number); wanted.min(places.room(id(number)))];
                let begun = places.take(due.clone(), |id| *id);
                prop_assert!(had > 0 || !begun.is_empty(), "an idle endpoint has a place");
                prop_assert!(places.taken_by(id(number)) <= MOST_DELIVERIES_OF_ONE);
                under_way.extend(begun);
                prop_assert_eq!(places.in_use(), under_way.len());
                prop_assert!(places.in_use() <= MOST_WEBHOOKS + SHARED_DELIVERIES);
            }
        }

        /// However many messages each of the endpoints has, none gets a second place before each has one.
        #[test]
        fn endpoints_take_turns(numbers in proptest::collection::vec(0_u8..20, 1..200)) {
            let mut places = Places::default();
            let mut due: Vec<(WebhookId, usize)> = numbers.iter().enumerate().map(|(place, number)| (id(*number), place)).collect();
            let all: std::collections::BTreeSet<WebhookId> = due.iter().map(|(id, _)| *id).collect();
            due.truncate(200);
            let begun = places.take(due.clone(), |(id, _)| *id);
            let first: std::collections::BTreeSet<WebhookId> = begun.iter().take(all.len()).map(|(id, _)| *id).collect();
            prop_assert_eq!(&first, &all);
            for id in all {
                let order = |messages: &[(WebhookId, usize)]| -> Vec<usize> {
                    messages.iter().filter(|(of, _)| *of == id).map(|(_, place)| *place).collect()
                };
                prop_assert!(order(&due).starts_with(&order(&begun)), "the longest waiting first");
            }
        }
    }
}
