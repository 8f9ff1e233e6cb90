//! Migrations revert truly, run once however many start, and refuse a schema from the future.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_migrations::MigrationHarness;
use vestibule::store::migrations::{MIGRATIONS, MigrationError, apply};

use super::schema::describe;
use crate::support::db::TestDatabase;

#[test]
fn down_to_nothing_and_up_again_gives_the_same_schema() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    let before = describe(&mut connection);
    connection.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(describe(&mut connection), Vec::<String>::new());
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    assert_eq!(describe(&mut connection), before);
}

/// Releases before knew a current and a next key of each algorithm that was ever set.
#[test]
fn of_the_keys_of_several_algorithms_those_of_the_latest_stay_in_their_places() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    while count(
        &mut connection,
        "pg_indexes WHERE indexname = 'signing_keys_one_in_each_place'",
    ) == 1
    {
        connection.revert_last_migration(MIGRATIONS).unwrap();
    }
    for (kid, algorithm, state, activated_at) in [
        ("a", "ES256", "current", "'2026-01-01'"),
        ("b", "ES256", "next", "NULL"),
        ("c", "EdDSA", "current", "'2026-02-01'"),
        ("d", "EdDSA", "next", "NULL"),
    ] {
        let insert = format!(
            "INSERT INTO signing_keys (kid, algorithm, state, sealed_private_key, created_at, activated_at)
             VALUES (repeat('{kid}', 43), '{algorithm}', '{state}', '', '2026-01-01', {activated_at})"
        );
        connection.batch_execute(&insert).unwrap();
    }
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    for key in [
        "kid LIKE 'a%' AND state = 'retired' AND retired_at IS NOT NULL",
        "kid LIKE 'c%' AND state = 'current'",
        "kid LIKE 'd%' AND state = 'next'",
    ] {
        assert_eq!(count(&mut connection, &format!("signing_keys WHERE {key}")), 1, "{key}");
    }
    assert_eq!(count(&mut connection, "signing_keys"), 3);
}

fn count(connection: &mut PgConnection, what: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {what}"));
    query.get_result::<Count>(connection).unwrap().number
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[test]
fn instances_that_start_at_once_migrate_once() {
    let database = TestDatabase::empty();
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| apply(&database.url, false).unwrap().len()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
}

#[test]
fn a_schema_from_the_future_is_refused_and_left_alone() {
    let database = TestDatabase::migrated();
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    database.connect().batch_execute(insert).unwrap();
    let refused = apply(&database.url, false).unwrap_err();
    assert!(matches!(refused, MigrationError::Newer(version) if version == "9999"));
}
