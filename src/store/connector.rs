//! Connections of the pool: opened when they are needed, with limits on what runs there.
//!
//! While the database cannot be reached, requests fail at once: a failed attempt to connect marks the pool as down,
//! which ends every wait for a new connection. r2d2 keeps trying in the background, and the first success marks the
//! pool as up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::r2d2::{ConnectionManager, Error as ConnectError, HandleError, ManageConnection, Pool, PooledConnection};
use diesel::{Connection, PgConnection};
use secrecy::{ExposeSecret, SecretString};

use super::error::StoreError;
use super::silence::limited;

/// How long a request waits for a new connection. Between steps it checks whether the server can be reached at all.
const CONNECT_STEP: Duration = Duration::from_millis(100);
const CONNECT_STEPS: u32 = 20;
/// All of these steps.
pub(super) const CONNECT_TIMEOUT: Duration = CONNECT_STEP.saturating_mul(CONNECT_STEPS);
/// How long a statement may take: as in [`SESSION_SETTINGS`].
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to connect. r2d2 doubles the pause after each failure, up to half of its
/// `connection_timeout`, of which the default is thirty seconds: after a failover that took half a minute, requests
/// would fail for fifteen seconds more.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Limits of every connection, so that no statement hangs and no transaction stays open. A pooler in transaction mode
/// would pass these settings on to its other clients, so there they are set on the database role.
const SESSION_SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '2s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET TimeZone = 'UTC'";

/// The settings that such a pooler tracks separately for each of its clients.
const POOLED_SESSION_SETTINGS: &str = "SET TimeZone = 'UTC'";

/// The `application_name` of every connection; the label of the instance's newest master key follows it.
pub(super) const CONNECTION_NAME: &str = "vestibule";

/// Provides connections, and knows whether new ones can be opened.
#[derive(Clone)]
pub(super) struct Connector {
    pool: Pool<Manager>,
    reachable: Arc<AtomicBool>,
    gate: Gate,
}

/// Held for reading while a thread uses libpq, and for writing once the process ends.
///
/// The end of the process removes the state of OpenSSL. A thread that still opens a connection then, such as one of
/// r2d2, would crash.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Marks a use of libpq.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the gate for the rest of the process if no thread uses libpq. Later uses wait for its end. Returns whether
    /// it is closed.
    pub(super) fn try_close(&self) -> bool {
        self.0.try_write().map(std::mem::forget).is_ok()
    }
}

impl Connector {
    /// Prepares up to `size` connections to a libpq URL; none is made before the first use. `pooled`: the URL leads to
    /// a pooler that may run each transaction on another session. `master_key` is in the name of each connection.
    pub(super) fn new(url: &SecretString, size: u32, pooled: bool, master_key: &str) -> Self {
        let (reachable, gate) = (Arc::new(AtomicBool::new(true)), Gate::default());
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(2 * LONGEST_PAUSE)
            // `BEGIN` detects a dead connection just as well and saves the round trip.
            .test_on_check_out(false)
            .error_handler(Box::new(MarkDown(Arc::clone(&reachable))))
            .build_unchecked(Manager {
                opens: ConnectionManager::new(limited(url.expose_secret())),
                reachable: Arc::clone(&reachable),
                gate: gate.clone(),
                pooled,
                name: format!("{CONNECTION_NAME} {master_key}"),
            });
        Self { pool, reachable, gate }
    }

    /// Takes an idle connection, which may have died, or waits for a new one while the server counts as reachable.
    pub(super) fn connect(&self) -> Result<PooledConnection<Manager>, StoreError> {
        if let Some(idle) = self.pool.try_get() {
            return Ok(idle);
        }
        for _ in 0..CONNECT_STEPS {
            if !self.reachable.load(Ordering::Acquire) {
                return Err(StoreError::Unavailable("the server cannot be reached".to_owned()));
            }
            if let Ok(connection) = self.pool.get_timeout(CONNECT_STEP) {
                return Ok(connection);
            }
        }
        Err(StoreError::Unavailable("no connection was made in time".to_owned()))
    }

    /// Returns what guards the use of libpq.
    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Returns the maximum number of connections, including dead ones.
    pub(super) fn size(&self) -> u32 {
        self.pool.max_size()
    }
}

#[derive(Debug)]
struct MarkDown(Arc<AtomicBool>);

impl HandleError<ConnectError> for MarkDown {
    fn handle_error(&self, error: ConnectError) {
        if self.0.swap(false, Ordering::AcqRel) {
            tracing::error!(%error, "the database cannot be reached; requests are answered 503 until it can");
        }
    }
}

/// Opens connections and prepares them.
#[derive(Debug)]
pub(super) struct Manager {
    opens: ConnectionManager<PgConnection>,
    reachable: Arc<AtomicBool>,
    gate: Gate,
    pooled: bool,
    name: String,
}

impl ManageConnection for Manager {
    type Connection = PgConnection;
    type Error = ConnectError;

    fn connect(&self) -> Result<PgConnection, ConnectError> {
        let _entered = self.gate.enter();
        let mut connection = self.opens.connect()?;
        self.prepare(&mut connection)?;
        if !self.reachable.swap(true, Ordering::AcqRel) {
            tracing::info!("the database can be reached again");
        }
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut PgConnection) -> Result<(), ConnectError> {
        self.opens.is_valid(connection)
    }

    fn has_broken(&self, connection: &mut PgConnection) -> bool {
        self.opens.has_broken(connection)
    }
}

impl Manager {
    fn prepare(&self, connection: &mut PgConnection) -> Result<(), ConnectError> {
        let settings = if self.pooled {
            // A statement that was prepared on one session does not exist on the next.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            POOLED_SESSION_SETTINGS
        } else {
            SESSION_SETTINGS
        };
        // A label consists of digits, letters and a colon. A bound parameter would cost another round trip.
        let settings = format!("{settings}; SET application_name = '{}'", self.name);
        connection.batch_execute(&settings).map_err(ConnectError::QueryError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_closes_for_good_once_no_thread_is_inside() {
        let gate = Gate::default();
        let inside = gate.enter();
        assert!(!gate.try_close());
        drop(inside);
        assert!(gate.try_close());
        assert!(gate.0.try_read().is_err());
    }
}
