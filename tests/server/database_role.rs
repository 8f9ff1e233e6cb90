//! The service works with a database role that can only append to the audit trail and cannot create tables.

use std::process::Command;

use super::instances::{MASTER_KEY, instance};
use super::person::Person;
use super::postgres::{Database, psql};
use super::process::eventually;
use super::program::Launch;

const RECIPE: &str = include_str!("../../docs/examples/service-role.sql");

/// A role that is dropped after the test.
struct Role<'a> {
    name: String,
    database: &'a Database,
}

impl<'a> Role<'a> {
    /// Follows the recipe under another name, since roles belong to the whole server.
    fn by_recipe(database: &'a Database) -> Self {
        let name = format!("vestibule_role_{}", std::process::id());
        psql(database.url(), &RECIPE.replace("vestibule_service", &name));
        Self { name, database }
    }

    /// Returns a URL whose connections use this role.
    fn url(&self) -> String {
        let url = self.database.url();
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}options=-crole%3D{}", self.name)
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let drop = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        let _ = Command::new("psql")
            .args(["-XAtqc", &drop, self.database.url()])
            .output();
    }
}

#[test]
fn it_serves_with_a_role_that_may_only_add_to_the_trail_and_keeps_its_partitions() {
    let database = Database::create();
    Launch::of("migrate")
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .run()
        .expect(0);
    let role = Role::by_recipe(&database);
    // Again, as after the next migration.
    psql(database.url(), &RECIPE.replace("vestibule_service", &role.name));
    for (statement, refusal) in [
        ("CREATE TABLE mine ()", "permission denied"),
        ("UPDATE audit_events SET reason = ''", "permission denied"),
        ("DELETE FROM audit_events", "permission denied"),
        ("TRUNCATE audit_events", "permission denied"),
        ("DELETE FROM audit_events_default", "permission denied"),
        ("DROP TABLE audit_events_default", "must be owner"),
        ("SELECT audit_events_make_default()", "permission denied"),
        ("DELETE FROM __diesel_schema_migrations", "permission denied"),
    ] {
        let output = Command::new("psql")
            .args(["-XAtqc", statement, &role.url()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(refusal), "{statement}: {said}");
    }
    // Without this month's partition, rows go to the default partition until the service has made one and moved them.
    for part in database
        .sql("SELECT relname FROM pg_class WHERE relname ~ '^audit_events_\\d{4}_\\d{2}$' AND relkind = 'r'")
        .lines()
    {
        database.sql(&format!("DROP TABLE {part}"));
    }
    let program = instance(&role.url()).start();
    let client = program.ready();
    let (_person, _tokens) = Person::sign_up(&client);
    eventually("partitions of this month and the next", || {
        let count = database
            .sql("SELECT count(*) FROM pg_class WHERE relname ~ '^audit_events_\\d{4}_\\d{2}$' AND relkind = 'r'");
        (count == "2").then_some(())
    });
    eventually("no row outside of them", || {
        (database.sql("SELECT count(*) FROM audit_events_default") == "0").then_some(())
    });
    let stopped = program.stop().expect(0);
    assert!(!stopped.stderr.contains("permission denied"), "{}", stopped.stderr);
    assert_eq!(
        database.sql("SELECT string_agg(event, ' ' ORDER BY id) FROM audit_events WHERE event LIKE 'sys%'"),
        "sys_startup sys_shutdown"
    );
}

#[test]
fn a_role_that_may_not_migrate_says_who_must() {
    let database = Database::create();
    let name = format!("vestibule_poor_{}", std::process::id());
    database.sql(&format!(
        "CREATE ROLE {name}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    let role = Role {
        name,
        database: &database,
    };
    instance(&role.url()).run().expect(1).saying("vestibule migrate");
}
