//! Which instances use the database, as far as their connections tell.
//!
//! Each names itself to PostgreSQL (`application_name`) with a label of the master key that it makes new things with.
//! Every instance looks at the outbox once a second, so a connection of one that runs is never idle for long. No table
//! is needed, and what an instance that was killed has left disappears with its connections.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StoreError;
use super::pool::CONNECTION_NAME;

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

// A pooler leaves the name of the client that it served last, which may be gone: only what was in use lately counts. To
// a role without the right to see it the time is null; those connections count.
const NAMES: &str = "SELECT DISTINCT application_name AS name FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
     AND coalesce(state_change > clock_timestamp() - interval '10 seconds', true) \
     AND (application_name = $1 OR application_name LIKE $1 || ' %')";

/// Returns the labels of the newest master keys of everything that is connected, and an empty text for a release that
/// tells none.
pub fn newest_master_keys(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<NameRow> = diesel::sql_query(NAMES)
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
