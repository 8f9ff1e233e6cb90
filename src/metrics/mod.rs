//! Metrics: the one place that counts, with one small function for each event.
//!
//! Every layer may call it, since it decides nothing. Without a recorder (in commands, and in tests within one
//! process), counting does nothing; `telemetry` installs one.
//!
//! A counter that is increased inside a transaction counts when that is committed: a transaction that is rolled back or
//! repeated counts nothing.

pub mod catalogue;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge, histogram};

use self::catalogue as names;

/// Returns all metrics as text, in Prometheus's format.
pub type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

thread_local! {
    /// The counters that a transaction on this thread has increased so far.
    static BUFFERED: RefCell<Option<Vec<Counter>>> = const { RefCell::new(None) };
}

/// Buffers the counters of this thread until [`BufferedCounters::count`]; dropping it discards them.
pub struct BufferedCounters(());

impl BufferedCounters {
    /// Begins to buffer.
    pub fn begin() -> Self {
        BUFFERED.replace(Some(Vec::new()));
        Self(())
    }

    /// Counts what was buffered: the transaction was committed.
    pub fn count(self) {
        for counter in BUFFERED.take().unwrap_or_default() {
            counter.increment(1);
        }
    }
}

impl Drop for BufferedCounters {
    fn drop(&mut self) {
        BUFFERED.take();
    }
}

fn one_more(counter: Counter) {
    let free = BUFFERED.with_borrow_mut(|buffered| match buffered {
        Some(buffered) => {
            buffered.push(counter);
            None
        }
        None => Some(counter),
    });
    if let Some(counter) = free {
        counter.increment(1);
    }
}

/// Increases a gauge while it exists.
pub struct Present(Gauge);

impl Present {
    fn of(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }

    /// A request that is being answered.
    pub fn request() -> Self {
        Self::of(gauge!(names::HTTP_IN_FLIGHT))
    }

    /// A wait for a thread to hash a password.
    pub fn waits_for_hash() -> Self {
        Self::of(gauge!(names::HASH_WAITING))
    }

    /// A password being hashed.
    pub fn hashes() -> Self {
        Self::of(gauge!(names::HASH_BUSY))
    }

    /// A wait for a database connection.
    pub fn waits_for_connection() -> Self {
        Self::of(gauge!(names::DB_WAITING))
    }

    /// A database connection in use.
    pub fn uses_connection() -> Self {
        Self::of(gauge!(names::DB_BUSY))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Measures how long something takes, by the machine's clock.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "durations are measured in the machine's time, whatever the service's clock says"
        )]
        Self(Instant::now())
    }

    /// Returns the time since it was started.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Counts a completed request. The route is its pattern, the method one that a route has.
pub fn request(method: &'static str, route: &'static str, status: u16, took: Duration) {
    histogram!(names::HTTP_DURATION, "method" => method, "route" => route).record(took);
    counter!(names::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status.to_string()).increment(1);
}

/// Starts the series of a route, those of failures included.
pub fn announce_route(method: &'static str, route: &'static str) {
    let _ = histogram!(names::HTTP_DURATION, "method" => method, "route" => route);
    for status in ["500", "503"] {
        counter!(names::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).absolute(0);
    }
}

/// Counts a request that was rejected by a rate limit.
pub fn rate_limited(scope: &'static str) {
    one_more(counter!(names::RATE_LIMITED, "scope" => scope));
}

/// Counts the outcome of a flow.
pub fn outcome(flow: &'static str, outcome: &'static str) {
    one_more(counter!(names::OUTCOMES_TOTAL, "flow" => flow, "outcome" => outcome));
}

/// Counts a checked code of a second factor.
pub fn code(method: &'static str, outcome: &'static str) {
    one_more(counter!(names::CODES, "method" => method, "outcome" => outcome));
}

/// Counts a challenge for work that was made, and what was sent back as work.
pub fn work(outcome: &'static str) {
    one_more(counter!(names::WORK, "outcome" => outcome));
}

/// Counts a response of a passkey that was refused. The ceremony is `registration` or `assertion`.
pub fn passkey_refused(ceremony: &'static str, reason: &'static str) {
    one_more(counter!(names::PASSKEYS_REFUSED, "ceremony" => ceremony, "reason" => reason));
}

/// Counts what a request for trust in a device, or a login with a device token, came to.
pub fn trusted_device(outcome: &'static str) {
    one_more(counter!(names::TRUSTED_DEVICES, "outcome" => outcome));
}

/// Counts a document of an application that describes itself, by what became of fetching it.
pub fn client_document(outcome: &'static str) {
    one_more(counter!(names::CLIENT_DOCUMENTS, "outcome" => outcome));
}

/// Counts a request to the registration hook, by its answer or by why there was none.
pub fn registration_hook(outcome: &'static str) {
    one_more(counter!(names::REGISTRATION_HOOK, "outcome" => outcome));
}

/// Counts a request to a provider that users sign in with. The provider is the id that its operator gave it.
pub fn provider_request(provider: &str, step: &'static str, outcome: &'static str) {
    one_more(
        counter!(names::PROVIDER_REQUESTS, "provider" => provider.to_owned(), "step" => step, "outcome" => outcome),
    );
}

/// Starts the series of a provider.
pub fn announce_provider(provider: &str) {
    for step in ["configuration", "keys", "token", "user"] {
        for outcome in ["answered", "refused", "unavailable", "untrusted"] {
            let provider = provider.to_owned();
            counter!(names::PROVIDER_REQUESTS, "provider" => provider, "step" => step, "outcome" => outcome)
                .absolute(0);
        }
    }
}

/// Counts a right code of an authenticator app, by the distance of its step from the present one.
pub fn totp_matched(offset: i64) {
    let offset = match offset {
        ..0 => "-1",
        0 => "0",
        1.. => "1",
    };
    one_more(counter!(names::TOTP_OFFSET, "step_offset" => offset));
}

/// Counts the start of a wait, a disabled authenticator, or a message that was not sent.
pub fn throttle(kind: &'static str) {
    one_more(counter!(names::THROTTLES, "kind" => kind));
}

/// Counts a message that was not sent, or was merged into another.
pub fn withheld(purpose: &'static str, reason: &'static str) {
    counter!(names::MESSAGES_WITHHELD, "purpose" => purpose, "reason" => reason).increment(1);
}

/// Sets the number of threads that hash passwords.
pub fn hash_threads(number: usize) {
    gauge!(names::HASH_THREADS).set(approximate(number));
}

/// Counts a request that the hash queue rejected.
pub fn hash_shed(reason: &'static str) {
    one_more(counter!(names::HASH_SHED, "reason" => reason));
}

/// Records how long a request waited for a thread to hash a password.
pub fn hash_waited(took: Duration) {
    histogram!(names::HASH_WAIT).record(took);
}

/// Records how long hashing or checking a password took.
pub fn hashed(took: Duration) {
    histogram!(names::HASH_DURATION).record(took);
}

/// Sets the number of connections that there may be.
pub fn connections(most: u32) {
    gauge!(names::DB_SIZE).set(f64::from(most));
}

/// Records how long a request or job waited for a database connection.
pub fn connection_waited(took: Duration) {
    histogram!(names::DB_WAIT).record(took);
}

/// Records how long a database connection was used.
pub fn connection_used(took: Duration) {
    histogram!(names::DB_USE).record(took);
}

/// Counts a statement that does the work of several requests.
pub fn batch(work: &'static str, requests: usize) {
    counter!(names::DB_BATCHES, "work" => work).increment(1);
    counter!(names::DB_BATCHED, "work" => work).increment(u64::try_from(requests).unwrap_or(u64::MAX));
}

/// Counts a piece of work without a connection or a response.
pub fn connection_refused(reason: &'static str) {
    counter!(names::DB_REFUSED, "reason" => reason).increment(1);
}

/// Counts a transaction that is repeated after a conflict.
pub fn transaction_repeated() {
    counter!(names::DB_RETRIES).increment(1);
}

/// Sets whether the database answers.
pub fn database_up(up: bool) {
    gauge!(names::DB_UP).set(f64::from(u8::from(up)));
}

/// Sets the number of messages in the outbox.
pub fn messages(channel: &'static str, state: &'static str, number: i64) {
    gauge!(names::OUTBOX_MESSAGES, "channel" => channel, "state" => state).set(seconds(number));
}

/// Sets the age of the oldest message, and how long one has been overdue, in seconds.
pub fn outbox_ages(channel: &'static str, oldest: i64, overdue: i64) {
    gauge!(names::OUTBOX_AGE, "channel" => channel).set(seconds(oldest));
    gauge!(names::OUTBOX_OVERDUE, "channel" => channel).set(seconds(overdue));
}

/// Counts a try to send a message.
pub fn delivery(channel: &'static str, outcome: &'static str) {
    one_more(counter!(names::OUTBOX_DELIVERIES, "channel" => channel, "outcome" => outcome));
}

/// Counts a try to send a message to an endpoint.
pub fn webhook_delivery(outcome: &'static str) {
    one_more(counter!(names::WEBHOOK_DELIVERIES, "outcome" => outcome));
}

/// Sets the number of messages to endpoints that wait and that were given up, and the age of the oldest that waits.
pub fn webhook_messages(pending: i64, dead: i64, oldest: i64) {
    gauge!(names::WEBHOOK_PENDING).set(seconds(pending));
    gauge!(names::WEBHOOK_DEAD).set(seconds(dead));
    gauge!(names::WEBHOOK_OLDEST).set(seconds(oldest));
}

/// Sets the number of signing keys in a state.
pub fn signing_keys(state: &'static str, number: usize) {
    gauge!(names::SIGNING_KEYS, "state" => state).set(approximate(number));
}

/// Sets the age of a signing key, in seconds.
pub fn signing_key_age(state: &'static str, age: i64) {
    gauge!(names::SIGNING_KEY_AGE, "state" => state).set(seconds(age));
}

/// Sets when a job last completed.
pub fn job_done(task: &'static str, now: i64) {
    gauge!(names::JOB_SUCCESS, "task" => task).set(seconds(now));
}

/// For small numbers; larger ones are shown as the maximum.
fn approximate(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Seconds since 1970 or fewer, which are exact until 2106.
fn seconds(number: i64) -> f64 {
    f64::from(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::catalogue::{CATALOGUE, Kind, Series};
    use super::*;
    use crate::domain::email::Email;
    use crate::domain::passkey::Refusal;
    use crate::domain::sending::{Dispatch, Purpose, Source, bounds};

    #[test]
    fn what_a_transaction_counts_counts_when_it_is_committed() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = recorder.handle();
        let counted = |number| {
            let line = format!("vestibule_throttles_total{{kind=\"sending\"}} {number}\n");
            assert!(text.render().contains(&line), "{number}: {}", text.render());
        };
        metrics::with_local_recorder(&recorder, || {
            throttle("sending");
            let rolled_back = BufferedCounters::begin();
            throttle("sending");
            drop(rolled_back);
            counted(1);
            let committed = BufferedCounters::begin();
            throttle("sending");
            counted(1);
            committed.count();
            counted(2);
            throttle("sending");
            counted(3);
        });
    }

    /// A series that begins with the first message is missing from the rate that its alert reads.
    #[test]
    fn each_purpose_with_a_quota_has_its_series_from_the_start() {
        let withheld = CATALOGUE.iter().find(|metric| metric.name == names::MESSAGES_WITHHELD);
        let Some(Series::Pairs(_, pairs)) = withheld.map(|metric| metric.series) else {
            panic!("{withheld:?}");
        };
        let shown: BTreeSet<&str> = pairs
            .iter()
            .filter(|(_, reasons)| reasons.contains(&"bound"))
            .map(|(purpose, _)| *purpose)
            .collect();
        let limited: BTreeSet<&str> = Purpose::all()
            .filter(|purpose| has_quota(*purpose))
            .map(Purpose::as_str)
            .collect();
        assert_eq!(shown, limited);
    }

    #[test]
    fn each_reason_to_refuse_a_passkey_has_its_series_from_the_start() {
        let refused = CATALOGUE.iter().find(|metric| metric.name == names::PASSKEYS_REFUSED);
        let Some(Series::Pairs(_, pairs)) = refused.map(|metric| metric.series) else {
            panic!("{refused:?}");
        };
        for (ceremony, reasons) in pairs {
            assert_eq!(*reasons, Refusal::ALL.map(Refusal::as_str).as_slice(), "{ceremony}");
        }
    }

    fn has_quota(purpose: Purpose) -> bool {
        let address = Email::parse("jo@example.com").unwrap();
        let source = Source::Unknown("192.0.2.0".to_owned());
        !bounds(&Dispatch::mail(purpose, None, &address), &source).is_empty()
    }

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = BTreeSet::new();
        for metric in CATALOGUE {
            assert!(metric.name.starts_with("vestibule_"), "{}", metric.name);
            assert!(seen.insert(metric.name), "{} stands twice", metric.name);
            let counter = matches!(metric.kind, Kind::Counter);
            assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
            let histogram = matches!(metric.kind, Kind::Histogram(_));
            assert!(!histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
