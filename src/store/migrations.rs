//! The schema, carried by the program and applied at start.
//!
//! Instances that start at once take turns under an advisory lock. A schema with migrations that this program does
//! not know was made by a newer one; running on it could destroy what it cannot see, so that is refused.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::{Connection, ConnectionError, PgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::{ExposeSecret, SecretString};

/// All migrations, in order.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// An arbitrary constant that names our lock among the database's advisory locks.
const LOCK: i64 = 0x7665_7374_6962_756c;

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be reached. Trying later may help.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[source] ConnectionError),
    /// libpq cannot make sense of the URL. Its words would repeat parts of it, the password perhaps.
    #[error(
        "DATABASE_URL is not a URL that libpq understands: a character that needs percent-encoding, or an unknown option"
    )]
    BadUrl,
    /// The schema was made by a newer program.
    #[error("the database has migration {0}, which this program does not know: it was made by a newer vestibule")]
    Newer(String),
    /// A migration failed; the schema is as the one before left it.
    #[error("a migration failed: {0}")]
    Failed(String),
}

/// Applies what is missing and returns the versions applied.
///
/// # Errors
///
/// Returns [`MigrationError`]; whatever was applied before stays applied.
pub fn apply(url: &SecretString) -> Result<Vec<String>, MigrationError> {
    let failed = |error: &dyn std::fmt::Display| MigrationError::Failed(error.to_string());
    let mut connection = PgConnection::establish(url.expose_secret()).map_err(refused)?;
    connection
        .batch_execute(&format!("SET lock_timeout = '60s'; SELECT pg_advisory_lock({LOCK})"))
        .map_err(|error| failed(&error))?;
    refuse_newer(&mut connection)?;
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| failed(&error))?;
    // Closing the connection gives the lock back.
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Tells a URL that can never work from a server that is away, by how libpq's messages begin.
pub(super) fn refused(error: ConnectionError) -> MigrationError {
    const ABOUT_THE_URL: [&str; 6] = [
        "end of string",
        "extra",
        "forbidden",
        "invalid",
        "missing",
        "unexpected",
    ];
    let text = error.to_string();
    if ABOUT_THE_URL.iter().any(|beginning| text.starts_with(beginning)) {
        MigrationError::BadUrl
    } else {
        MigrationError::Unreachable(error)
    }
}

fn refuse_newer(connection: &mut PgConnection) -> Result<(), MigrationError> {
    let failed = |error: &dyn std::fmt::Display| MigrationError::Failed(error.to_string());
    let known: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().map_err(|error| failed(&error))?;
    let known: Vec<String> = known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = connection.applied_migrations().map_err(|error| failed(&error))?;
    let unknown = applied
        .iter()
        .map(ToString::to_string)
        .find(|version| !known.contains(version));
    unknown.map_or(Ok(()), |version| Err(MigrationError::Newer(version)))
}
