//! The service through a real PgBouncer in transaction mode, configured as the documentation shows. It has fewer
//! connections to PostgreSQL than the instances have to it, so that every transaction may run in another session.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::geteuid;
use tempfile::TempDir;
use url::Url;

use super::instances::{MASTER_KEY, instance};
use super::nginx::free_address;
use super::postgres::{Database, psql};
use super::process::eventually;
use super::program::{Launch, Program, open_directory, path};
use super::rolling_restart::{Visit, nothing_is_lost, visit};

const CONFIGURATION: &str = include_str!("../../deploy/pgbouncer/pgbouncer.ini");
/// Connections to PostgreSQL, for three times as many to the pooler.
const SERVER_CONNECTIONS: usize = 3;

/// The running pooler; killed when dropped.
struct PgBouncer {
    child: Child,
    place: TempDir,
    url: String,
}

impl PgBouncer {
    #[track_caller]
    fn start(database: &Database) -> Self {
        let place = open_directory();
        let url = Url::parse(database.url()).unwrap();
        let listen = free_address();
        let (host, port) = listen.split_once(':').unwrap();
        let user = url.username();
        let users = format!("\"{user}\" \"{}\"\n", url.password().unwrap_or_default());
        fs::write(place.path().join("userlist.txt"), users).unwrap();
        let text = CONFIGURATION
            .replace("host=10.0.0.21 port=5432 dbname=vestibule", &server(&url))
            .replace("listen_addr = 10.0.0.20", &format!("listen_addr = {host}"))
            .replace("listen_port = 6432", &format!("listen_port = {port}"))
            .replace(
                "default_pool_size = 20",
                &format!("default_pool_size = {SERVER_CONNECTIONS}"),
            )
            .replace("auth_type = scram-sha-256", "auth_type = trust")
            .replace("/etc/pgbouncer", &place.path().display().to_string());
        assert!(!text.contains("10.0.0."), "{text}");
        fs::write(place.path().join("pgbouncer.ini"), text).unwrap();
        let mut run = pgbouncer();
        run.arg(place.path().join("pgbouncer.ini"));
        if let Some(account) = account(&url) {
            run.args(["-u", &account]);
        }
        let output = File::create(place.path().join("stderr")).unwrap();
        let started = Self {
            child: run.stderr(output).spawn().unwrap(),
            place,
            url: format!("postgresql://{user}@{listen}/vestibule"),
        };
        eventually("pgbouncer", || {
            let asked = Command::new("psql").args(["-XAtqc", "SELECT 1", &started.url]).output();
            asked.unwrap().status.success().then_some(())
        });
        started
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let said = fs::read_to_string(self.place.path().join("stderr")).unwrap_or_default();
            eprintln!("pgbouncer's log:\n{said}");
        }
    }
}

/// Writes the server of a libpq URL in PgBouncer's format. The directory of a socket is percent-encoded in the URL.
fn server(url: &Url) -> String {
    let host = percent_encoding::percent_decode_str(url.host_str().unwrap())
        .decode_utf8()
        .unwrap();
    let port = url.port().unwrap_or(5432);
    format!("host={host} port={port} dbname={}", url.path().trim_start_matches('/'))
}

/// Returns the account that may use the server's socket, if that is not the current one: PgBouncer does not run as
/// root.
fn account(url: &Url) -> Option<String> {
    if !geteuid().is_root() {
        return None;
    }
    let host = percent_encoding::percent_decode_str(url.host_str().unwrap())
        .decode_utf8()
        .unwrap();
    let owner = fs::metadata(host.as_ref()).map_or(0, |directory| directory.uid());
    let found = Command::new("id").args(["-un", &owner.to_string()]).output().unwrap();
    let name = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    Some(if owner == 0 { "nobody".to_owned() } else { name })
}

#[track_caller]
fn pgbouncer() -> Command {
    let places = path() + ":/usr/sbin";
    let mut found = places.split(':').map(|place| format!("{place}/pgbouncer"));
    let Some(program) = found.find(|program| fs::metadata(program).is_ok()) else {
        panic!("pgbouncer is missing: run scripts/test, which installs pgbouncer");
    };
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn command(name: &str, url: &str) -> Launch {
    Launch::of(name)
        .env("DATABASE_URL", url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
}

/// An instance whose URL leads to the pooler.
fn pooled(pooler: &PgBouncer) -> Launch {
    instance(&pooler.url).env("VESTIBULE_DB_POOLER", "transaction")
}

/// A pooler that the settings do not name would pass a lock of the session on to its next client.
#[test]
fn migrations_through_a_pooler_that_is_not_named_leave_no_lock() {
    let database = Database::create();
    let pooler = PgBouncer::start(&database);
    command("migrate", &pooler.url).run().expect(0);
    assert_unlocked(&database);
    // The last migration is missing, and fails.
    database.sql("DELETE FROM __diesel_schema_migrations WHERE version = '0115'");
    command("migrate", &pooler.url).run().expect(1).saying("already exists");
    assert_unlocked(&database);
}

#[track_caller]
fn assert_unlocked(database: &Database) {
    let locks = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                 WHERE locktype = 'advisory' AND datname = current_database()";
    // The server notices the end of the connection that held the lock a moment later.
    eventually("the release of the lock", || (database.sql(locks) == "0").then_some(()));
}

#[test]
fn two_instances_serve_through_a_pooler_in_transaction_mode() {
    let database = Database::create();
    let pooler = PgBouncer::start(&database);
    // The lock for migrations belongs to a session.
    pooled(&pooler).run().expect(1).saying("through a pooler");
    command("migrate", database.url()).run().expect(0);
    let programs = [(); 2].map(|()| pooled(&pooler).env("VESTIBULE_DB_POOL_SIZE", "5").start());
    let clients = programs.each_ref().map(Program::ready);

    let visits: Vec<Visit> = thread::scope(|scope| {
        let load: Vec<_> = (0..3 * SERVER_CONNECTIONS)
            .map(|number| {
                let client = &clients[number % 2];
                scope.spawn(move || [visit(client), visit(client)])
            })
            .collect();
        load.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });

    nothing_is_lost(&clients[0], &database, &visits, 0);
    let connections = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let connections: usize = database.sql(connections).parse().unwrap();
    assert!(connections <= SERVER_CONNECTIONS, "{connections}");
    for (setting, value) in [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ] {
        assert_eq!(psql(&pooler.url, &format!("SHOW {setting}")), value);
    }
    let check = command("keys", &pooler.url)
        .args(["list"])
        .env("VESTIBULE_DB_POOLER", "transaction");
    check.run().expect(0);
    for program in programs {
        let ended = program.stop().expect(0);
        assert!(!ended.stderr.contains("\"level\":\"ERROR\""), "{}", ended.stderr);
    }
}
