//! Migrations can be reverted, run once however many instances start, and refuse a schema of another release.

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

/// Builds from before the first release had another set of migrations, with lower numbers.
#[test]
fn a_schema_of_a_build_before_the_first_release_is_refused_and_left_alone() {
    let database = TestDatabase::empty();
    let before = "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());
                  INSERT INTO __diesel_schema_migrations (version) VALUES ('0001'), ('0036');
                  CREATE TABLE users (id uuid PRIMARY KEY);";
    database.connect().batch_execute(before).unwrap();
    let refused = apply(&database.url, false).unwrap_err();
    assert!(matches!(&refused, MigrationError::TooOld(version) if version == "0001"));
    assert!(refused.to_string().contains("before the first release"), "{refused}");
    assert_eq!(
        describe(&mut database.connect())
            .iter()
            .filter(|line| line.starts_with("users."))
            .count(),
        1
    );
}

/// A distributed database takes no two changes of a table in one command, and no command that changes two tables.
#[test]
fn each_statement_changes_one_thing() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut read = 0;
    for migration in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(migration.join("up.sql")) else {
            continue;
        };
        for statement in statements(&text) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let is_several = words.first() == Some(&"ALTER") && statement.contains(',')
                || words.first() == Some(&"DROP") && statement.contains(',');
            assert!(!is_several, "{}: {statement}", migration.display());
            read += 1;
        }
    }
    assert!(read > 150, "{read}");
}

/// Splits a migration into its statements. Bodies of functions are in dollar quotes, and semicolons in comments on
/// columns are in quotes.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut current, mut quoted, mut in_body) = (Vec::new(), String::new(), false, false);
    for line in text.lines().filter(|line| !line.trim_start().starts_with("--")) {
        for (index, letter) in line.char_indices() {
            match letter {
                '\'' if !in_body => quoted = !quoted,
                '$' if line[index..].starts_with("$$") => in_body = !in_body,
                ';' if !quoted && !in_body => {
                    all.push(std::mem::take(&mut current).trim().to_owned());
                    continue;
                }
                _ => {}
            }
            current.push(letter);
        }
        current.push('\n');
    }
    assert!(current.trim().is_empty(), "an unfinished statement: {current}");
    all
}
