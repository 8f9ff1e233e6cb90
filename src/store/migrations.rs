//! The schema, embedded in the program and applied at start.
//!
//! Instances that start at the same time are serialized by an advisory lock. If the schema has migrations that this
//! program does not know, a newer program made it, and running on it could destroy data that this program does not see,
//! so that is refused. If no migration is missing, the program only reads, so that the service's role needs no further
//! rights.

use std::collections::BTreeSet;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, ConnectionError, PgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::conditions::Conditions;
use super::silence::limited;

/// All migrations, in order.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// An arbitrary constant that identifies this lock among the database's advisory locks.
const LOCK: i64 = 0x7665_7374_6962_756c;

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be reached. A later attempt may succeed.
    #[error("the database cannot be reached: {source}{advice}")]
    Unreachable {
        /// What libpq said.
        source: ConnectionError,
        /// What an administrator of the server has to run, as the end of the sentence; empty, if nothing is known to
        /// help.
        advice: String,
    },
    /// libpq cannot parse the URL. Its message would repeat parts of the URL, perhaps the password.
    #[error(
        "DATABASE_URL is not a URL that libpq understands: a character that needs percent-encoding, or an unknown option"
    )]
    BadUrl,
    /// The schema was made by a newer program.
    #[error(
        "the database has migration {0}, which this program does not know: a newer vestibule made it; install that \
         version"
    )]
    Newer(String),
    /// The schema was made by a build from before the first set of migrations.
    #[error(
        "the database has migration {0} of a build from before the first release, whose tables this program cannot \
         upgrade: create an empty database, or run that build"
    )]
    TooOld(String),
    /// Migrations are missing, and the connection goes through a pooler.
    #[error(
        "the schema is not this program's, and cannot be changed through a pooler: run `vestibule migrate` with a \
         DATABASE_URL that leads to PostgreSQL itself, and without VESTIBULE_DB_POOLER"
    )]
    Pooled,
    /// The database's encoding cannot store everything that users enter.
    #[error(
        "the database's encoding is {0}, and vestibule needs UTF8: create another one with CREATE DATABASE … ENCODING \
         'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    /// Migrations are missing, and the database is read-only.
    #[error("the database takes no changes, for it is a standby or set to read only, and migrations are missing")]
    ReadOnly,
    /// The role may not create tables, and there are none yet.
    #[error(
        "this role may not create tables here (PostgreSQL 15 and later allow only the database's owner to do so in the \
         schema public): run `vestibule migrate` as the owner, or have the owner run {0}"
    )]
    MayNotCreate(String),
    /// Another role created the tables, and this one has no right to use them.
    #[error("this role may not use the existing tables: have the owner of the schema run {0}")]
    MayNotUse(String),
    /// A migration failed. The migrations before it remain applied.
    #[error("a migration failed: {0}")]
    Failed(String),
}

/// Applies the missing migrations and returns their versions.
///
/// # Errors
///
/// Returns [`MigrationError`]; migrations that were applied before the error stay applied.
pub fn apply(url: &SecretString, pooled: bool) -> Result<Vec<String>, MigrationError> {
    apply_step_by_step(url, pooled, |_step| {})
}

/// A migration that was applied.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its version.
    pub version: &'a str,
    /// How many have been applied so far, including this one.
    pub done: usize,
    /// How many there were to apply.
    pub of: usize,
}

/// Applies the missing migrations, reports each of them, and returns their versions. Through a pooler it only checks
/// whether any are missing: what a migration sets for its session would reach the pooler's other clients.
///
/// # Errors
///
/// Returns [`MigrationError`]; migrations that were applied before the error stay applied.
pub fn apply_step_by_step(
    url: &SecretString,
    pooled: bool,
    progress: impl FnMut(Step<'_>),
) -> Result<Vec<String>, MigrationError> {
    let failed = |error: &dyn std::fmt::Display| MigrationError::Failed(error.to_string());
    let mut connection = connect(url)?;
    if pooled {
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    }
    let conditions = Conditions::read(&mut connection).map_err(|error| failed(&error))?;
    if let Some(encoding) = conditions.unfit_encoding() {
        return Err(MigrationError::Encoding(encoding.to_owned()));
    }
    if is_current(&mut connection, &conditions)? {
        return Ok(Vec::new());
    }
    if pooled {
        return Err(MigrationError::Pooled);
    }
    let _held = lock(url)?;
    // Another instance may have migrated while this one waited for the lock.
    if is_current(&mut connection, &conditions)? {
        return Ok(Vec::new());
    }
    may_migrate(&conditions)?;
    connection
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = '60s'")
        .map_err(|error| failed(&error))?;
    apply_pending(&mut connection, progress)
}

/// Waits for the lock under which migrations are applied, which the returned connection holds until it is closed.
///
/// The lock belongs to a transaction, and that transaction to a connection of its own. A pooler that the settings do
/// not name would pass a lock of the session on to its next client when a migration commits.
fn lock(url: &SecretString) -> Result<PgConnection, MigrationError> {
    let mut holder = connect(url)?;
    holder
        .batch_execute(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';
             SET LOCAL idle_in_transaction_session_timeout = 0",
        )
        .and_then(|()| take_turn(&mut holder))
        .map_err(|error| MigrationError::Failed(error.to_string()))?;
    Ok(holder)
}

/// Connects outside of the pool, with the limits of a silent server.
pub(super) fn connect(url: &SecretString) -> Result<PgConnection, MigrationError> {
    PgConnection::establish(&limited(url.expose_secret())).map_err(|error| refused(error, url))
}

/// Refuses where the database or its rights would make the first migration fail.
fn may_migrate(conditions: &Conditions) -> Result<(), MigrationError> {
    if conditions.read_only {
        return Err(MigrationError::ReadOnly);
    }
    match conditions.missing_grant() {
        None => Ok(()),
        Some(grant) if conditions.is_made => Err(MigrationError::MayNotUse(grant)),
        Some(grant) => Err(MigrationError::MayNotCreate(grant)),
    }
}

fn apply_pending(
    connection: &mut PgConnection,
    mut progress: impl FnMut(Step<'_>),
) -> Result<Vec<String>, MigrationError> {
    let pending = connection
        .pending_migrations(MIGRATIONS)
        .map_err(|error| refused_by(&error.to_string()))?;
    let mut applied = Vec::with_capacity(pending.len());
    for migration in &pending {
        let version = connection
            .run_migration(migration.as_ref())
            .map_err(|error| refused_by(&error.to_string()))?
            .to_string();
        progress(Step {
            version: &version,
            done: applied.len() + 1,
            of: pending.len(),
        });
        applied.push(version);
    }
    Ok(applied)
}

/// Waits until no other process migrates the schema or distributes its tables, until the end of the transaction.
pub(super) fn take_turn(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
}

/// Adds advice on which role or server can do what this one may not.
fn refused_by(error: &str) -> MigrationError {
    let is_for_another = ["permission denied", "must be owner"]
        .iter()
        .any(|words| error.contains(words));
    let advice = if is_for_another {
        "; run `vestibule migrate` as the role that owns the tables"
    } else if error.contains("operation is not allowed on this node") {
        // Citus.
        "; this server is a worker: run `vestibule migrate` with a DATABASE_URL that leads to the coordinator"
    } else {
        ""
    };
    MigrationError::Failed(format!("{error}{advice}"))
}

/// Distinguishes a URL that can never work from an unreachable server, by how libpq's messages begin.
pub(super) fn refused(error: ConnectionError, url: &SecretString) -> MigrationError {
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
        let advice = advice(&text, url.expose_secret()).unwrap_or_default();
        MigrationError::Unreachable { source: error, advice }
    }
}

/// Says which statement is missing, where the server refuses the connection for the lack of it. libpq gives its words
/// only, not its code, so in another language than English there is no advice.
fn advice(refusal: &str, url: &str) -> Option<String> {
    let role = role_of(url).map_or_else(|| "…".to_owned(), |role| quote_identifier(&role));
    // A name may hold quotes of its own.
    let named = |before: &str, after: &str| {
        let name = refusal.split_once(before)?.1.rsplit_once(after)?.0;
        Some(quote_identifier(name))
    };
    if let Some(database) = named("database \"", "\" does not exist") {
        return Some(format!(
            ": have an administrator of the server run CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0"
        ));
    }
    // One that a role may not connect to. What follows is on a line of its own.
    let database = named("permission denied for database \"", "\"")?;
    Some(format!(
        ": have its owner run GRANT CONNECT ON DATABASE {database} TO {role}"
    ))
}

/// Returns the role that a URL names: before the host, or as a parameter.
fn role_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let before_host = percent_decode_str(url.username()).decode_utf8().ok()?.into_owned();
    let parameter = || {
        url.query_pairs()
            .find(|(name, _)| name == "user")
            .map(|(_, role)| role.into_owned())
    };
    Some(before_host).filter(|role| !role.is_empty()).or_else(parameter)
}

/// Writes a name as SQL takes it: in quotes, unless it reads the same without (PostgreSQL, "Identifiers and Key
/// Words"). A key word in quotes is never wrong, but few databases have such names.
fn quote_identifier(name: &str) -> String {
    let mut letters = name.bytes();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == b'_');
    if begins && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_') {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Returns whether all migrations were applied; fails if there are any that this program does not know.
fn is_current(connection: &mut PgConnection, conditions: &Conditions) -> Result<bool, MigrationError> {
    let (applied, known) = (applied(connection, conditions)?, known()?);
    match unknown(&applied, &known) {
        Some(refusal) => Err(refusal),
        None => Ok(known.is_subset(&applied)),
    }
}

/// Returns the versions of [`MIGRATIONS`].
pub(super) fn known() -> Result<BTreeSet<String>, MigrationError> {
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let known = known.map_err(|error| MigrationError::Failed(error.to_string()))?;
    Ok(known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

/// Returns why a schema with these migrations is refused, if this program does not know one of them. Versions are
/// numbers of four digits; those below the first known one belong to builds from before the first release.
pub(super) fn unknown(applied: &BTreeSet<String>, known: &BTreeSet<String>) -> Option<MigrationError> {
    let unknown = applied.difference(known).next()?;
    Some(if known.first().is_some_and(|first| unknown < first) {
        MigrationError::TooOld(unknown.clone())
    } else {
        MigrationError::Newer(unknown.clone())
    })
}

/// Reads the versions that were applied.
pub(super) fn applied(
    connection: &mut PgConnection,
    conditions: &Conditions,
) -> Result<BTreeSet<String>, MigrationError> {
    read_versions(connection).map_err(|error| unread(&error, conditions))
}

/// Names the missing right if that is why the applied migrations cannot be read.
fn unread(error: &diesel::result::Error, conditions: &Conditions) -> MigrationError {
    let error = error.to_string();
    if error.contains("permission denied") {
        let role = conditions.role();
        MigrationError::MayNotUse(format!("GRANT SELECT ON __diesel_schema_migrations TO {role}"))
    } else {
        MigrationError::Failed(error)
    }
}

/// Reads the applied versions. diesel's own function would create its table first, even if it exists.
fn read_versions(connection: &mut PgConnection) -> QueryResult<BTreeSet<String>> {
    #[derive(QueryableByName)]
    struct Exists {
        #[diesel(sql_type = Bool)]
        exists: bool,
    }
    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let table: Exists = diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS exists")
        .get_result(connection)?;
    if !table.exists {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Version> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
