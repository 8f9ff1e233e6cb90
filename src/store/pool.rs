//! Connections: few, awaited without a thread, and never a reason to hang.
//!
//! There are as many threads as connections, and one queue before them: a request leaves all of its SQL there as one piece of
//! work, unless too much waits already, and takes it back when no thread has begun it in time.

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

use super::connector::Connector;
use super::error::StoreError;
use super::transaction::{Lease, Retryable, alone, in_transaction, reading};
use crate::metrics::{self, Present, Stopwatch};

/// How long a request waits for its turn (ASVS 13.1.3).
const TURN_TIMEOUT: Duration = Duration::from_secs(2);
/// How many requests wait for each connection. More are told at once that there is too much to do, while there is still time
/// to ask another instance: where a transaction takes three milliseconds, the last of these waits a sixth of a second.
const WAITING_FOR_EACH: usize = 50;
/// How long a request waits for all of its SQL. Statements have bounds of their own; this one is for a server that takes
/// them and never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
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
    /// Prepares up to `size` connections to a libpq URL; none is made before the first use, and nothing is let through
    /// before [`Database::schema_is_ready`]. `pooled`: the URL leads to a pooler that may run each transaction on another
    /// session. `master_key` is the label of the newest one, which the connections tell.
    ///
    /// # Errors
    ///
    /// Fails only when the system has no means left for waiting on threads.
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

    /// Lets statements through, once the schema is known to be the one that this program was written for.
    pub fn schema_is_ready(&self) {
        self.schema_is_ready.store(true, Ordering::Release);
    }

    /// Tells whether statements are let through.
    pub fn is_schema_ready(&self) -> bool {
        self.schema_is_ready.load(Ordering::Acquire)
    }

    /// Tells whether there is a pooler in front of the database.
    pub const fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Returns the label of the newest master key, which this process's connections tell.
    pub fn master_key(&self) -> &str {
        &self.master_key
    }

    /// Runs statements in one transaction. `work` may run several times, so it must have no effect but its SQL.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error after a rollback; [`StoreError::Unavailable`] when no connection can be had.
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

    /// Runs statements that only read, each on its own snapshot. A connection that turns out dead is replaced.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error; [`StoreError::Unavailable`] when no connection can be had.
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

    /// Runs one statement, which is its own transaction: no `BEGIN`, no `COMMIT`, a round trip instead of three. It is not
    /// repeated when the connection breaks, since it may have been done: [`StoreError::Disconnected`] leaves that open.
    ///
    /// # Errors
    ///
    /// Returns `work`'s error; [`StoreError::Unavailable`] when no connection can be had.
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
        let place = self.place(name)?;
        let request = Waiting(Claim::default());
        let claim = request.0.clone();
        let (connector, span) = (self.connector.clone(), tracing::Span::current());
        let (waits, begun) = (Present::waits_for_connection(), Stopwatch::start());
        let mut working = self.threads.spawn(move || {
            drop((place, waits));
            metrics::connection_waited(begun.elapsed());
            claim.is_first().then(|| {
                let _entered = span.entered();
                let lease = Lease::new(connector).inspect_err(|_fault| metrics::connection_refused("unreachable"))?;
                let (_used, begun) = (Present::uses_connection(), Stopwatch::start());
                let done = work(lease);
                metrics::connection_used(begun.elapsed());
                done
            })
        });
        let answered = match timeout(TURN_TIMEOUT, &mut working).await {
            Err(_elapsed) if request.0.is_first() => return Err(late(name).into()),
            Err(_elapsed) => timeout(ANSWER_TIMEOUT, working).await,
            answered => answered,
        };
        match answered {
            Ok(Ok(Some(done))) => done,
            Ok(Ok(None)) => Err(late(name).into()),
            Ok(Err(died)) => Err(StoreError::Unavailable(died.to_string()).into()),
            Err(_elapsed) => {
                metrics::connection_refused("no_answer");
                Err(StoreError::Unavailable(format!("the server does not answer ({name})")).into())
            }
        }
    }

    /// Takes a place among those that wait for a connection.
    fn place(&self, name: &'static str) -> Result<OwnedSemaphorePermit, StoreError> {
        if !self.is_schema_ready() {
            return Err(StoreError::Unavailable(
                "the schema has not been checked yet".to_owned(),
            ));
        }
        Arc::clone(&self.places).try_acquire_owned().map_err(|_full| full(name))
    }
}

/// Too many requests wait already.
fn full(name: &'static str) -> StoreError {
    metrics::connection_refused("queue_full");
    StoreError::Unavailable(format!("too many requests wait for a connection ({name})"))
}

/// No connection became free in time.
fn late(name: &'static str) -> StoreError {
    metrics::connection_refused("busy");
    StoreError::Unavailable(format!("all connections are busy ({name})"))
}

/// The right to a piece of work: a thread that does it, or the request that gives it up, whoever asks first.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// A request that waits. When it goes, as it does when its client hangs up, nobody needs what it asked for.
struct Waiting(Claim);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _begun = self.0.is_first();
    }
}

/// The threads that wait for the database, one for each connection, and the queue before them.
///
/// It is a runtime's own pool of blocking threads, of a runtime that runs nothing else. A thread that is done takes what is
/// next by itself; with a semaphore before shared blocking threads, it woke the next request, which woke a thread.
struct Threads {
    queue: Handle,
    /// Here until the end, which must not be waited for.
    runtime: Option<Runtime>,
}

impl Threads {
    fn new(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(number)
            .thread_name("database")
            .build()?;
        Ok(Self {
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
        // Who drops it may be one of its own threads, or one that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
