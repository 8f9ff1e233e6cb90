//! `vestibule check` finds every fault that it knows, in deployments that really have it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;
use vestibule::domain::clock::Clock;
use vestibule::store::inspection::inspect;

use super::instances::MASTER_KEY;
use super::postgres::Database;
use super::program::{DataDir, Ended, Launch, Program};
use crate::support::peer::Peer;

const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NOWHERE: &str = "postgres://127.0.0.1:1/nowhere";

/// Checks a deployment at a port where nothing listens.
fn check(database_url: &str) -> Launch {
    Launch::of("check")
        .args(["--json"])
        .env("DATABASE_URL", database_url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_LISTEN", "127.0.0.1:1")
}

/// Starts the service with the settings of the check: the public URL follows from the address.
fn serve(database: &Database) -> Program {
    let launch = Launch::dev().env("DATABASE_URL", database.url());
    let program = launch.env("VESTIBULE_MASTER_KEY", MASTER_KEY).start();
    program.ready();
    program
}

/// Returns state and detail of a check.
#[track_caller]
fn found(ended: &Ended, name: &str) -> (String, String) {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().any(|check| check["state"] == "failed");
    assert_eq!(
        (report["ok"] == true, ended.status.code()),
        (!failed, Some(i32::from(failed))),
        "{ended:?}"
    );
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("{name} is not checked: {ended:?}"));
    let text = |member: &str| check[member].as_str().unwrap().to_owned();
    (text("state"), text("detail"))
}

#[track_caller]
fn assert_found(launch: Launch, name: &str, state: &str, detail: &str) {
    let ended = launch.run();
    let (found_state, found_detail) = found(&ended, name);
    assert_eq!(found_state, state, "{name}: {found_detail}");
    assert!(found_detail.contains(detail), "{name}: {found_detail}");
}

#[test]
fn a_deployment_as_it_should_be_passes() {
    let database = Database::create();
    let program = Launch::serve()
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .start();
    program.ready();
    let ended = check(database.url()).env("VESTIBULE_LISTEN", program.address()).run();
    for name in [
        "settings",
        "master key",
        "trusted proxies",
        "metrics",
        "database",
        "clock",
        "schema",
        "signing keys",
        "public url",
    ] {
        assert_eq!(found(&ended, name).0, "ok", "{name}: {}", ended.stdout);
    }
    let table = Launch::of("check")
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_LISTEN", program.address());
    let table = table.run().expect(0).stdout;
    assert!(
        table.starts_with("CHECK ") && table.contains("password hash") && table.contains(" ms here"),
        "{table}"
    );
    program.stop().expect(0);
}

#[test]
fn networks_that_calls_may_reach_are_told() {
    for (networks, state, detail) in [
        ("", "ok", "public internet"),
        ("10.20.0.0/16,fd00:20::/32", "ok", "10.20.0.0/16, fd00:20::/32"),
        ("169.254.0.0/16", "warning", "169.254.0.0/16"),
        ("10.0.0.0/8,0.0.0.0/0", "warning", "0.0.0.0/0"),
        ("fd00::/8", "warning", "credentials"),
    ] {
        let launch = check(NOWHERE).env("VESTIBULE_OUTBOUND_ALLOW", networks);
        assert_found(launch, "outbound calls", state, detail);
    }
}

#[test]
fn metrics_that_every_client_can_reach_are_reported() {
    for (listen, state, detail) in [
        ("off", "skipped", "no metrics"),
        ("10.0.0.5:8960", "ok", "on 10.0.0.5:8960"),
        ("[fd00::5]:8960", "ok", "on [fd00::5]:8960"),
        ("203.0.113.5:8960", "failed", "private address"),
        ("[2001:db8::5]:8960", "failed", "private address"),
    ] {
        let launch = check(NOWHERE).env("VESTIBULE_METRICS_LISTEN", listen);
        assert_found(launch, "metrics", state, detail);
    }
}

#[test]
fn a_database_that_cannot_be_used_is_told_with_the_reason() {
    let database = Database::create();
    assert_found(check(NOWHERE), "database", "failed", "cannot be reached");
    let (server, _) = database.url().rsplit_once('/').unwrap();
    let absent = format!("{server}/there_is_none");
    assert_found(check(&absent), "database", "failed", "does not exist");

    // A check applies no migrations.
    let before_start = check(database.url()).args(["--before-start"]);
    assert_found(before_start, "schema", "ok", "the next start applies them");
    assert_found(check(database.url()), "schema", "failed", "run `vestibule migrate`");
    let pooled = check(database.url()).env("VESTIBULE_DB_POOLER", "transaction");
    assert_found(pooled.args(["--before-start"]), "schema", "failed", "a pooler");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0"
    );

    let migrate = Launch::of("migrate").env("DATABASE_URL", database.url());
    migrate.env("VESTIBULE_MASTER_KEY", MASTER_KEY).run().expect(0);
    assert_found(
        check(database.url()),
        "signing keys",
        "skipped",
        "the first start creates them",
    );
    database.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999')");
    assert_found(check(database.url()), "schema", "failed", "a newer vestibule made it");
    database.sql("DELETE FROM __diesel_schema_migrations WHERE version = '99999999'");

    let name = database.sql("SELECT current_database()");
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert_found(check(database.url()), "database", "failed", "takes no changes");
}

#[test]
fn a_role_without_the_rights_it_needs_is_told() {
    let database = Database::create();
    serve(&database).stop().expect(0);
    let role = format!("few_rights_{}", std::process::id());
    database.sql(&format!(
        "CREATE ROLE {role}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    // The connection changes its role at once, so the test does not depend on how the server authenticates roles.
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-crole%3D{role}", database.url());
    let grant = format!("GRANT SELECT ON __diesel_schema_migrations TO {role}");
    assert_found(check(&url), "database", "failed", &grant);
    database.sql(&grant);
    assert_found(check(&url), "schema", "failed", "audit_events TO");
    database.sql(&format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}"
    ));
    assert_found(check(&url), "schema", "warning", "may not create tables");
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

struct Late(TimeDelta);

impl Clock for Late {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() - self.0
    }
}

#[test]
fn a_clock_that_is_wrong_is_measured_against_the_databases() {
    let database = Database::create();
    let url = SecretString::from(database.url());
    for seconds in [0, 3600, -90] {
        let ahead = inspect(&url, &Late(TimeDelta::seconds(seconds))).unwrap().clock_ahead;
        assert!((ahead.num_seconds() - seconds).abs() <= 1, "{seconds}: {ahead}");
    }
}

#[test]
fn another_master_key_and_a_signing_key_that_was_not_replaced_are_found() {
    let database = Database::create();
    serve(&database).stop().expect(0);
    let with = |keys: &str| check(database.url()).env("VESTIBULE_MASTER_KEY", keys);
    let other = "the master key is not the one that they were sealed with";
    assert_found(with(OTHER_KEY), "signing keys", "failed", other);
    assert_found(with(&format!("2:{OTHER_KEY}")), "signing keys", "failed", other);
    // An old key that is still in the list opens the values that it sealed.
    assert_found(
        with(&format!("2:{OTHER_KEY},1:{MASTER_KEY}")),
        "signing keys",
        "ok",
        "can be opened",
    );
    database.sql("UPDATE signing_keys SET activated_at = now() - interval '92 days' WHERE state = 'current'");
    assert_found(
        with(MASTER_KEY),
        "signing keys",
        "failed",
        "no instance has replaced it",
    );
    database.sql("DELETE FROM signing_keys WHERE state = 'next'");
    assert_found(with(MASTER_KEY), "signing keys", "failed", "or no next key");
}

#[test]
fn a_mail_server_is_tried_as_far_as_the_first_mail() {
    let smtp = |url: &str| {
        let launch = check(NOWHERE).env("VESTIBULE_SMTP_URL", url);
        launch.env("VESTIBULE_MAIL_FROM", "auth@example.com")
    };
    let peer = Peer::start("smtp_server.py", &["--user", "jo", "right"]);
    let url = |user: &str| format!("smtp://{user}@127.0.0.1:{}?tls=none", peer.port);
    assert_found(smtp(&url("jo:right")), "mail server", "ok", "answers as expected");
    assert_found(smtp(&url("jo:wrong")), "mail server", "failed", "535");
    // The server has no TLS, so nothing is sent to it.
    let private = format!("smtp://jo:right@127.0.0.1:{}", peer.port);
    assert_found(smtp(&private), "mail server", "failed", "lacks STARTTLS");
    peer.assert_nothing_received();
    assert_found(
        smtp("smtp://127.0.0.1:1?tls=none"),
        "mail server",
        "failed",
        "cannot be reached",
    );
    assert_found(check(NOWHERE), "mail server", "skipped", "not set");
    let factors = check(NOWHERE).env("VESTIBULE_SECOND_FACTORS", "totp,email,sms");
    assert_found(
        factors,
        "mail server",
        "failed",
        "VESTIBULE_SMTP_URL and VESTIBULE_MAIL_FROM are not set",
    );
}

#[test]
fn a_webhook_and_a_list_of_stolen_passwords_have_to_answer() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let hook = |url: &str| {
        let launch = check(NOWHERE).env("VESTIBULE_SMS_WEBHOOK_URL", url);
        launch.env("VESTIBULE_SMS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    };
    // Any response is good, because nothing is sent.
    assert_found(
        hook(&format!("http://{}/nothing", client.address())),
        "sms webhook",
        "ok",
        "answers",
    );
    assert_found(
        hook("http://127.0.0.1:1/"),
        "sms webhook",
        "failed",
        "cannot be reached",
    );
    let list = check(NOWHERE).env("VESTIBULE_BREACH_CHECK_URL", "http://127.0.0.1:1");
    assert_found(list, "breach list", "warning", "cannot be queried");
    let described = || check(NOWHERE).env("VESTIBULE_CLIENT_DOCUMENTS", "on");
    assert_found(
        described(),
        "client documents",
        "warning",
        "VESTIBULE_CLIENT_DOCUMENT_RESOURCES",
    );
    let for_one = described().env("VESTIBULE_CLIENT_DOCUMENT_RESOURCES", "https://mcp.example.com/mcp");
    assert_found(for_one, "client documents", "ok", "https://mcp.example.com/mcp");
    program.stop().expect(0);
}

#[test]
fn the_registration_hook_has_to_be_reached_and_is_sent_no_registration() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let peer = Peer::start("registration_hook.py", &[SECRET]);
    let hook = |url: &str, failure: &str| {
        check(NOWHERE)
            .env("VESTIBULE_REGISTRATION_HOOK_URL", url)
            .env("VESTIBULE_REGISTRATION_HOOK_SECRET", SECRET)
            .env("VESTIBULE_REGISTRATION_HOOK_FAILURE", failure)
    };
    let url = format!("http://127.0.0.1:{}/registrations", peer.port);
    let allowed = |failure: &str| hook(&url, failure).env("VESTIBULE_OUTBOUND_ALLOW", "127.0.0.0/8");
    let name = "registration hook";
    assert_found(allowed("closed"), name, "ok", "refused without it");
    assert_found(allowed("open"), name, "ok", "go on without it");
    let never = allowed("open").env("VESTIBULE_REGISTRATION", "closed");
    assert_found(never, name, "warning", "never asked");
    let asked = peer.rest();
    assert!(
        asked.len() == 3 && asked.iter().all(|asked| asked["method"] == "HEAD"),
        "{asked:?}"
    );
    assert_found(allowed("open"), name, "failed", "cannot be reached");
    assert_found(hook(&url, "closed"), name, "failed", "VESTIBULE_OUTBOUND_ALLOW");
    assert_found(
        hook("https://127.0.0.1:1/", "closed"),
        name,
        "failed",
        "not on the public internet",
    );
    assert_found(check(NOWHERE), name, "skipped", "not set");
}

#[test]
fn each_provider_is_tried_without_a_user() {
    let liar = Peer::start("lying_provider.py", &[]);
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("secret"), "secret").unwrap();
    fs::set_permissions(place.path().join("secret"), Permissions::from_mode(0o600)).unwrap();
    let file = place.path().join("providers.toml");
    let check_at = |issuer: &str| {
        let text = format!(
            "[providers.company]\nname = \"Company\"\nissuer = \"{issuer}\"\nclient_id = \"vestibule\"\n\
             client_secret_file = \"secret\"\n"
        );
        fs::write(&file, text).unwrap();
        check(NOWHERE).env("VESTIBULE_OIDC_PROVIDERS_FILE", file.to_str().unwrap())
    };
    let lie = |lie: &str| format!("http://127.0.0.1:{}/{lie}", liar.port);
    for (issuer, state, detail) in [
        (lie("honest"), "ok", "/federation/company/callback"),
        (lie("discovery-iss"), "failed", "another issuer"),
        (
            lie("discovery-iss"),
            "failed",
            "It names \"https://issuer.example.com\", and the file has \"http://127.0.0.1",
        ),
        (lie("plain-challenge"), "failed", "S256"),
        (lie("token-http"), "failed", "https"),
        (lie("keys-empty"), "failed", "keys"),
        (lie("discovery-500"), "failed", "error"),
        ("http://127.0.0.1:1".to_owned(), "failed", "cannot be reached"),
    ] {
        assert_found(check_at(&issuer), "providers", state, detail);
    }
    assert_found(check(NOWHERE), "providers", "skipped", "not set");
    // The report says it, and no line of the log says it again.
    let ended = check_at(&lie("keys-empty")).run().expect(1);
    assert!(!ended.stderr.contains("a provider cannot be used"), "{}", ended.stderr);
    let verbose = check_at(&lie("keys-empty")).env("RUST_LOG", "debug").run().expect(1);
    verbose.saying("a provider cannot be used");

    let check_github = |api: &str, secret: &str| {
        let issuer = lie("github");
        let text = format!(
            "[providers.company]\npreset = \"github\"\nissuer = \"{issuer}\"\napi = \"{issuer}/{api}\"\n\
             client_id = \"vestibule\"\nclient_secret_file = \"secret\"\n"
        );
        fs::write(&file, text).unwrap();
        fs::write(place.path().join("secret"), secret).unwrap();
        check(NOWHERE).env("VESTIBULE_OIDC_PROVIDERS_FILE", file.to_str().unwrap())
    };
    for (api, secret, state, detail) in [
        ("api", "secret", "ok", "/federation/company/callback"),
        ("api", "of another client", "failed", "does not accept this client"),
        ("elsewhere", "secret", "failed", "Its API does not answer"),
    ] {
        assert_found(check_github(api, secret), "providers", state, detail);
    }
}

#[test]
fn a_file_of_providers_that_others_may_write_is_told() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("secret"), "secret").unwrap();
    let file = place.path().join("providers.toml");
    let text = "[providers.company]\nname = \"Company\"\nissuer = \"http://127.0.0.1:1\"\nclient_id = \"vestibule\"\n\
                client_secret_file = \"secret\"\n";
    fs::write(&file, text).unwrap();
    for (mode, state, detail) in [
        (0o600, "ok", "only its owner can write it"),
        (0o644, "ok", "only its owner can write it"),
        (0o664, "warning", "its group may write"),
        (0o646, "failed", "every account on this machine may write"),
    ] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let launch = check(NOWHERE).env("VESTIBULE_OIDC_PROVIDERS_FILE", file.to_str().unwrap());
        assert_found(launch, "providers file", state, detail);
    }
    assert_found(check(NOWHERE), "providers file", "skipped", "not set");
}

#[test]
fn the_public_url_has_to_lead_to_this_deployment() {
    let place = DataDir::new();
    let program = Launch::serve().data_dir(&place).start();
    program.ready();
    let address = program.address();
    let port = address.rsplit(':').next().unwrap();
    let at = |url: &str| check(NOWHERE).env("VESTIBULE_PUBLIC_URL", url);
    assert_found(
        at(&format!("http://localhost:{port}")),
        "public url",
        "failed",
        "another issuer",
    );
    assert_found(
        at(&format!("http://{address}/docs")),
        "public url",
        "failed",
        "without the metadata of this service",
    );
    // The service does not speak TLS.
    let https = format!("https://{address}");
    assert_found(at(&https), "certificate", "failed", "does not speak TLS");
    assert_found(at(&https), "public url", "failed", "cannot be requested");
    assert_found(at("http://127.0.0.1:1"), "public url", "failed", "nothing listens");
    let before_start = at("http://127.0.0.1:1").args(["--before-start"]);
    assert_found(before_start, "public url", "skipped", "is not running");
    // Whether it is this deployment cannot be determined, because the database cannot be reached.
    assert_found(
        at(&format!("http://{address}")),
        "public url",
        "warning",
        "cannot be determined",
    );
    // By default there is no proxy: the service is just not running.
    assert_found(check(NOWHERE), "public url", "skipped", "is not running");
    program.stop().expect(0);
}

#[test]
fn proxies_that_believe_any_client_are_reported() {
    let trusting = |networks: &str| check(NOWHERE).env("VESTIBULE_TRUSTED_PROXIES", networks);
    assert_found(
        trusting("10.0.0.0/8,0.0.0.0/0"),
        "trusted proxies",
        "failed",
        "lets every client",
    );
    assert_found(trusting("::/0"), "trusted proxies", "failed", "lets every client");
    assert_found(trusting("8.0.0.0/8"), "trusted proxies", "warning", "public addresses");
    let private = trusting("10.0.0.0/8")
        .env("VESTIBULE_LISTEN", "10.0.0.5:1")
        .env("VESTIBULE_PUBLIC_URL", "https://localhost:1");
    assert_found(private, "trusted proxies", "ok", "10.0.0.0/8");
    let https = check(NOWHERE).env("VESTIBULE_PUBLIC_URL", "https://localhost:1");
    assert_found(https, "trusted proxies", "failed", "all clients share its address");
    // A proxy in front of a loopback address connects from that address.
    let elsewhere = trusting("10.0.0.0/8").env("VESTIBULE_LISTEN", "127.0.0.1:1");
    assert_found(elsewhere, "trusted proxies", "failed", "add 127.0.0.1");
    let here = trusting("10.0.0.0/8,127.0.0.0/8").env("VESTIBULE_METRICS_LISTEN", "off");
    assert_found(here, "trusted proxies", "ok", "127.0.0.0/8");
    let blind = trusting("127.0.0.1/32").env("VESTIBULE_METRICS_LISTEN", "off");
    assert_found(blind, "metrics", "warning", "the state of the service itself");
}

#[test]
fn what_is_not_there_yet_is_not_made_and_a_lost_or_open_key_is_told() {
    let place = DataDir::new();
    let here = || {
        Launch::of("check")
            .args(["--json"])
            .env("VESTIBULE_LISTEN", "127.0.0.1:0")
            .data_dir(&place)
    };
    assert!(!place.path().exists());
    let ended = here().args(["--before-start"]).run().expect(0);
    for name in ["master key", "database", "signing keys"] {
        assert_eq!(found(&ended, name).0, "skipped", "{name}");
    }
    assert!(!place.path().exists());

    let program = Launch::dev().data_dir(&place).start();
    program.ready();
    // While the service runs, and on the database of a service that has stopped.
    assert_found(here(), "signing keys", "ok", "can be opened");
    program.stop().expect(0);
    assert_found(here(), "signing keys", "ok", "can be opened");

    let key = place.path().join("master.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_found(here(), "master key", "failed", "every account on this machine may read");
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    assert_found(here(), "master key", "warning", "its group may read");
    fs::rename(&key, place.path().join("elsewhere")).unwrap();
    assert_found(here(), "master key", "failed", "nothing in the database can be opened");
    assert!(!key.exists());
}

#[test]
fn settings_that_cannot_be_used_end_with_2() {
    check("mysql://x").run().expect(2).saying("DATABASE_URL");
    for (name, value) in [
        ("VESTIBULE_SECOND_FACTORS_FOR", "admin:fax"),
        ("VESTIBULE_SECOND_FACTORS_FOR", "admin:sms"),
        ("VESTIBULE_PASSKEY_APPLE_APPS", "com.example.app"),
        ("VESTIBULE_PASSKEY_ANDROID_APPS", "com.example.app"),
    ] {
        check(NOWHERE).env(name, value).run().expect(2).saying(name);
    }
}

#[test]
fn where_passkeys_cannot_be_used_the_check_says_why() {
    let at = |url: &str| check(NOWHERE).env("VESTIBULE_PUBLIC_URL", url);
    let domain = "https://auth.example.com";
    assert_found(
        check(NOWHERE),
        "passkeys",
        "skipped",
        "the host of the public URL is an IP address",
    );
    assert_found(at("https://192.0.2.1"), "passkeys", "skipped", "IP address");
    assert_found(at(domain), "passkeys", "ok", "for auth.example.com");
    let without = at(domain).env("VESTIBULE_SECOND_FACTORS", "totp");
    assert_found(without, "passkeys", "skipped", "does not name passkey");
    let elsewhere = || at(domain).env("VESTIBULE_PASSKEY_ORIGINS", "https://www.auth.example.com");
    assert_found(elsewhere(), "passkeys", "failed", "add https://auth.example.com");
    let without_pages = elsewhere().env("VESTIBULE_ACCOUNT_PAGES", "off");
    assert_found(without_pages, "passkeys", "ok", "for auth.example.com");
    let related = format!("{domain},https://shop.invalid");
    let related = at(domain).env("VESTIBULE_PASSKEY_ORIGINS", related);
    assert_found(related, "passkeys", "warning", "does not list https://shop.invalid");
    for (name, value, says) in [
        (
            "VESTIBULE_PASSKEY_RP_ID",
            "exmaple.com",
            "at least one origin must have exmaple.com",
        ),
        ("VESTIBULE_PASSKEY_RP_ID", "192.0.2.1", "must be a domain"),
        ("VESTIBULE_PASSKEY_ORIGINS", "http://auth.example.com", "must be https"),
    ] {
        assert_found(at(domain).env(name, value), "program", "failed", says);
    }
    let required = check(NOWHERE).env("VESTIBULE_SECOND_FACTORS_FOR", "admin:passkey");
    assert_found(
        required,
        "program",
        "failed",
        "VESTIBULE_SECOND_FACTORS_FOR requires passkeys",
    );
}
