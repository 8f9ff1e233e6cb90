//! Measures: the one place that counts, one small function for each thing worth counting.
//!
//! Every layer may call it, since it decides nothing; which layer counts what is one line each here. Where nobody listens
//! (commands, tests in one process) counting does nothing; `telemetry` brings the one who does.
//!
//! What is counted inside a transaction counts when that is committed: a transaction that is rolled back or repeated
//! leaves nothing behind here either.

pub mod catalogue;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge, histogram};

use self::catalogue as names;

/// Writes everything that was measured as text, in Prometheus's form.
pub type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

thread_local! {
    /// What a transaction on this thread has counted so far.
    static BUFFERED: RefCell<Option<Vec<Counter>>> = const { RefCell::new(None) };
}

/// Holds back what is counted on this thread, until it is told to count; dropping it forgets.
pub struct BufferedCounters(());

impl BufferedCounters {
    /// Begins to hold back.
    pub fn begin() -> Self {
        BUFFERED.replace(Some(Vec::new()));
        Self(())
    }

    /// Counts what was held back: it has happened.
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

/// Counts in a gauge as long as it lives.
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

    /// A wait for a thread that hashes.
    pub fn waits_for_hash() -> Self {
        Self::of(gauge!(names::HASH_WAITING))
    }

    /// A password being hashed.
    pub fn hashes() -> Self {
        Self::of(gauge!(names::HASH_BUSY))
    }

    /// A wait for a connection.
    pub fn waits_for_connection() -> Self {
        Self::of(gauge!(names::DB_WAITING))
    }

    /// A connection in use.
    pub fn uses_connection() -> Self {
        Self::of(gauge!(names::DB_BUSY))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Measures how long something takes, in the machine's time.
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

/// A request was answered. The route is its pattern, the method one that a route knows.
pub fn request(method: &'static str, route: &'static str, status: u16, took: Duration) {
    histogram!(names::HTTP_DURATION, "method" => method, "route" => route).record(took);
    counter!(names::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status.to_string()).increment(1);
}

/// A route is there, and may fail.
pub fn announce_route(method: &'static str, route: &'static str) {
    let _ = histogram!(names::HTTP_DURATION, "method" => method, "route" => route);
    for status in ["500", "503"] {
        counter!(names::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).absolute(0);
    }
}

/// A request was turned away because somebody asked too often.
pub fn rate_limited(scope: &'static str) {
    one_more(counter!(names::RATE_LIMITED, "scope" => scope));
}

/// A flow came to its end.
pub fn outcome(flow: &'static str, outcome: &'static str) {
    one_more(counter!(names::OUTCOMES_TOTAL, "flow" => flow, "outcome" => outcome));
}

/// A code of a second factor was judged.
pub fn code(method: &'static str, outcome: &'static str) {
    one_more(counter!(names::CODES, "method" => method, "outcome" => outcome));
}

/// A code of an authenticator was right, for a step so far from the present one.
pub fn totp_matched(offset: i64) {
    let offset = match offset {
        ..0 => "-1",
        0 => "0",
        1.. => "1",
    };
    one_more(counter!(names::TOTP_OFFSET, "step_offset" => offset));
}

/// Somebody has to wait, or has to come back another way.
pub fn throttle(kind: &'static str) {
    one_more(counter!(names::THROTTLES, "kind" => kind));
}

/// A message was not sent, or not by itself.
pub fn withheld(purpose: &'static str, reason: &'static str) {
    counter!(names::MESSAGES_WITHHELD, "purpose" => purpose, "reason" => reason).increment(1);
}

/// How many threads hash.
pub fn hash_threads(number: usize) {
    gauge!(names::HASH_THREADS).set(approximate(number));
}

/// Somebody was turned away by the hash queue.
pub fn hash_shed(reason: &'static str) {
    one_more(counter!(names::HASH_SHED, "reason" => reason));
}

/// Somebody waited for a thread that hashes.
pub fn hash_waited(took: Duration) {
    histogram!(names::HASH_WAIT).record(took);
}

/// A password was hashed or checked.
pub fn hashed(took: Duration) {
    histogram!(names::HASH_DURATION).record(took);
}

/// How many connections there may be.
pub fn connections(most: u32) {
    gauge!(names::DB_SIZE).set(f64::from(most));
}

/// Somebody waited for a turn at the database.
pub fn connection_waited(took: Duration) {
    histogram!(names::DB_WAIT).record(took);
}

/// A connection was used.
pub fn connection_used(took: Duration) {
    histogram!(names::DB_USE).record(took);
}

/// There was no connection, or no answer.
pub fn connection_refused(reason: &'static str) {
    counter!(names::DB_REFUSED, "reason" => reason).increment(1);
}

/// A transaction collided and is repeated.
pub fn transaction_repeated() {
    counter!(names::DB_RETRIES).increment(1);
}

/// Whether the database answers.
pub fn database_up(up: bool) {
    gauge!(names::DB_UP).set(f64::from(u8::from(up)));
}

/// How many messages are in the outbox.
pub fn messages(channel: &'static str, state: &'static str, number: i64) {
    gauge!(names::OUTBOX_MESSAGES, "channel" => channel, "state" => state).set(seconds(number));
}

/// How long the oldest message waits, and how long one is overdue, in seconds.
pub fn outbox_ages(channel: &'static str, oldest: i64, overdue: i64) {
    gauge!(names::OUTBOX_AGE, "channel" => channel).set(seconds(oldest));
    gauge!(names::OUTBOX_OVERDUE, "channel" => channel).set(seconds(overdue));
}

/// It was tried to send a message.
pub fn delivery(channel: &'static str, outcome: &'static str) {
    one_more(counter!(names::OUTBOX_DELIVERIES, "channel" => channel, "outcome" => outcome));
}

/// How many signing keys there are in a state.
pub fn signing_keys(state: &'static str, number: usize) {
    gauge!(names::SIGNING_KEYS, "state" => state).set(approximate(number));
}

/// How old a signing key is, in seconds.
pub fn signing_key_age(state: &'static str, age: i64) {
    gauge!(names::SIGNING_KEY_AGE, "state" => state).set(seconds(age));
}

/// A job came to its end.
pub fn job_done(task: &'static str, now: i64) {
    gauge!(names::JOB_SUCCESS, "task" => task).set(seconds(now));
}

/// Small numbers only; what does not fit is shown as the most that does.
fn approximate(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Seconds since 1970 or fewer, which fit until 2106.
fn seconds(number: i64) -> f64 {
    f64::from(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::catalogue::{CATALOGUE, Kind};
    use super::*;

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
