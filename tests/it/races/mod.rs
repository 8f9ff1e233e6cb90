//! Concurrent requests: real parallel transactions, over two instances on one database.

mod accounts;
mod batches;
mod federation;
mod passkeys;
mod password_change;
mod password_renewal;
mod passwordless;
mod refresh;
mod registration;
mod second_factor;
mod sensitive_changes;
mod sent_codes;
mod trail;
mod trusted_devices;
mod usernames;
mod webhooks;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::support::app::TestApp;
use crate::support::response::TestResponse;
use crate::support::until::until;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts rows: `condition` is a table and a condition on its rows.
pub(crate) fn count(app: &TestApp, condition: &str) -> i64 {
    let query = format!("SELECT count(*) AS count FROM {condition}");
    diesel::sql_query(query)
        .get_result::<Count>(&mut app.database.connect())
        .unwrap()
        .count
}

/// Runs statements, such as those that make rows older.
pub(crate) fn execute(app: &TestApp, statements: &str) {
    app.database.connect().batch_execute(statements).unwrap();
}

/// Returns when so many transactions of the database wait for a lock. A test whose requests answer without waiting for
/// one tests no race, and fails.
pub(crate) async fn until_blocked(app: &TestApp, number: i64) {
    const BLOCKED: &str = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let what = format!("{number} transactions wait for a lock");
    until(&what, || count(app, BLOCKED) >= number).await;
}

/// Counts the answers with a status.
fn with_status(answers: &[TestResponse], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}
