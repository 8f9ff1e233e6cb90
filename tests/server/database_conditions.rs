//! A database that cannot be used is reported with the reason, before anything is changed in it.

use serde_json::Value;

use super::instances::{MASTER_KEY, instance};
use super::postgres::{Cluster, Database, psql};
use super::process::eventually;
use super::program::{Ended, Launch};

fn command(name: &str, database_url: &str) -> Launch {
    Launch::of(name)
        .env("DATABASE_URL", database_url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_LISTEN", "127.0.0.1:0")
}

fn serve(database_url: &str) -> Launch {
    command("serve", database_url).env("VESTIBULE_PUBLIC_URL", "https://auth.example.com")
}

/// Returns the result of a check.
#[track_caller]
fn checked(ended: &Ended, name: &str) -> String {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let check = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("{name} is not checked: {ended:?}"));
    assert_eq!(check["state"], "failed", "{check}");
    check["detail"].as_str().unwrap().to_owned()
}

fn tables(database: &Database) -> String {
    database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
}

#[test]
fn a_database_of_another_encoding_is_refused_before_anything_is_made_in_it() {
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let options = format!("ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        let database = Database::create_with(&options);
        let said = format!("the database's encoding is {encoding}, and vestibule needs UTF8");
        for launch in [
            command("migrate", database.url()),
            serve(database.url()),
            command("migrate", database.url()).env("VESTIBULE_DB_POOLER", "transaction"),
        ] {
            let ended = launch.run().expect(1).saying(&said);
            assert_eq!(ended.stderr.matches(&said).count(), 1, "{}", ended.stderr);
        }
        let ended = command("check", database.url()).args(["--json"]).run().expect(1);
        assert!(checked(&ended, "database").contains(&said), "{ended:?}");
        assert_eq!(tables(&database), "0", "{encoding}");
    }
}

/// Adds a role to a URL. The connection then uses that role, whatever the server's login methods are.
fn as_role(database: &Database, role: &str) -> String {
    let separator = if database.url().contains('?') { '&' } else { '?' };
    format!("{}{separator}options=-crole%3D{role}", database.url())
}

/// Returns the recommended statement.
#[track_caller]
fn grant(said: &str) -> &str {
    let line = said
        .lines()
        .find(|line| line.contains("GRANT "))
        .unwrap_or_else(|| panic!("{said}"));
    let (_, statement) = line.split_once("GRANT ").unwrap();
    statement.trim()
}

#[test]
fn a_role_without_rights_on_the_schema_is_told_the_grant_that_helps() {
    let database = Database::create();
    // An upper-case letter has to be quoted.
    let [owner, service] = ["Owner", "service"].map(|name| format!("vestibule_{name}_{}", std::process::id()));
    database.sql(&format!(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE \"{owner}\"; CREATE ROLE {service}"
    ));
    let migrate = |role: &str| command("migrate", &as_role(&database, role)).run();

    let refused = migrate(&owner).expect(1);
    let advised = grant(&refused.stderr).to_owned();
    assert_eq!(advised, format!("USAGE, CREATE ON SCHEMA public TO \"{owner}\""));
    let ended = command("check", &as_role(&database, &owner))
        .args(["--json"])
        .run()
        .expect(1);
    assert_eq!(grant(&checked(&ended, "schema")), advised);
    database.sql(&format!("GRANT {advised}"));
    migrate(&owner).expect(0);

    let refused = serve(&as_role(&database, &service)).run().expect(1);
    let advised = grant(&refused.stderr).to_owned();
    assert_eq!(advised, format!("USAGE ON SCHEMA public TO {service}"));
    database.sql(&format!("GRANT {advised}"));
    let ended = command("check", &as_role(&database, &service))
        .args(["--json"])
        .run()
        .expect(1);
    assert!(checked(&ended, "database").contains("GRANT SELECT ON"), "{ended:?}");
    for launch in [
        serve(&as_role(&database, &service)),
        command("migrate", &as_role(&database, &service)),
    ] {
        let refused = launch.run().expect(1);
        let advised = format!("SELECT ON __diesel_schema_migrations TO {service}");
        assert_eq!(grant(&refused.stderr), advised);
    }
    database.sql(&format!(
        "DROP OWNED BY \"{owner}\", {service} CASCADE; DROP ROLE \"{owner}\", {service}"
    ));
}

#[test]
fn a_database_that_is_set_to_read_only_makes_an_instance_not_ready_until_it_takes_changes_again() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let name = database.sql("SELECT current_database()");
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    database.sql(others);
    eventually("it is not ready", || {
        (client.get("/health/ready").status == 503).then_some(())
    });
    // There are connections: it is not ready for another reason.
    client.get("/health/ready").problem(503, "service_unavailable");
    database.sql(&format!(
        "SET transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
    ));
    database.sql(others);
    program.ready();
    program.stop().expect(0);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "it finds the server's command line below /proc")]
fn a_standby_is_not_ready_and_is_told_by_the_check() {
    let mut cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let standby = cluster.become_standby();
    assert_eq!(psql(cluster.url(), "SELECT pg_is_in_recovery()"), "t");
    eventually("it is not ready", || {
        (client.get("/health/ready").status == 503).then_some(())
    });
    // Another instance finds the right schema, and waits.
    let other = instance(cluster.url()).start();
    eventually("it says what it waits for", || {
        other.log().contains("read-only").then_some(())
    });
    assert_eq!(other.client().get("/health/ready").status, 503);
    let ended = command("check", cluster.url()).args(["--json"]).run().expect(1);
    assert!(checked(&ended, "database").contains("standby"), "{ended:?}");
    client.get("/health/ready").problem(503, "service_unavailable");

    drop(standby);
    cluster.start_again();
    for program in [program, other] {
        program.ready();
        program.stop().expect(0);
    }
}

#[test]
fn an_empty_database_that_takes_no_changes_is_refused_for_that_reason() {
    let database = Database::create();
    let name = database.sql("SELECT current_database()");
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let ended = command("migrate", database.url()).run().expect(1);
    ended.saying("the database takes no changes, for it is a standby or set to read only");
    assert_eq!(tables(&database), "0");
}
