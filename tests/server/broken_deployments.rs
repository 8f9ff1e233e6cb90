//! Deployments that are broken on purpose, each in one way: `vestibule check` finds the fault, says what to do, and
//! fails. docs/how-to/troubleshoot.md lists them.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::Value;

use super::instances::MASTER_KEY;
use super::postgres::Database;
use super::program::{DataDir, Launch, Program, open_directory};
use crate::support::peer::Peer;

const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A deployment that works: a migrated database, and a service that runs at its public URL.
struct Deployment {
    database: Database,
    service: Program,
}

impl Deployment {
    fn start() -> Self {
        let database = Database::create();
        let service = settings(Launch::serve(), &database).start();
        service.ready();
        let deployment = Self { database, service };
        deployment.check().run().expect(0);
        deployment
    }

    /// Returns a check of this deployment.
    fn check(&self) -> Launch {
        settings(Launch::of("check"), &self.database).env("VESTIBULE_LISTEN", self.service.address())
    }
}

/// Sets a database and its master key.
fn settings(launch: Launch, database: &Database) -> Launch {
    let launch = launch.env("DATABASE_URL", database.url());
    launch.env("VESTIBULE_MASTER_KEY", MASTER_KEY)
}

/// Asserts that exactly one check fails, and that its detail contains what is wrong and what to do.
#[track_caller]
fn assert_broken(launch: Launch, name: &str, says: &[&str]) {
    assert_fails(launch, name, says, "vestibule: 1 check has failed");
}

/// Asserts that a check fails. The same fault may make other checks fail, too.
#[track_caller]
fn assert_broken_at_least(launch: Launch, name: &str, says: &[&str]) {
    assert_fails(launch, name, says, "failed");
}

#[track_caller]
fn assert_fails(launch: Launch, name: &str, says: &[&str], count: &str) {
    let ended = launch.run().expect(1).saying(count);
    let line = ended.stdout.lines().find(|line| {
        let rest = line.strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with("failed"))
    });
    let line = line.unwrap_or_else(|| panic!("{name} has not failed:\n{}", ended.stdout));
    for words in says {
        assert!(line.contains(words), "{words}: {line}");
    }
}

fn key_file(directory: &Path, mode: u32) -> std::path::PathBuf {
    let file = directory.join("master.key");
    fs::write(&file, MASTER_KEY).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_key_file_that_every_account_may_read() {
    let deployment = Deployment::start();
    let place = open_directory();
    let with = |mode| {
        let file = key_file(place.path(), mode);
        let check = deployment.check().without("VESTIBULE_MASTER_KEY");
        check.env("VESTIBULE_MASTER_KEY_FILE", file)
    };
    assert_broken(with(0o644), "secret files", &["VESTIBULE_MASTER_KEY", "chmod 600"]);
    for mode in [0o604, 0o602, 0o622] {
        assert_broken(with(mode), "secret files", &["read or write", "chmod 600"]);
    }
    for mode in [0o600, 0o400, 0o440] {
        with(mode).run().expect(0);
    }
    // A file of settings contains secrets, too, and is reported once.
    let both = deployment
        .check()
        .without("VESTIBULE_MASTER_KEY")
        .without("DATABASE_URL");
    let url = deployment.database.url();
    let dot_env = format!("DATABASE_URL='{url}'\nVESTIBULE_MASTER_KEY={MASTER_KEY}\n");
    assert_broken(both.file(".env", &dot_env), "secret files", &[".env", "chmod 600"]);
}

#[test]
fn a_key_that_does_not_open_what_is_stored() {
    let deployment = Deployment::start();
    let other = deployment.check().env("VESTIBULE_MASTER_KEY", OTHER_KEY);
    assert_broken(
        other,
        "signing keys",
        &["not the one that they were sealed with", "VESTIBULE_MASTER_KEY"],
    );
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_schema_that_is_newer_or_older_than_the_program() {
    let deployment = Deployment::start();
    let sql = |statement: &str| deployment.database.sql(statement);
    sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999')");
    assert_broken(
        deployment.check(),
        "schema",
        &["99999999", "newer vestibule", "install that version"],
    );
    sql("DELETE FROM __diesel_schema_migrations WHERE version IN ('99999999', '0114')");
    assert_broken(deployment.check(), "schema", &["1 migration is", "vestibule migrate"]);
    sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('0114')");
    deployment.check().run().expect(0);
    let empty = Database::create();
    let check = deployment.check().env("DATABASE_URL", empty.url());
    assert_broken(check, "schema", &["vestibule migrate"]);
    let before_start = deployment.check().env("DATABASE_URL", empty.url());
    before_start.args(["--before-start"]).run().expect(0);
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_database_that_cannot_hold_every_name_or_takes_no_changes() {
    let deployment = Deployment::start();
    let latin = Database::create_with("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    let check = deployment.check().env("DATABASE_URL", latin.url());
    assert_broken(check, "database", &["LATIN1", "UTF8", "CREATE DATABASE"]);
    let name = deployment.database.sql("SELECT current_database()");
    deployment
        .database
        .sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert_broken(deployment.check(), "database", &["takes no changes", "primary"]);
    // Migrations cannot be applied there, so the report does not advise it.
    let standby = Database::create();
    let name = standby.sql("SELECT current_database()");
    standby.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    for arguments in [&[][..], &["--before-start"]] {
        let check = deployment.check().env("DATABASE_URL", standby.url()).args(arguments);
        let ended = check.run().expect(1).saying("1 check has failed");
        assert!(!ended.stdout.contains("vestibule migrate"), "{}", ended.stdout);
        assert!(
            ended.stdout.contains("the database cannot be used as it is"),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn a_database_that_is_not_there_or_accepts_no_login() {
    let deployment = Deployment::start();
    let (server, _) = deployment.database.url().rsplit_once('/').unwrap();
    let absent = deployment.check().env("DATABASE_URL", format!("{server}/Not-there"));
    assert_broken(
        absent,
        "database",
        &["does not exist", "run CREATE DATABASE \"Not-there\" OWNER"],
    );
    let closed = Database::create();
    let name = closed.sql("SELECT current_database()");
    let role = format!("not_let_in_{}", std::process::id());
    closed.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{role}'; REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"
    ));
    let url = closed.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    // A URL with a user names the role in its place; any other URL names it as a parameter.
    let as_role = url.split_once('@').map_or_else(
        || format!("{url}{separator}user={role}&password={role}"),
        |(_, place)| format!("postgres://{role}:{role}@{place}"),
    );
    let check = || deployment.check().env("DATABASE_URL", &as_role);
    let grant = format!("GRANT CONNECT ON DATABASE {name} TO {role}");
    assert_broken(check(), "database", &["permission denied", &grant]);
    // The statement that it names is the one that is missing.
    closed.sql(&grant);
    let ended = check().run();
    assert!(
        !ended.stdout.contains("permission denied for database"),
        "{}",
        ended.stdout
    );
    closed.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A check before the first start, of a deployment with a private database.
fn first(place: &DataDir) -> Launch {
    let check = Launch::of("check").args(["--before-start"]).data_dir(place);
    check
        .env("VESTIBULE_LISTEN", "127.0.0.1:0")
        .env("VESTIBULE_METRICS_LISTEN", "off")
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn an_address_that_cannot_be_listened_on() {
    let place = DataDir::new();
    first(&place).run().expect(0);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let socket = open_directory();
    let file = socket.path().join("http.sock");
    let listening = UnixListener::bind(&file).unwrap();
    let listen = |address: &str| first(&place).env("VESTIBULE_LISTEN", address);
    let url = "http://127.0.0.1:1";
    assert_broken(
        listen(&taken),
        "listener",
        &[&taken, "in use by another program", "VESTIBULE_LISTEN"],
    );
    // An address for documentation (RFC 5737 §3).
    let elsewhere = || listen("192.0.2.7:8080").env("VESTIBULE_PUBLIC_URL", url);
    assert_broken(
        elsewhere(),
        "listener",
        &["not an address of this machine", "VESTIBULE_LISTEN"],
    );
    let unix = |path: &Path| listen(&format!("unix:{}", path.display())).env("VESTIBULE_PUBLIC_URL", url);
    assert_broken(unix(&file), "listener", &["http.sock is in use", "another file"]);
    assert_broken(
        unix(&file.join("below")),
        "listener",
        &["cannot be listened on", "VESTIBULE_LISTEN"],
    );
    assert_broken(
        unix(&socket.path().join("none/http.sock")),
        "listener",
        &["cannot be listened on"],
    );
    // The file that a crash left is replaced.
    drop(listening);
    unix(&file).run().expect(0);
    unix(&socket.path().join("other.sock")).run().expect(0);
    assert_eq!(
        fs::read_dir(socket.path()).unwrap().count(),
        1,
        "a check creates no socket"
    );

    let metrics = first(&place).env("VESTIBULE_METRICS_LISTEN", &taken);
    assert_broken(
        metrics,
        "metrics listener",
        &["in use by another program", "VESTIBULE_METRICS_LISTEN"],
    );
    drop(other);
    first(&place).env("VESTIBULE_METRICS_LISTEN", &taken).run().expect(0);
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_service_that_runs_does_not_take_its_own_addresses_away() {
    let deployment = Deployment::start();
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = metrics.local_addr().unwrap().to_string();
    let check = || deployment.check().env("VESTIBULE_METRICS_LISTEN", &taken);
    check().run().expect(0);
    // Before an upgrade.
    let ended = check().args(["--before-start"]).run().expect(0);
    assert!(
        ended.stdout.contains("in use by this service, which already runs"),
        "{}",
        ended.stdout
    );
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_data_directory_that_is_none() {
    let place = open_directory();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let nowhere = place.path().join("link");
    std::os::unix::fs::symlink("/does/not/exist", &nowhere).unwrap();
    let at = |path: &Path| first(&DataDir::new()).env("VESTIBULE_DATA_DIR", path);
    for path in [
        file.clone(),
        file.join("data"),
        file.join("a/b/c"),
        nowhere.clone(),
        nowhere.join("data"),
    ] {
        assert_broken(at(&path), "data directory", &["is a file", "VESTIBULE_DATA_DIR"]);
    }
    for path in [
        place.path().join("data"),
        place.path().join("a/b/c"),
        place.path().to_owned(),
    ] {
        at(&path).run().expect(0);
    }
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        2,
        "a check creates no directory"
    );
}

#[test]
fn links_that_lead_nowhere_are_told_and_stop_nothing() {
    let deployment = Deployment::start();
    let with = |url: &str| deployment.check().env("VESTIBULE_LINK_BASE_URL", url).args(["--json"]);
    let answers = format!("http://{}/docs", deployment.service.address());
    for (url, state, says) in [
        ("https://app.invalid/account", "warning", "a host that is not known"),
        ("http://127.0.0.1:1/account", "warning", "nothing listens there"),
        (&answers, "ok", "answers"),
    ] {
        let ended = with(url).run().expect(0);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "link base url").unwrap();
        let detail = check["detail"].as_str().unwrap();
        assert_eq!(check["state"], state, "{url}: {detail}");
        assert!(detail.contains(says) && detail.contains(url), "{detail}");
        assert!(state == "ok" || says == "nothing listens there" || detail.contains("VESTIBULE_LINK_BASE_URL"));
    }
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_public_url_is_not_praised_where_there_is_no_database_to_compare_with() {
    let deployment = Deployment::start();
    let place = DataDir::new();
    let address = deployment.service.address();
    for arguments in [&[][..], &["--before-start"]] {
        let check = Launch::of("check").args(arguments).data_dir(&place);
        let check = check.env("VESTIBULE_LISTEN", "127.0.0.1:0");
        let ended = check
            .env("VESTIBULE_PUBLIC_URL", format!("http://{address}"))
            .run()
            .expect(0);
        let line = ended
            .stdout
            .lines()
            .find(|line| line.starts_with("public url"))
            .unwrap();
        assert!(line.contains("warning") && line.contains("not exist yet"), "{line}");
        let keys = ended
            .stdout
            .lines()
            .find(|line| line.starts_with("signing keys"))
            .unwrap();
        assert!(
            keys.contains("skipped") && keys.contains("the first start creates them"),
            "{keys}"
        );
    }
}

#[test]
fn nothing_is_logged_beside_the_report() {
    let deployment = Deployment::start();
    let check = deployment
        .check()
        .env("VESTIBULE_BREACH_CHECK_URL", "http://127.0.0.1:1");
    let ended = check.run().expect(0);
    assert!(
        ended.stdout.contains("cannot be queried, because it cannot be reached"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.stderr, "");
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_role_without_rights() {
    let deployment = Deployment::start();
    let role = format!("broken_deployment_{}", std::process::id());
    deployment.database.sql(&format!(
        "CREATE ROLE {role}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    let url = deployment.database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let check = || {
        let as_role = format!("{url}{separator}options=-crole%3D{role}");
        deployment.check().env("DATABASE_URL", as_role)
    };
    let grant = format!("GRANT SELECT ON __diesel_schema_migrations TO {role}");
    assert_broken(check(), "database", &[&grant]);
    deployment.database.sql(&grant);
    assert_broken(check(), "schema", &["GRANT SELECT, INSERT, UPDATE, DELETE ON users TO"]);
    deployment
        .database
        .sql(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"));
    assert_broken(check(), "schema", &["GRANT EXECUTE ON FUNCTION audit_events_tend"]);
    deployment
        .database
        .sql(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}"));
    check().run().expect(0);
    deployment.database.sql(&format!(
        "REVOKE UPDATE, DELETE ON sessions FROM {role}; REVOKE DELETE ON outbox FROM {role};
         REVOKE UPDATE, DELETE ON audit_events FROM {role};
         REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM {role}"
    ));
    let missing = [
        "GRANT DELETE ON outbox TO",
        "GRANT UPDATE, DELETE ON sessions TO",
        "GRANT EXECUTE ON FUNCTION audit_events_tend",
    ];
    assert_broken(check(), "schema", &missing);
    deployment
        .database
        .sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_mail_server_that_does_not_take_our_mail() {
    let deployment = Deployment::start();
    let with = |url: String| {
        let check = deployment.check().env("VESTIBULE_SMTP_URL", url);
        check.env("VESTIBULE_MAIL_FROM", "Vestibule <auth@example.com>")
    };
    let check = |arguments: &[&str]| {
        let peer = Peer::start("smtp_server.py", arguments);
        let launch = with(peer.smtp_url());
        (peer, launch)
    };
    let sender = "use one that this login may send from";
    for refusal in [
        [
            "--refuse-sender",
            "550",
            "5.7.60 client was not authenticated to send as this sender",
        ],
        ["--answer", "553", "5.7.1 sender address rejected: not owned by user"],
        ["--answer", "554", "5.7.1 relay access denied"],
        ["--answer", "550", "5.1.8 bad sender's system address"],
        ["--answer", "553", "sorry, that sender is not allowed"],
    ] {
        let (peer, launch) = check(&refusal);
        assert_broken(launch, "mail server", &[refusal[1], "VESTIBULE_MAIL_FROM", sender]);
        peer.assert_nothing_received();
    }
    // The sender's address need not have a mailbox, and may be refused temporarily.
    for fine in [
        &["--answer", "550", "5.1.1 no such user"][..],
        &["--answer", "450", "4.2.0 greylisted"],
        &[],
    ] {
        let (peer, launch) = check(fine);
        launch.run().expect(0);
        peer.assert_nothing_received();
    }
    let peer = Peer::start("smtp_server.py", &["--user", "jo", "right"]);
    let url = format!("smtp://jo:wrong@127.0.0.1:{}?tls=none", peer.port);
    assert_broken(with(url), "mail server", &["535", "to the login", "VESTIBULE_SMTP_URL"]);
    let place = open_directory();
    let shows_itself = Peer::start("tls_server.py", &["self-signed", place.path().to_str().unwrap()]);
    for (url, says) in [
        ("smtp://127.0.0.1:1?tls=none".to_owned(), "nothing listens there"),
        // A name that does not exist (RFC 6761 §6.4).
        ("smtps://mail.invalid".to_owned(), "name is not known"),
        (
            format!("smtps://localhost:{}", shows_itself.port),
            "TLS with the mail server failed",
        ),
        (format!("smtp://127.0.0.1:{}", peer.port), "lacks STARTTLS"),
    ] {
        assert_broken(with(url), "mail server", &[says]);
    }
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_public_url_that_leads_elsewhere() {
    let deployment = Deployment::start();
    let check = |url: &str| deployment.check().env("VESTIBULE_PUBLIC_URL", url);
    let address = deployment.service.address();
    let port = address.rsplit(':').next().unwrap();
    let other_name = format!("http://localhost:{port}");
    assert_broken(
        check(&other_name),
        "public url",
        &["another issuer", "correct VESTIBULE_PUBLIC_URL"],
    );
    let below = format!("http://{address}/docs");
    assert_broken(
        check(&below),
        "public url",
        &["something else", "404", "the proxy passes"],
    );
    assert_broken(check("http://127.0.0.1:1"), "public url", &["nothing listens"]);
    // A name that does not exist (RFC 6761 §6.4) is a fault once the service runs.
    let check = || {
        let check = check("https://auth.invalid");
        check.env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.1")
    };
    assert_broken(check(), "public url", &["https://auth.invalid"]);
    check().args(["--before-start"]).run().expect(0);
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_certificate_that_browsers_refuse() {
    let deployment = Deployment::start();
    for (kind, says) in [
        ("expired", Some("expired certificate")),
        ("early", Some("not valid yet")),
        ("other-host", Some("of another host")),
        ("self-signed", Some("self-signed certificate")),
        ("unknown-authority", Some("authority that this system does not trust")),
        ("good", None),
    ] {
        let place = open_directory();
        let peer = Peer::start("tls_server.py", &[kind, place.path().to_str().unwrap()]);
        let check = deployment
            .check()
            .env("VESTIBULE_PUBLIC_URL", format!("https://localhost:{}", peer.port))
            .env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.0/8")
            .env("SSL_CERT_FILE", place.path().join("authority.pem"));
        match says {
            Some(says) => assert_broken_at_least(check, "certificate", &["localhost presents a", says, ": "]),
            // The certificate is good. The server that presents it is not this service, which is reported.
            None => assert_broken(check, "public url", &["leads to something else"]),
        }
    }
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn a_proxy_that_is_not_trusted() {
    let deployment = Deployment::start();
    let place = open_directory();
    let peer = Peer::start("tls_server.py", &["good", place.path().to_str().unwrap()]);
    let check = || {
        deployment
            .check()
            .env("VESTIBULE_PUBLIC_URL", format!("https://localhost:{}", peer.port))
            .env("SSL_CERT_FILE", place.path().join("authority.pem"))
    };
    let says = ["all clients share its address", "VESTIBULE_TRUSTED_PROXIES"];
    assert_broken_at_least(check(), "trusted proxies", &says);
    let elsewhere = check().env("VESTIBULE_TRUSTED_PROXIES", "10.0.0.0/8");
    assert_broken_at_least(elsewhere, "trusted proxies", &says);
    for ranges in [
        "127.0.0.1,0.0.0.0/0",
        "0.0.0.0/1,128.0.0.0/1,127.0.0.1",
        "127.0.0.1,8000::/1,::/1",
    ] {
        let check = deployment.check().env("VESTIBULE_TRUSTED_PROXIES", ranges);
        assert_broken(
            check,
            "trusted proxies",
            &["lets every client choose", "VESTIBULE_TRUSTED_PROXIES"],
        );
    }
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn metrics_that_can_be_reached_from_outside() {
    let deployment = Deployment::start();
    let check = deployment.check().env("VESTIBULE_METRICS_LISTEN", "203.0.113.5:8960");
    assert_broken(
        check,
        "metrics",
        &["which the internet reaches", "VESTIBULE_METRICS_LISTEN"],
    );
    // Through the public URL: in development one listener serves everything.
    let database = Database::create();
    let open = settings(Launch::dev(), &database).start();
    open.ready();
    let check = settings(Launch::of("check"), &database).env("VESTIBULE_LISTEN", open.address());
    assert_broken(check, "public url", &["/metrics is public", "VESTIBULE_LISTEN only"]);
}

#[test]
fn a_clock_that_differs_from_the_databases() {
    let deployment = Deployment::start();
    let name = deployment.database.sql("SELECT current_database()");
    // A function of the same name that is found first stands for a machine whose clock is wrong.
    deployment.database.sql(&format!(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE \
         AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$; \
         ALTER DATABASE {name} SET search_path = public, pg_catalog"
    ));
    assert_broken(
        deployment.check(),
        "clock",
        &["differs from the database's by 3", "NTP"],
    );
}

#[test]
fn a_database_without_one_of_its_tables() {
    let deployment = Deployment::start();
    deployment.database.sql("ALTER TABLE quotas RENAME TO gone");
    assert_broken(deployment.check(), "schema", &["lacks quotas"]);
}

/// A service that does not start says which statement failed for what reason, not only that one did.
#[test]
fn a_start_without_a_table_names_it() {
    let database = Database::create();
    settings(Launch::of("migrate"), &database).run().expect(0);
    database.sql("ALTER TABLE signing_keys RENAME TO gone");
    settings(Launch::serve(), &database)
        .run()
        .expect(1)
        .saying("relation \"signing_keys\" does not exist");
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn the_database_of_another_service() {
    let deployment = Deployment::start();
    let other = Deployment::start();
    let check = deployment.check().env("DATABASE_URL", other.database.url());
    assert_broken(check, "public url", &["other signing keys", "DATABASE_URL"]);
}

#[test]
#[ignore = "starts the program many times; scripts/test --all runs it"]
fn registrations_that_wait_for_mail_where_none_is_sent() {
    let deployment = Deployment::start();
    assert_broken(
        deployment.check().env("VESTIBULE_EMAIL_VERIFICATION", "required"),
        "mail server",
        &["VESTIBULE_SMTP_URL", "VESTIBULE_MAIL_FROM"],
    );
    // These settings contradict each other, so the service does not start, either.
    let private = |launch: Launch| launch.env("VESTIBULE_REGISTRATION", "private").run().expect(2);
    for launch in [deployment.check(), settings(Launch::serve(), &deployment.database)] {
        private(launch)
            .saying("VESTIBULE_REGISTRATION: private reports a taken address by mail only")
            .saying("VESTIBULE_SMTP_URL");
    }
}
