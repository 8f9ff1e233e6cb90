//! A backup as the documentation describes it, restored into an empty database: the service starts, users sign in with
//! their authenticators, and the audit trail is append-only as before.

use std::path::Path;
use std::process::Command;

use super::instances::instance;
use super::person::{Person, Tokens, now, verify};
use super::postgres::Database;
use super::program::open_directory;

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a backup into a file.
fn dump(database: &Database, file: &Path) {
    run("pg_dump", &["-Fc", "-f", file.to_str().unwrap(), database.url()]);
}

fn restore(file: &Path, database: &Database) {
    let arguments = [
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "-d",
        database.url(),
    ];
    run("pg_restore", &[&arguments[..], &[file.to_str().unwrap()]].concat());
}

/// Returns the schema, without the comments of the dump.
fn schema(database: &Database) -> String {
    let text = run("pg_dump", &["--schema-only", "--no-owner", database.url()]);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("--") && !line.starts_with('\\'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dump_loaded_into_an_empty_database_is_the_service_again() {
    let place = open_directory();
    let file = place.path().join("vestibule.dump");
    let lost = Database::create();
    let program = instance(lost.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    // While the service runs.
    dump(&lost, &file);
    let keys = client.get("/.well-known/jwks.json").expect(200).text;
    program.stop().expect(0);

    let found = Database::create();
    restore(&file, &found);

    assert_eq!(schema(&found), schema(&lost));
    let program = instance(found.url()).start();
    let client = program.ready();
    assert!(!program.log().contains("the schema was brought up to date"));
    assert_eq!(client.get("/.well-known/jwks.json").expect(200).text, keys);
    client.get_as(&tokens.access, "/me").expect(200);
    let again = verify(&client, &person.log_in(&client), &tokens.recovery_codes[0]).expect(200);
    client.get_as(&Tokens::of(&again).access, "/me").expect(200);

    // The trail continues where it ended, and cannot be rewritten.
    let events = "SELECT count(*) FROM audit_events WHERE event = 'user_created'";
    assert_eq!(found.sql(events), "1");
    for statement in [
        "UPDATE audit_events SET reason = ''",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
    ] {
        let output = Command::new("psql")
            .args(["-XAtqc", statement, found.url()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("append-only"), "{statement}: {said}");
    }
    let parts = "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) FROM pg_inherits \
                 WHERE inhparent = 'audit_events'::regclass";
    assert!(lost.sql(parts).contains("audit_events_default"));
    found.sql("SELECT audit_events_tend(now())");
    assert_eq!(found.sql(parts), lost.sql(parts));
}

#[test]
fn after_a_restore_to_an_earlier_moment_sessions_are_ended_as_the_documentation_tells() {
    let place = open_directory();
    let file = place.path().join("vestibule.dump");
    let lost = Database::create();
    let program = instance(lost.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    dump(&lost, &file);
    // Lost, since it happened after the backup.
    client.post_as(&tokens.access, "/logout").expect(204);
    program.stop().expect(0);

    let found = Database::create();
    restore(&file, &found);
    found.sql("DELETE FROM sessions");

    let client = instance(found.url()).start();
    let client_of = client.ready();
    client_of.get_as(&tokens.access, "/me").expect(401);
    let answer = verify(&client_of, &person.log_in(&client_of), &person.code(now() + 30));
    answer.expect(200);
}
