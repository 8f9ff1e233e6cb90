//! Transactions: repeated when they collide, moved to another connection if theirs was dead from the start, and atomic.

use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::{PooledConnection, R2D2Connection};

use super::connector::{Connector, Manager};
use super::error::StoreError;
use crate::metrics::{self, BufferedCounters, Stopwatch};

/// How often a transaction that collides is attempted in total.
const ATTEMPTS: u32 = 3;
/// How long after its begin a transaction commits at the latest. Statements have limits of their own, but a transaction
/// may have many. The list of ended sessions relies on it: an end that commits later might never be read.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// An error that may contain a database error, which says whether repeating can help.
pub trait Retryable: From<StoreError> {
    /// Returns the database error inside, if there is one.
    fn store_error(&self) -> Option<&StoreError>;
}

impl Retryable for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

/// A connection in use, with the means to replace it if it turns out to be dead.
pub(super) struct Lease {
    connector: Connector,
    connection: PooledConnection<Manager>,
}

impl Lease {
    /// Takes a connection.
    pub(super) fn new(connector: Connector) -> Result<Self, StoreError> {
        let connection = connector.connect()?;
        Ok(Self { connector, connection })
    }

    /// Gives up a dead connection (r2d2 drops those that diesel reports as broken) and takes another.
    fn renew(mut self) -> Result<Self, StoreError> {
        self.look_at_connection();
        drop(self.connection);
        Self::new(self.connector)
    }

    /// Makes diesel notice that a connection is dead. It does not notice when preparing a query fails, and r2d2 would
    /// then keep the connection in the pool for ever. On a dead connection, an empty statement fails without a round
    /// trip. Returns whether it is alive.
    fn look_at_connection(&mut self) -> bool {
        // diesel calls an empty statement an error in any case.
        let _ = self.connection.batch_execute("");
        !self.connection.is_broken()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(AnsiTransactionManager::begin_transaction(&mut *self.connection)?)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(AnsiTransactionManager::commit_transaction(&mut *self.connection)?)
    }

    fn roll_back(&mut self) {
        // The original error says more than that of a failed rollback. r2d2 drops a connection that is left in a
        // transaction.
        let _ = AnsiTransactionManager::rollback_transaction(&mut *self.connection);
    }
}

/// Runs `work` in a transaction.
pub(super) fn in_transaction<T, E: Retryable>(
    lease: Lease,
    name: &'static str,
    work: &impl Fn(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let begun = Stopwatch::start();
    let mut lease = begin(lease)?;
    let mut attempt = 1;
    loop {
        let buffered = BufferedCounters::begin();
        let error = match work(&mut lease.connection) {
            Ok(_) if begun.elapsed() > LONGEST => {
                lease.roll_back();
                return Err(StoreError::Unavailable(format!("a transaction took too long ({name})")).into());
            }
            Ok(value) => match lease.commit() {
                Ok(()) => {
                    buffered.count();
                    return Ok(value);
                }
                Err(error) => error.into(),
            },
            Err(error) => {
                lease.roll_back();
                error
            }
        };
        if attempt == ATTEMPTS || !matches!(error.store_error(), Some(StoreError::Collision(_))) {
            return Err(error);
        }
        metrics::transaction_repeated();
        tracing::debug!(transaction = name, attempt, "a transaction collided and is repeated");
        attempt += 1;
        lease.begin()?;
    }
}

/// Begins a transaction. `BEGIN` changes nothing, so a connection that died while idle can safely be replaced.
fn begin(mut lease: Lease) -> Result<Lease, StoreError> {
    for _ in 0..lease.connector.size() {
        match lease.begin() {
            Err(StoreError::Disconnected(_)) => lease = lease.renew()?,
            begun => return begun.map(|()| lease),
        }
    }
    lease.begin().map(|()| lease)
}

/// Runs `work`, which only reads and so may be repeated on another connection if this one is dead.
pub(super) fn reading<T, E: Retryable>(
    mut lease: Lease,
    work: &impl Fn(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    for _ in 0..lease.connector.size() {
        match work(&mut lease.connection) {
            Err(error) if matches!(error.store_error(), Some(StoreError::Disconnected(_))) => {
                // A distributed database uses class 08 also when one of its servers cannot reach another. All
                // connections would meet the same.
                if lease.look_at_connection() {
                    return Err(error);
                }
                lease = lease.renew()?;
            }
            done => return done,
        }
    }
    work(&mut lease.connection)
}

/// Runs `work`, which is one statement. A dead connection must not stay in the pool.
pub(super) fn alone<T, E: Retryable>(
    mut lease: Lease,
    work: impl FnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let done = work(&mut lease.connection);
    if let Err(error) = &done
        && matches!(error.store_error(), Some(StoreError::Disconnected(_)))
    {
        lease.look_at_connection();
    }
    done
}
