//! Commands, settings and their errors.

use std::fs;
use std::path::Path;

use serde_json::json;
use vestibule::config::settings::ALL;

use super::instances::{MASTER_KEY, instance};
use super::postgres::Database;
use super::process::eventually;
use super::program::{DataDir, Launch, open_directory};

const NOWHERE: &str = "postgres://127.0.0.1:1/nowhere";

/// The commands of the program.
const COMMANDS: &[&str] = &[
    "serve",
    "dev",
    "migrate",
    "distribute",
    "check",
    "keys",
    "clients",
    "webhooks",
    "users",
    "openapi",
    "completions",
    "man",
    "health",
];

#[test]
fn all_faulty_settings_are_told_at_once() {
    let ended = Launch::serve()
        .env("DATABASE_URL", "mysql://db")
        .env("VESTIBULE_LISTEN", "everywhere")
        .env("VESTIBULE_BCRYPT_COST", "9")
        .env("VESTIBULE_SIGNING_ALG", "HS256")
        .env("VESTIBULE_PRE_AUTH_TTL", "5m")
        .env("VESTIBULE_TRUSTED_PROXIES", "all")
        .env("VESTIBULE_MASTER_KEY", "x")
        .env("VESTIBULE_MASTER_KEY_FILE", "/does/not/exist")
        .run()
        .expect(2);
    for name in [
        "DATABASE_URL",
        "VESTIBULE_LISTEN",
        "VESTIBULE_BCRYPT_COST",
        "VESTIBULE_SIGNING_ALG",
        "VESTIBULE_PRE_AUTH_TTL",
        "VESTIBULE_TRUSTED_PROXIES",
        "VESTIBULE_MASTER_KEY",
    ] {
        assert!(
            ended.stderr.contains(&format!("  {name}: ")),
            "{name}\n{}",
            ended.stderr
        );
    }
}

#[test]
fn a_name_a_colour_a_picture_or_words_that_cannot_be_used_are_told_at_the_start() {
    let place = open_directory();
    let file = |name: &str, text: &str| {
        fs::write(place.path().join(name), text).unwrap();
        place.path().join(name)
    };
    let page = file("page.html", "<html></html>");
    let ended = Launch::serve()
        .env("VESTIBULE_APP_NAME", "Fox: and friends")
        .env("VESTIBULE_ACCENT_COLOR", "blue")
        .env("VESTIBULE_LOGO", &page)
        .env("VESTIBULE_TEXTS_DIR", place.path())
        .run()
        .expect(2);
    for says in [
        "VESTIBULE_APP_NAME: must be 1 to 64 characters",
        "VESTIBULE_ACCENT_COLOR: must be a colour such as #1d4f91",
        "VESTIBULE_LOGO: must be an SVG or a PNG",
        "VESTIBULE_TEXTS_DIR: has no file of texts",
    ] {
        assert!(ended.stderr.contains(says), "{says}\n{}", ended.stderr);
    }
    let texts = file("en.ftl", "when = { $wehn }\n");
    let ended = Launch::of("check")
        .env("VESTIBULE_LOGO", "/does/not/exist.png")
        .env("VESTIBULE_TEXTS_DIR", place.path())
        .run()
        .expect(2)
        .saying("VESTIBULE_LOGO: cannot be read from /does/not/exist.png");
    ended
        .saying(texts.to_str().unwrap())
        .saying("when has a placeholder that cannot be filled")
        .saying("$wehn");
}

#[test]
fn a_named_database_requires_a_master_key() {
    let ended = Launch::serve().env("DATABASE_URL", NOWHERE).run();
    ended.expect(2).saying("VESTIBULE_MASTER_KEY: is required");
}

#[test]
fn the_master_key_may_come_from_a_file_but_not_from_both() {
    let directory = open_directory();
    let file = directory.path().join("key");
    fs::write(&file, format!("{MASTER_KEY}\n")).unwrap();
    let database = Database::create();
    let launch = || {
        Launch::dev()
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY_FILE", &file)
    };

    launch().start().ready();
    // It is the same key as the one given as a value: what that one sealed opens.
    instance(database.url()).start().ready();

    let both = launch().env("VESTIBULE_MASTER_KEY", MASTER_KEY).run();
    both.expect(2)
        .saying("VESTIBULE_MASTER_KEY: is given both as a value and as a file");
    let flags = launch()
        .args(["--master-key", MASTER_KEY])
        .args([Path::new("--master-key-file"), &file])
        .run();
    flags.expect(2);
    let missing = launch().env("VESTIBULE_MASTER_KEY_FILE", "/does/not/exist").run();
    missing
        .expect(2)
        .saying("VESTIBULE_MASTER_KEY: cannot be read from /does/not/exist");
}

#[test]
fn a_fault_never_repeats_a_secret() {
    let secret = "hunter2-and-more";
    for (name, value) in [
        ("DATABASE_URL", format!("mysql://u:{secret}@db/x")),
        ("DATABASE_URL", format!("postgres://u:{secret}%zz@127.0.0.1:1/x")),
        (
            "DATABASE_URL",
            format!("postgres://u:{secret}@127.0.0.1:1/x?nonsense=1"),
        ),
        ("DATABASE_URL", format!("postgres://u:{secret}@127.0.0.1:none/x")),
        ("VESTIBULE_MASTER_KEY", secret.to_owned()),
    ] {
        let launch = Launch::of("migrate")
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env(name, &value);
        let ended = launch.run();
        assert!(matches!(ended.status.code(), Some(1 | 2)), "{name}={value}: {ended:?}");
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
}

#[test]
fn a_database_url_that_can_never_work_ends_the_program() {
    let url = "postgres://127.0.0.1:5432/x?nonsense=1";
    let ended = Launch::serve()
        .env("DATABASE_URL", url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .run();
    assert!(matches!(ended.status.code(), Some(1 | 2)), "{ended:?}");
}

#[test]
fn development_refuses_public_addresses() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let ended = Launch::dev().env("VESTIBULE_LISTEN", address).run();
        ended.expect(2).saying("VESTIBULE_LISTEN: ");
    }
    let ended = Launch::dev()
        .env("VESTIBULE_PUBLIC_URL", "https://auth.example.com")
        .run();
    ended.expect(2).saying("VESTIBULE_PUBLIC_URL: ");
}

#[test]
fn serving_requires_strong_hashes_and_has_no_development_endpoints() {
    let cheap = Launch::serve().env("VESTIBULE_BCRYPT_COST", "9").run();
    cheap.expect(2).saying("VESTIBULE_BCRYPT_COST: ");

    let place = DataDir::new();
    let client = Launch::serve().data_dir(&place).start();
    let (program, client) = (&client, client.ready());
    for path in ["/dev/clock", "/dev/outbox", "/dev/test-vectors", "/dev", "/dev/"] {
        client.get(path).problem(404, "not_found");
        client
            .post(path, &serde_json::json!({"advance": 1}))
            .problem(404, "not_found");
    }
    assert!(!program.log().contains("development endpoints are on"));
}

#[test]
fn the_printed_description_is_the_served_and_the_published_one() {
    let printed = Launch::of("openapi").run().expect(0);
    assert_eq!(printed.stderr, "");
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));

    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.client();
    let mut served = client.get("/openapi.json").expect(200).json();
    // A running deployment knows its URL.
    assert_eq!(served["servers"], json!([{"url": client.issuer()}]));
    served["servers"] = document["servers"].clone();
    assert_eq!(served, document);

    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let published = fs::read_to_string(&published).expect("openapi/openapi.json is committed");
    assert!(
        published == printed.stdout,
        "openapi/openapi.json is out of date: `vestibule openapi > openapi/openapi.json`"
    );
}

#[test]
fn health_asks_the_server_that_the_settings_describe() {
    let health = |address: &str| Launch::of("health").env("VESTIBULE_LISTEN", address).run();
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    program.ready();
    let address = program.address();
    health(&address).expect(0);
    // If the server listens on all addresses, the command asks the loopback address.
    let port = address.rsplit(':').next().unwrap();
    let everywhere = Launch::of("health").env("VESTIBULE_LISTEN", format!("0.0.0.0:{port}"));
    everywhere
        .env("VESTIBULE_PUBLIC_URL", "https://auth.example.com")
        .run()
        .expect(0);
    program.stop().expect(0);
    health(&address).expect(1).saying("vestibule: ");

    // Alive, but without its database: not ready.
    let program = instance(NOWHERE).start();
    let address = program.address();
    health(&address).expect(1).saying("503");
}

#[test]
fn help_tells_every_setting_with_its_default() {
    for command in ["serve", "dev", "migrate", "health"] {
        let help = Launch::of(command).args(["--help"]).run().expect(0).stdout;
        for setting in ALL {
            let default = if setting.default.is_empty() {
                setting.default_note
            } else {
                setting.default
            };
            let line = help
                .lines()
                .find(|line| line.contains(&format!("[env: {}]", setting.variable)));
            let line = line.unwrap_or_else(|| panic!("{} is not in the help of {command}", setting.variable));
            assert!(line.contains(&format!("[default: {default}]")), "{line}");
            assert!(
                help.contains(&format!("--{} <VALUE>", setting.flag)),
                "{}",
                setting.flag
            );
        }
    }
    let help = Launch::of("--help").run().expect(0).stdout;
    for command in COMMANDS {
        assert!(help.contains(&format!("  {command} ")), "{command}\n{help}");
    }
}

#[test]
fn help_has_an_example_of_each_command() {
    for command in COMMANDS.iter().copied() {
        let help = Launch::of("help").args([command]).run().expect(0).stdout;
        let example =
            |line: &str| line.trim_start().contains(&format!("vestibule {command}")) && !line.contains("Usage");
        assert!(help.lines().any(example), "{help}");
    }
    let help = Launch::of("serve").args(["--help"]).run().expect(0).stdout;
    assert!(help.contains("  RUST_LOG  "), "{help}");
}

#[test]
fn wrong_usage_ends_with_2() {
    Launch::of("srve").run().expect(2);
    Launch::of("serve").args(["--listn", "x"]).run().expect(2);
    Launch::of("openapi").args(["--listen", "127.0.0.1:1"]).run().expect(2);
}

#[test]
fn flags_go_before_the_environment_and_that_before_dot_env() {
    let place = DataDir::new();
    let launch = || {
        Launch::of("dev").data_dir(&place).file(
            ".env",
            "VESTIBULE_LISTEN=127.0.0.1:0\nVESTIBULE_CLIENT_ID=from-dot-env\nVESTIBULE_BCRYPT_COST=4\n",
        )
    };
    // Without the setting this would be port 8080.
    let program = launch().start();
    assert!(!program.address().ends_with(":8080"));
    program.stop().expect(0);
    let ended = launch().env("VESTIBULE_LISTEN", "0.0.0.0:0").run();
    ended.expect(2);
    let program = launch()
        .env("VESTIBULE_LISTEN", "0.0.0.0:0")
        .args(["--listen", "[::1]:0"])
        .start();
    assert!(program.address().starts_with("[::1]:"));
}

#[test]
fn a_misspelt_variable_is_told_and_ignored() {
    let ended = Launch::of("health")
        .env("VESTIBULE_LISTN", "x")
        .env("VESTIBULE_LISTEN", "127.0.0.1:1")
        .run();
    ended.expect(1).saying("VESTIBULE_LISTN is not a setting");
}

#[test]
fn a_database_that_is_away_fails_the_migration() {
    let launch = Launch::of("migrate")
        .env("DATABASE_URL", NOWHERE)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY);
    launch
        .run()
        .expect(1)
        .saying("vestibule: the database cannot be reached");
}

#[test]
fn the_program_that_is_started_without_a_command_serves() {
    let place = DataDir::new();
    let program = Launch::of("--listen=127.0.0.1:0").data_dir(&place).start();
    program.ready();
    eventually("no development", || {
        (program.client().get("/dev/clock").status == 404).then_some(())
    });
    program.stop().expect(0);
}

#[test]
fn tables_are_not_distributed_without_the_extension() {
    let database = Database::create();
    let migrate = || Launch::of("migrate").env("DATABASE_URL", database.url());
    migrate().env("VESTIBULE_MASTER_KEY", MASTER_KEY).run().expect(0);
    let distribute = |flags: &[&str]| {
        let launch = Launch::of("distribute").args(flags).env("DATABASE_URL", database.url());
        launch.env("VESTIBULE_MASTER_KEY", MASTER_KEY).run()
    };
    for flag in ["--dry-run", "--yes"] {
        let ended = distribute(&[flag]).expect(1);
        assert_eq!(ended.stdout, "", "{flag}");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        ended.saying("the database has no extension citus: install Citus on every server");
    }
    // There is no terminal.
    distribute(&[]).expect(2).saying("add --yes");
    distribute(&["--dry-run", "--yes"]).expect(2);
}
