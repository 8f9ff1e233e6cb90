//! Connections: few, awaited without a thread, and never a reason to hang.
//!
//! A request waits for its turn on a semaphore, then runs all of its SQL in one go on a blocking thread. While the
//! database cannot be reached, requests are told so at once: a failed attempt to connect marks the pool down, which
//! ends every wait for a new connection; r2d2 keeps trying in the background, and the first success marks it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{
    ConnectionManager, CustomizeConnection, Error as ConnectError, HandleError, Pool, PooledConnection,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, watch};

use super::error::StoreError;

/// How long a request waits for its turn, or for a connection to be made (ASVS 13.1.3).
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a transaction that collided is tried in all.
const ATTEMPTS: u32 = 3;
/// Bounds on every connection: nothing hangs, nothing lingers in a transaction.
const SESSION_SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '2s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET TimeZone = 'UTC'; SET application_name = 'vestibule'";

type Manager = ConnectionManager<PgConnection>;

/// The database, shared by everything that runs in this process.
#[derive(Clone)]
pub struct Database {
    pool: Pool<Manager>,
    turns: Arc<Semaphore>,
    reachable: watch::Receiver<bool>,
    prepared: Arc<AtomicBool>,
}

impl Database {
    /// Prepares up to `size` connections to a libpq URL; none is made before the first use, and nothing is let through
    /// before [`Database::schema_is_ready`].
    ///
    /// # Panics
    ///
    /// Never: r2d2 panics only on sizes and timeouts of zero.
    pub fn new(url: &SecretString, size: u32) -> Self {
        let (state, reachable) = watch::channel(true);
        let state = Arc::new(state);
        let pool = Pool::builder()
            .max_size(size.max(1))
            .min_idle(Some(0))
            .connection_timeout(ACQUIRE_TIMEOUT)
            // `BEGIN` tells a dead connection just as well, without a round trip of its own.
            .test_on_check_out(false)
            .error_handler(Box::new(MarkDown(Arc::clone(&state))))
            .connection_customizer(Box::new(Prepare(state)))
            .build_unchecked(Manager::new(url.expose_secret()));
        let turns = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
        Self {
            pool,
            turns: Arc::new(Semaphore::new(turns)),
            reachable,
            prepared: Arc::default(),
        }
    }

    /// Lets statements through, once the schema is known to be the one that this program was written for.
    pub fn schema_is_ready(&self) {
        self.prepared.store(true, Ordering::Release);
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
        E: From<StoreError> + Collides + Send + 'static,
    {
        self.run(name, move |pool, connection| {
            in_transaction(pool, connection, name, &work)
        })
        .await
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
        E: From<StoreError> + Collides + Send + 'static,
    {
        self.run(name, move |pool, connection| retry_dead(pool, connection, &work))
            .await
    }

    async fn run<T, E>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Pool<Manager>, PooledConnection<Manager>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let unavailable = |reason: String| E::from(StoreError::Unavailable(reason));
        if !self.prepared.load(Ordering::Acquire) {
            return Err(unavailable("the schema has not been checked yet".to_owned()));
        }
        let turn = tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_elapsed| unavailable(format!("all connections are busy ({name})")))?
            .map_err(|closed| unavailable(closed.to_string()))?;
        let idle = self.pool.try_get();
        let must_connect = idle.is_none();
        let pool = self.pool.clone();
        let span = tracing::Span::current();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that sends work to blocking threads"
        )]
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let _entered = span.entered();
            let connection = match idle {
                Some(connection) => connection,
                None => pool
                    .get()
                    .map_err(|error| E::from(StoreError::Unavailable(error.to_string())))?,
            };
            work(&pool, connection)
        });
        let lost = |error: tokio::task::JoinError| E::from(StoreError::Unavailable(error.to_string()));
        if !must_connect {
            return working.await.map_err(lost)?;
        }
        let mut reachable = self.reachable.clone();
        tokio::select! {
            biased;
            done = working => done.map_err(lost)?,
            _ = reachable.wait_for(|up| !up) => Err(unavailable("the server cannot be reached".to_owned())),
        }
    }
}

/// Tells whether an error is one that repeating the transaction may cure, or that a dead connection caused.
pub trait Collides {
    /// Returns the database error inside, if there is one.
    fn store_error(&self) -> Option<&StoreError>;
}

impl Collides for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

fn in_transaction<T, E: From<StoreError> + Collides>(
    pool: &Pool<Manager>,
    connection: PooledConnection<Manager>,
    name: &'static str,
    work: &impl Fn(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut connection = begin(pool, connection)?;
    let mut attempt = 1;
    loop {
        let done = work(&mut connection);
        let outcome = finish(&mut connection, done);
        let collided = matches!(&outcome, Err(error) if matches!(error.store_error(), Some(StoreError::Collision(_))));
        if !collided || attempt == ATTEMPTS {
            return outcome;
        }
        tracing::debug!(transaction = name, attempt, "a transaction collided and is repeated");
        attempt += 1;
        start(&mut connection).map_err(E::from)?;
    }
}

/// Opens a transaction. `BEGIN` changes nothing, so a connection that died while idle can be replaced without harm.
fn begin(
    pool: &Pool<Manager>,
    mut connection: PooledConnection<Manager>,
) -> Result<PooledConnection<Manager>, StoreError> {
    for _ in 0..=pool.max_size() {
        match start(&mut connection) {
            Err(StoreError::Unavailable(_)) => connection = replace(pool, connection)?,
            other => return other.map(|()| connection),
        }
    }
    Err(StoreError::Unavailable("every connection was dead".to_owned()))
}

fn retry_dead<T, E: From<StoreError> + Collides>(
    pool: &Pool<Manager>,
    mut connection: PooledConnection<Manager>,
    work: &impl Fn(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    for _ in 0..pool.max_size() {
        match work(&mut connection) {
            Err(error) if matches!(error.store_error(), Some(StoreError::Unavailable(_))) => {
                connection = replace(pool, connection)?;
            }
            other => return other,
        }
    }
    work(&mut connection)
}

/// Gives a dead connection up (r2d2 drops what diesel calls broken) and takes another.
fn replace(pool: &Pool<Manager>, dead: PooledConnection<Manager>) -> Result<PooledConnection<Manager>, StoreError> {
    drop(dead);
    pool.get().map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn start(connection: &mut PgConnection) -> Result<(), StoreError> {
    use diesel::connection::{AnsiTransactionManager, TransactionManager};
    AnsiTransactionManager::begin_transaction(connection).map_err(StoreError::from)
}

fn finish<T, E: From<StoreError>>(connection: &mut PgConnection, outcome: Result<T, E>) -> Result<T, E> {
    use diesel::connection::{AnsiTransactionManager, TransactionManager};
    match outcome {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(connection).map_err(StoreError::from)?;
            Ok(value)
        }
        Err(error) => {
            // The error at hand says more than a failed rollback would; r2d2 drops a connection left in a transaction.
            let _ = AnsiTransactionManager::rollback_transaction(connection);
            Err(error)
        }
    }
}

#[derive(Debug)]
struct MarkDown(Arc<watch::Sender<bool>>);

impl HandleError<ConnectError> for MarkDown {
    fn handle_error(&self, error: ConnectError) {
        if self.0.send_replace(false) {
            tracing::error!(%error, "the database cannot be reached; requests are answered 503 until it can");
        }
    }
}

#[derive(Debug)]
struct Prepare(Arc<watch::Sender<bool>>);

impl CustomizeConnection<PgConnection, ConnectError> for Prepare {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), ConnectError> {
        connection
            .batch_execute(SESSION_SETTINGS)
            .map_err(ConnectError::QueryError)?;
        if !self.0.send_replace(true) {
            tracing::info!("the database can be reached again");
        }
        Ok(())
    }
}
