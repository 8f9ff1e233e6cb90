//! Migrations revert truly, run once however many start, and refuse a schema from the future.

use diesel::connection::SimpleConnection;
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

#[test]
fn instances_that_start_at_once_migrate_once() {
    let database = TestDatabase::empty();
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| apply(&database.url).unwrap().len()))
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
    let refused = apply(&database.url).unwrap_err();
    assert!(matches!(refused, MigrationError::Newer(version) if version == "9999"));
}
