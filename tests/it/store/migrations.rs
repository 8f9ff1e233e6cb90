//! Migrations can be reverted, run once however many instances start, and refuse a schema of another release.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness;
use vestibule::store::migrations::{MIGRATIONS, MigrationError, apply};

use super::schema::{catalog, describe};
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

/// A distributed database takes one change in a transaction, so each statement must stand alone, without the
/// transaction around its migration.
#[test]
fn each_statement_in_a_transaction_of_its_own_gives_the_same_schema() {
    let (whole, single) = (TestDatabase::empty(), TestDatabase::empty());
    apply(&whole.url, false).unwrap();
    let mut connection = single.connect();
    for (migration, statements) in read_migrations("up.sql") {
        execute_one_by_one(&mut connection, &migration, &statements);
    }
    let (made, expected) = (catalog(&mut connection), catalog(&mut whole.connect()));
    let lacking: Vec<&String> = expected.iter().filter(|line| !made.contains(line)).collect();
    let further: Vec<&String> = made.iter().filter(|line| !expected.contains(line)).collect();
    assert_eq!((lacking, further), (Vec::new(), Vec::new()));
    assert!(made.len() > 400, "{}", made.len());
    for (migration, statements) in read_migrations("down.sql").iter().rev() {
        execute_one_by_one(&mut connection, migration, statements);
    }
    assert_eq!(catalog(&mut connection), Vec::<String>::new());
}

fn execute_one_by_one(connection: &mut PgConnection, migration: &str, statements: &[String]) {
    for statement in statements {
        // As a prepared statement, since PostgreSQL prepares no text with a second one.
        let executed = connection.transaction(|connection| diesel::sql_query(statement).execute(connection));
        executed.unwrap_or_else(|error| panic!("{migration}: {error}: {statement}"));
    }
}

/// A distributed database takes no two changes of a table in one command, and no command that changes two tables.
#[test]
fn each_statement_changes_one_thing() {
    let all = read_migrations("up.sql");
    for (migration, statement) in all
        .iter()
        .flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
    {
        let words: Vec<&str> = statement.split_whitespace().collect();
        // The columns of one constraint are one change.
        let mut outside = statement.split('(').map(|part| part.rsplit(')').next().unwrap());
        let has_list = outside.any(|part| part.contains(','));
        let is_several = has_list && ["ALTER", "DROP"].contains(words.first().unwrap());
        assert!(!is_several, "{migration}: {statement}");
    }
    let read: usize = all.iter().map(|(_, statements)| statements.len()).sum();
    assert!(read > 150, "{read}");
}

/// Returns the statements of one file of each migration, in the order of the migrations.
fn read_migrations(file: &str) -> Vec<(String, Vec<String>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut all: Vec<(String, Vec<String>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| {
            let text = std::fs::read_to_string(path.join(file)).unwrap();
            (path.display().to_string(), statements(&text))
        })
        .collect();
    all.sort();
    all
}

/// Splits a migration into its statements. Bodies of functions are in dollar quotes, and semicolons in comments on
/// columns are in quotes.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut current, mut quoted, mut in_body) = (Vec::new(), String::new(), false, false);
    for line in text.lines() {
        // PostgreSQL stores a body with its comments.
        if !quoted && !in_body && line.trim_start().starts_with("--") {
            continue;
        }
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
