//! Which instances use the database, as far as their connections show.
//!
//! Each connection's `application_name` contains the label of the instance's newest master key, the one that it seals
//! with. Every instance polls the outbox once a second, so at least one of its connections is recently active. No table
//! is needed, and an instance that was killed disappears with its connections.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::connector::CONNECTION_NAME;
use super::distribution;
use super::error::StoreError;

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

// A pooler leaves the name of the client that it served last, which may be gone, so only recently active connections
// count. For a role without the right to see it the time is null; those connections count.
const NAMES: &str = "SELECT DISTINCT application_name AS name FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
     AND coalesce(state_change > clock_timestamp() - interval '10 seconds', true) \
     AND (application_name = $1 OR application_name LIKE $1 || ' %')";

// On Citus an instance may be connected to any of the servers. Their views together are this one, which also has the
// connections between them.
const NAMES_ON_CITUS: &str = "SELECT DISTINCT application_name AS name FROM citus_stat_activity \
     WHERE datname = current_database() AND global_pid <> citus_backend_gpid() AND NOT is_worker_query \
     AND backend_type = 'client backend' \
     AND coalesce(state_change > clock_timestamp() - interval '10 seconds', true) \
     AND (application_name = $1 OR application_name LIKE $1 || ' %')";

/// Returns the labels of the newest master keys of all connected instances. The label is empty for a release that does
/// not set one.
pub fn newest_master_keys(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let names = if distribution::has_citus(connection)? {
        NAMES_ON_CITUS
    } else {
        NAMES
    };
    let rows: Vec<NameRow> = diesel::sql_query(names)
        .bind::<Text, _>(CONNECTION_NAME)
        .load(connection)?;
    let label = |row: NameRow| {
        row.name
            .strip_prefix(CONNECTION_NAME)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    Ok(rows.into_iter().map(label).collect())
}
