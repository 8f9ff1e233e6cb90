//! What `vestibule check` reports about the database. It is read on a separate connection and nothing is changed.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text, Timestamptz};
use secrecy::SecretString;

use super::conditions::Conditions;
use super::distribution::Cluster;
use super::migrations::{MigrationError, applied, connect, known, unknown};
use crate::domain::clock::Clock;

/// The state of the database.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// For example 150004 for 15.4.
    pub version: i32,
    /// How far the server's clock is ahead of this machine's.
    pub clock_ahead: TimeDelta,
    /// How long the server took to answer.
    pub round_trip: TimeDelta,
    /// Its settings, and what this role may do in it.
    pub conditions: Conditions,
    /// Migrations that the next start would apply.
    pub pending: Vec<String>,
    /// Why the schema is refused: another version of the program made it.
    pub refusal: Option<String>,
    /// Tables of this program that do not exist, although their migrations were applied.
    pub missing_tables: Vec<String>,
    /// The statements that would grant the role the rights it lacks.
    pub missing_grants: Vec<String>,
    /// The server's connection limit.
    pub max_connections: i32,
    /// The Citus cluster, if the database has the extension.
    pub cluster: Option<Cluster>,
}

#[derive(QueryableByName)]
struct ServerRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Integer)]
    max_connections: i32,
    #[diesel(sql_type = Array<Text>)]
    missing_tables: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    missing_grants: Vec<String>,
}

#[derive(QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

// Partitions are used through their table. The audit trail is only read and appended to: its old partitions are dropped
// by a function that runs with its owner's rights.
const SERVER: &str = "SELECT current_setting('server_version_num')::int4 AS version, \
     current_setting('max_connections')::int4 AS max_connections, \
     ARRAY(SELECT name FROM unnest($1) AS name WHERE to_regclass(quote_ident(name)) IS NULL ORDER BY name) \
         AS missing_tables, \
     ARRAY(SELECT format('GRANT %s ON %I TO %I', string_agg(right_name, ', ' ORDER BY place), relname, current_user) \
           FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) \
                WITH ORDINALITY AS rights (right_name, place) \
           WHERE relnamespace = current_schema()::regnamespace \
           AND relkind IN ('r', 'p') AND NOT relispartition AND relname = ANY ($1) \
           AND NOT has_table_privilege(oid, right_name) \
           AND NOT (relname = 'audit_events' AND right_name IN ('UPDATE', 'DELETE')) \
           GROUP BY relname ORDER BY relname) \
     || ARRAY(SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', oid::regprocedure, current_user) \
              FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname = 'audit_events_tend' \
              AND NOT has_function_privilege(oid, 'EXECUTE')) AS missing_grants";

/// The tables that the program uses.
pub const TABLES: [&str; 26] = [
    "account_names",
    "api_keys",
    "audit_events",
    "clients",
    "consents",
    "device_requests",
    "identities",
    "link_tokens",
    "outbox",
    "passkeys",
    "quotas",
    "recovery_codes",
    "retired_keys",
    "sent_code_factors",
    "sent_codes",
    "sessions",
    "signing_keys",
    "spent_federation_tokens",
    "throttles",
    "totp_factors",
    "trusted_devices",
    "unfinished_registrations",
    "user_handles",
    "users",
    "webhook_deliveries",
    "webhooks",
];

/// Inspects a database.
///
/// # Errors
///
/// Returns the reason why it cannot be inspected.
pub fn inspect(url: &SecretString, clock: &dyn Clock) -> Result<Inspection, MigrationError> {
    let failed = |error: &dyn std::fmt::Display| MigrationError::Failed(error.to_string());
    let mut connection = connect(url)?;
    connection
        .batch_execute("SET statement_timeout = '5s'")
        .map_err(|error| failed(&error))?;
    let conditions = Conditions::read(&mut connection).map_err(|error| failed(&error))?;
    if let Some(encoding) = conditions.unfit_encoding() {
        return Err(MigrationError::Encoding(encoding.to_owned()));
    }
    let server: ServerRow = diesel::sql_query(SERVER)
        .bind::<Array<Text>, _>(TABLES.as_slice())
        .get_result(&mut connection)
        .map_err(|error| failed(&error))?;
    // The measurement with the shortest round trip: network latency affects all of them, random delays only some.
    let mut clocks = Vec::new();
    for _ in 0..3 {
        let before = clock.now();
        let row: TimeRow = diesel::sql_query("SELECT clock_timestamp() AS now")
            .get_result(&mut connection)
            .map_err(|error| failed(&error))?;
        let round_trip = clock.now() - before;
        clocks.push((round_trip, row.now - (before + round_trip / 2)));
    }
    let (round_trip, clock_ahead) = clocks.into_iter().min().unwrap_or_default();
    let (applied, known) = (applied(&mut connection, &conditions)?, known()?);
    let cluster = Cluster::read(&mut connection).map_err(|error| failed(&error))?;
    Ok(Inspection {
        version: server.version,
        clock_ahead,
        round_trip,
        conditions,
        refusal: unknown(&applied, &known).map(|refusal| refusal.to_string()),
        pending: known.difference(&applied).cloned().collect(),
        missing_tables: server.missing_tables,
        missing_grants: server.missing_grants,
        max_connections: server.max_connections,
        cluster,
    })
}
