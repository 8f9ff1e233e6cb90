//! The connection pool. It is small, requests wait for it without blocking a thread, and every wait is bounded.
//!
//! There are as many threads as connections, with one queue in front of them. A request puts all of its SQL into the
//! queue as one job, unless the queue is full, and withdraws the job if no thread has started it in time.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::PgConnection;
use secrecy::SecretString;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connector::{CONNECT_TIMEOUT, Connector, STATEMENT_TIMEOUT};
use super::error::StoreError;
use super::transaction::{self, Lease, Retryable, alone, in_transaction, reading};
use crate::metrics::{self, Present, Stopwatch};

/// How long a request waits for its turn (ASVS 13.1.3).
pub const TURN_TIMEOUT: Duration = Duration::from_secs(2);
/// How many requests may wait for each connection. Any more are rejected at once, while their clients still have time
/// to try another instance. If a transaction takes three milliseconds, the last request in the queue waits a sixth of a
/// second.
pub const WAITING_FOR_EACH: usize = 50;
/// How long a request waits for all of its SQL. Statements have limits of their own; this one is for a server that
/// accepts statements and never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a use case reads the clock its transaction commits at the latest: one that waits for a batch first,
/// then for its turn and a connection, takes as long as it may, and has its last statement, `COMMIT`, take as long as any.
pub const LONGEST_UNTIL_COMMIT: Duration = TURN_TIMEOUT
    .saturating_add(ANSWER_TIMEOUT)
    .saturating_add(TURN_TIMEOUT)
    .saturating_add(CONNECT_TIMEOUT)
    .saturating_add(transaction::LONGEST)
    .saturating_add(STATEMENT_TIMEOUT);
/// How often the end of the process looks whether a connection is in use.
const CLOSING_STEP: Duration = Duration::from_millis(10);
const CLOSING_STEPS: u32 = 200;
/// The database, shared by everything that runs in this process.
#[derive(Clone)]
pub struct Database {
    connector: Connector,
    threads: Arc<Threads>,
    places: Arc<Semaphore>,
    schema_is_ready: Arc<AtomicBool>,
    pooled: bool,
    master_key: Arc<str>,
}

impl Database {
    /// Prepares up to `size` connections to a libpq URL. None is opened before the first use, and no statement runs
    /// before [`Database::schema_is_ready`]. `pooled`: the URL leads to a pooler that may run each transaction on
    /// another session. `master_key` is the label of the newest master key, which the connections carry in their names.
    ///
    /// # Errors
    ///
    /// Fails only when the system has no resources left for the threads' event loop.
    pub fn new(url: &SecretString, size: u32, pooled: bool, master_key: &str) -> io::Result<Self> {
        let size = size.max(1);
        metrics::connections(size);
        let connections = usize::from(u16::try_from(size).unwrap_or(u16::MAX));
        Ok(Self {
            connector: Connector::new(url, size, pooled, master_key),
            threads: Arc::new(Threads::new(connections)?),
            places: Arc::new(Semaphore::new(connections * WAITING_FOR_EACH)),
            schema_is_ready: Arc::default(),
            pooled,
            master_key: master_key.into(),
        })
    }

    /// Waits until no thread uses a connection or opens one, for two seconds at most. From then on none does: the process
    /// must end without a thread that is inside of OpenSSL.
    pub async fn close(&self) {
        for _ in 0..CLOSING_STEPS {
            if self.connector.gate().try_close() {
                return;
            }
            tokio::time::sleep(CLOSING_STEP).await;
        }
    }

    /// Allows statements from now on. Called once the schema is known to be the one that this program expects.
    pub fn schema_is_ready(&self) {
        self.schema_is_ready.store(true, Ordering::Release);
    }

    /// Returns whether statements are allowed.
    pub fn is_schema_ready(&self) -> bool {
        self.schema_is_ready.load(Ordering::Acquire)
    }

    /// Returns whether there is a pooler in front of the database.
    pub const fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Returns the label of the newest master key, which this process's connections carry in their names.
    pub fn master_key(&self) -> &str {
        &self.master_key
    }

    /// Runs statements in one transaction. `work` may run several times, so it must have no effects other than its SQL.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error after a rollback, or [`StoreError::Unavailable`] when no connection is available.
    pub async fn transaction<T, E>(
        &self,
        name: &'static str,
        work: impl Fn(&mut PgConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Retryable + Send + 'static,
    {
        self.run(name, move |lease| in_transaction(lease, name, &work)).await
    }

    /// Runs statements that only read, each on its own snapshot. A dead connection is replaced.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error, or [`StoreError::Unavailable`] when no connection is available.
    pub async fn read<T, E>(
        &self,
        name: &'static str,
        work: impl Fn(&mut PgConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Retryable + Send + 'static,
    {
        self.run(name, move |lease| reading(lease, &work)).await
    }

    /// Runs one statement as its own transaction: no `BEGIN` and no `COMMIT`, so one round trip instead of three. It is
    /// not repeated when the connection breaks, since it may have taken effect: [`StoreError::Disconnected`] leaves
    /// that open.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error, or [`StoreError::Unavailable`] when no connection is available.
    pub async fn single<T, E>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut PgConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Retryable + Send + 'static,
    {
        self.run(name, move |lease| alone(lease, work)).await
    }

    async fn run<T, E>(
        &self,
        name: &'static str,
        work: impl FnOnce(Lease) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (request, queued) = self.queue(name)?;
        let (connector, span) = (self.connector.clone(), tracing::Span::current());
        let working = self.threads.spawn(move || {
            queued.begin().then(|| {
                let _entered = span.entered();
                with_lease(connector, work)
            })
        });
        request.wait(name, working).await?
    }

    /// Lets the next free thread run something with a connection. The caller has [queued](Self::queue) the requests
    /// that it serves.
    pub(super) fn spawn(&self, work: impl FnOnce(Connector) + Send + 'static) {
        let connector = self.connector.clone();
        drop(self.threads.spawn(move || work(connector)));
    }

    /// Returns the number of connections.
    pub(super) fn size(&self) -> usize {
        self.threads.number
    }

    /// Takes a place among the requests that wait for a connection.
    pub(super) fn queue(&self, name: &'static str) -> Result<(Waiting, Queued), StoreError> {
        let place = self.place(name)?;
        let request = Waiting(Claim::default());
        let queued = Queued {
            claim: request.0.clone(),
            begun: Stopwatch::start(),
            _waits: Present::waits_for_connection(),
            _place: place,
        };
        Ok((request, queued))
    }

    /// Takes a place in the queue for a connection.
    fn place(&self, name: &'static str) -> Result<OwnedSemaphorePermit, StoreError> {
        if !self.is_schema_ready() {
            return Err(StoreError::Unavailable(
                "the schema has not been checked yet".to_owned(),
            ));
        }
        Arc::clone(&self.places).try_acquire_owned().map_err(|_full| full(name))
    }
}

/// Runs work with a connection, and measures how long it uses it.
pub(super) fn with_lease<T, E: From<StoreError>>(
    connector: Connector,
    work: impl FnOnce(Lease) -> Result<T, E>,
) -> Result<T, E> {
    let gate = connector.gate().clone();
    let _entered = gate.enter();
    let lease = Lease::new(connector).inspect_err(|_fault| metrics::connection_refused("unreachable"))?;
    let (_used, begun) = (Present::uses_connection(), Stopwatch::start());
    let done = work(lease);
    metrics::connection_used(begun.elapsed());
    done
}

/// The queue is full.
fn full(name: &'static str) -> StoreError {
    metrics::connection_refused("queue_full");
    StoreError::Unavailable(format!("too many requests wait for a connection ({name})"))
}

/// No connection became free in time.
fn late(name: &'static str) -> StoreError {
    metrics::connection_refused("busy");
    StoreError::Unavailable(format!("all connections are busy ({name})"))
}

/// The right to a job. Either a thread claims it to run the job, or the request claims it to withdraw the job; the
/// first claim succeeds.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// A waiting request. It is dropped when its client disconnects, and its result is then not needed.
pub(super) struct Waiting(Claim);

impl Waiting {
    /// Waits for an answer: [`TURN_TIMEOUT`] until a thread begins, then [`ANSWER_TIMEOUT`]. The answer is `None` if
    /// the thread found that the request had been withdrawn, and an error if the work died.
    pub(super) async fn wait<T, D: Display>(
        self,
        name: &'static str,
        mut answer: impl Future<Output = Result<Option<T>, D>> + Unpin,
    ) -> Result<T, StoreError> {
        let answered = match timeout(TURN_TIMEOUT, &mut answer).await {
            Err(_elapsed) if self.0.is_first() => return Err(late(name)),
            Err(_elapsed) => timeout(ANSWER_TIMEOUT, answer).await,
            answered => answered,
        };
        match answered {
            Ok(Ok(Some(done))) => Ok(done),
            Ok(Ok(None)) => Err(late(name)),
            Ok(Err(died)) => Err(StoreError::Unavailable(died.to_string())),
            Err(_elapsed) => {
                metrics::connection_refused("no_answer");
                Err(StoreError::Unavailable(format!("the server does not answer ({name})")))
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _begun = self.0.is_first();
    }
}

/// A waiting request, as seen by the thread that serves it.
pub(super) struct Queued {
    claim: Claim,
    begun: Stopwatch,
    _waits: Present,
    _place: OwnedSemaphorePermit,
}

impl Queued {
    /// Gives back the place. Returns whether the request is still wanted.
    pub(super) fn begin(self) -> bool {
        metrics::connection_waited(self.begun.elapsed());
        self.claim.is_first()
    }
}

/// The threads that wait for the database, one per connection, and the queue in front of them.
///
/// This is the blocking thread pool of a runtime that runs nothing else. A thread that finishes takes the next job
/// itself. The alternative, a semaphore in front of a shared blocking pool, had to wake the next request, which then
/// woke a thread.
struct Threads {
    number: usize,
    queue: Handle,
    /// Set until it is dropped; the shutdown must not block.
    runtime: Option<Runtime>,
}

impl Threads {
    fn new(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(number)
            .thread_name("database")
            .build()?;
        Ok(Self {
            number,
            queue: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that sends work to blocking threads"
        )]
        self.queue.spawn_blocking(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // The value may be dropped on one of the runtime's own threads, or on a thread that must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::policy::numbers::{ENDED_CLOCKS_AHEAD, ENDED_OVERLAP};

    #[test]
    fn the_list_of_ended_sessions_reaches_back_to_every_transaction_that_may_still_commit() {
        let longest = TimeDelta::from_std(LONGEST_UNTIL_COMMIT).unwrap();
        assert!(longest + ENDED_CLOCKS_AHEAD <= ENDED_OVERLAP, "{longest}");
    }
}
