//! Users of other programs are imported on the command line, and sign in with the passwords and authenticators they
//! had.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use super::http::Client;
use super::instances::{MASTER_KEY, instance};
use super::person::{Person, Tokens, now, verify};
use super::postgres::Database;
use super::process::{eventually, timed};
use super::program::{Ended, Launch, Program};
use crate::verifiers::{beside_its_modules, prepared, source};

/// The hash of a password of more than 72 bytes, at the lowest cost.
const HASH: &str = "$2b$04$4HpEZ.wWw/tLE9XlghCQfuI7ELpOuDrP7gZG6o0ZaVE3cmfOi5cee";

fn command(database: &Database, arguments: &[&str]) -> Launch {
    Launch::of("users")
        .args(["import"])
        .args(arguments)
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
}

/// Imports a text as a file.
pub(super) fn import(database: &Database, text: &str, arguments: &[&str]) -> Ended {
    command(database, &["users.ndjson"])
        .args(arguments)
        .file("users.ndjson", text)
        .run()
}

#[track_caller]
pub(super) fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

/// Returns so many users, each with a TOTP secret of their own.
pub(super) fn many(users: u32) -> String {
    let mut text = String::new();
    for number in 0..users {
        let secret = format!("{number:020}");
        let user = json!({
            "email": format!("jo{number}@old.example"), "username": format!("jo.{number}"), "password_hash": HASH,
            "totp_secret": base32::encode(base32::Alphabet::Rfc4648 { padding: false }, secret.as_bytes()),
            "roles": ["member"], "email_verified": true, "created_at": "2020-02-03T04:05:06Z",
        });
        writeln!(text, "{user}").unwrap();
    }
    text
}

/// Returns the number of rows in each table.
fn counts(database: &Database) -> [String; 3] {
    [
        "users",
        "totp_factors WHERE state = 'active'",
        "audit_events WHERE event = 'user_created' AND reason = 'import'",
    ]
    .map(|rows| database.sql(&format!("SELECT count(*) FROM {rows}")))
}

/// One account and what its owner knows, as the script prints it.
struct Owner {
    login: Value,
    kind: String,
    password: String,
    wrong: Vec<String>,
    secret: Option<String>,
}

impl Owner {
    fn of(line: &Value) -> Self {
        let user = &line["user"];
        let name = if user.get("email").is_some() {
            "email"
        } else {
            "username"
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            login: json!({name: user[name]}),
            kind: format!("{} {}", line["kind"], user[name]),
            password: text(&line["password"]),
            wrong: line["wrong"].as_array().unwrap().iter().map(text).collect(),
            // Some have the characters around them that a text editor adds.
            secret: user["totp_secret"].as_str().map(|secret| {
                secret
                    .trim_matches(|letter: char| !letter.is_ascii_alphanumeric())
                    .to_owned()
            }),
        }
    }

    fn log_in(&self, client: &Client, password: &str) -> super::http::Answer {
        let mut body = self.login.clone();
        body["password"] = json!(password);
        client.post("/login", &body)
    }

    /// Completes a login, or logs in and starts to enrol a second factor.
    fn sign_in(&self, client: &Client) {
        for wrong in &self.wrong {
            let answer = self.log_in(client, wrong);
            assert_eq!(answer.status, 401, "{} took {wrong:?}", self.kind);
        }
        let answer = self.log_in(client, &self.password);
        assert_eq!(answer.status, 200, "{}: {}", self.kind, answer.text);
        let Some(secret) = &self.secret else {
            assert_eq!(answer.text_at("/status"), "enrolment_required", "{}", self.kind);
            return;
        };
        assert_eq!(answer.text_at("/status"), "second_factor_required", "{}", self.kind);
        let app = Person {
            email: String::new(),
            password: String::new(),
            secret: secret.clone(),
            pre_auth_token: answer.text_at("/pre_auth_token"),
        };
        // The hash was renewed meanwhile, and the pending login still works.
        let answer = verify(client, &app.pre_auth_token, &app.code(now())).expect(200);
        client.get_as(&Tokens::of(&answer).access, "/me").expect(200);
    }
}

#[test]
fn every_kind_of_hash_opens_with_the_old_password_and_the_old_authenticator_and_is_renewed() {
    let mut python = Command::new(prepared("python/bin/python"));
    let mut node = Command::new("node");
    prepared("node/node_modules/@better-auth/utils");
    let scripts = [
        python.arg(source("foreign_hashes.py")),
        node.arg(beside_its_modules("foreign_hashes.mjs")),
    ];
    let made = scripts.map(|script| {
        let made = script.env_remove("NODE_OPTIONS").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap()
    });
    let lines = made.iter().flat_map(|made| made.lines());
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let users: Vec<String> = lines.iter().map(|line| line["user"].to_string()).collect();
    let database = Database::create();
    let ended = import(&database, &users.join("\n"), &["--json"]).expect(0);
    assert_eq!(report(&ended)["imported"], lines.len());
    let changed = "SELECT md5(string_agg(password_changed_at::text, ',' ORDER BY id)) FROM users";
    let before = database.sql(changed);

    let program = instance(database.url()).start();
    let client = program.ready();
    let owners: Vec<Owner> = lines.iter().map(Owner::of).collect();
    for owner in &owners {
        owner.sign_in(&client);
    }

    let schemes = "SELECT string_agg(DISTINCT concat_ws(' ', password_scheme, password_key_id, left(password_hash, 7)), ',') FROM users";
    assert_eq!(database.sql(schemes), "bcrypt_hmac_sha384 1 $2b$04$");
    assert_eq!(database.sql(changed), before);
    let with_wrong = owners.iter().filter(|owner| !owner.wrong.is_empty());
    for owner in with_wrong.step_by(5) {
        assert_eq!(owner.log_in(&client, &owner.password).status, 200, "{}", owner.kind);
        assert_eq!(owner.log_in(&client, &owner.wrong[0]).status, 401, "{}", owner.kind);
    }
    program.stop().expect(0);
}

#[test]
fn what_is_known_of_a_user_is_imported() {
    let database = Database::create();
    // As a spreadsheet exports it: with a byte order mark, and with what was pasted into its cells.
    let user = json!({
        "email": " Jo@Old.Example\u{200b}", "username": "\u{a0}Jo.Doe", "password_hash": format!("{HASH}\r\n"),
        "locale": "de_DE", "roles": ["editor", "admin"], "email_verified": true, "created_at": "2020-02-03T04:05:06Z",
        "totp_secret": "\u{2066}gezd\u{a0}gnbv–gy3t qojq\u{2069}\n",
    });
    let ended = import(&database, &format!("\u{feff}{user}"), &[]).expect(0);
    assert_eq!(ended.stdout, "imported  1\npresent   0\nfailed    0\n");
    assert_eq!(ended.stderr, "");
    let program = instance(database.url()).start();
    let client = program.ready();
    let owner = Owner {
        login: json!({"email": "jo@old.example"}),
        kind: String::new(),
        password: "korrekt pferd batterie heftklammer ".repeat(2) + "abthe rest",
        wrong: vec![],
        secret: Some("GEZDGNBVGY3TQOJQ".to_owned()),
    };
    let app = Person {
        email: String::new(),
        password: String::new(),
        secret: owner.secret.clone().unwrap(),
        pre_auth_token: owner.log_in(&client, &owner.password).text_at("/pre_auth_token"),
    };
    // No code was used here before, so a code of the previous step is accepted, too.
    let code = app.code(now() - super::person::PERIOD);
    let tokens = Tokens::of(&verify(&client, &app.pre_auth_token, &code).expect(200));
    assert_eq!(tokens.recovery_codes, Vec::<String>::new());
    let me = client.get_as(&tokens.access, "/me").expect(200).json();
    for (member, value) in [
        ("email", json!("jo@old.example")),
        ("username", json!("jo.doe")),
        ("roles", json!(["editor", "admin"])),
        ("email_verified", json!(true)),
        ("created_at", json!("2020-02-03T04:05:06Z")),
    ] {
        assert_eq!(me[member], value, "{me}");
    }
    assert_eq!(database.sql("SELECT locale FROM users"), "de");
}

#[test]
fn roles_of_unverified_addresses_are_dropped_and_reported() {
    let database = Database::create();
    let lines = [
        json!({"email": "a@old.example", "password_hash": HASH, "roles": ["admin"]}),
        json!({"email": "b@old.example", "password_hash": HASH, "roles": ["admin"], "email_verified": true}),
        json!({"username": "carl", "password_hash": HASH, "roles": ["editor"]}),
        json!({"email": "d@old.example", "password_hash": HASH, "roles": []}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let told = "imported  4\npresent   0\nfailed    0\n\nImported without roles:\n  line 1: roles are not granted: the email \
                is not verified\n";
    let dry = import(&database, &text, &["--dry-run"]).expect(0);
    assert!(dry.stdout.ends_with(told), "{}", dry.stdout);
    assert_eq!(import(&database, &text, &[]).expect(0).stdout, told);
    let roles = "SELECT string_agg(array_to_string(roles, ' '), ',' ORDER BY coalesce(email, username)) FROM users";
    assert_eq!(database.sql(roles), ",admin,editor,");
    let again = import(&database, &text, &["--json"]).expect(0).stdout;
    assert!(again.contains("\"without_roles\":[]"), "{again}");
}

#[test]
fn lines_that_cannot_be_taken_are_told_and_the_others_are_taken() {
    let database = Database::create();
    let text = [
        json!({"email": "a@old.example", "username": "anna", "password_hash": HASH}).to_string(),
        String::new(),
        "{\"email\":\"b@old.example\",\"password_hash\":\"5f4dcc3b5aa765d61d8327deb882cf99\"}".to_owned(),
        json!({"email": "hunter2", "password_hash": HASH, "totp_secret": "hunter2"}).to_string(),
        json!({"email": "c@old.example", "password_hash": HASH, "phone": "hunter2"}).to_string(),
        json!({"email": "d@old.example", "password_hash": "$argon2id$v=19$m=2097152,t=1,p=4$c2FsdHNhbHQ$hunter2"})
            .to_string(),
        "hunter2".to_owned(),
        format!("{{\"email\":\"{}\"}}", "x".repeat(20_000)),
        json!({"email": "A@Old.Example", "password_hash": HASH}).to_string(),
        json!({"email": "e@old.example", "username": "Anna", "password_hash": HASH}).to_string(),
        json!({"username": "fred", "password_hash": HASH}).to_string(),
    ]
    .join("\r\n");
    let dry = import(&database, &text, &["--dry-run", "--json"]).expect(1);
    assert_eq!(counts(&database), ["0", "0", "0"]);
    let wet = import(&database, &text, &["--json"]).expect(1);
    assert_eq!(counts(&database), ["2", "0", "2"]);
    let (dry, report) = (report(&dry), report(&wet));
    assert_eq!(
        (&report["imported"], &report["present"], &report["failed"]),
        (&json!(2), &json!(2), &json!(6))
    );
    let brief = |notes: &Value| -> Vec<String> {
        let note = |note: &Value| format!("{} {}", note["line"], note["member"].as_str().unwrap_or("-"));
        notes.as_array().unwrap().iter().map(note).collect()
    };
    assert_eq!(
        brief(&report["faults"]),
        [
            "3 password_hash",
            "4 email",
            "4 totp_secret",
            "5 -",
            "6 password_hash",
            "7 -",
            "8 -"
        ]
    );
    assert_eq!(brief(&report["differing"]), ["10 email"]);
    for member in ["imported", "present", "failed", "faults", "differing"] {
        assert_eq!(dry[member], report[member], "{member}");
    }
    assert_eq!((&dry["dry_run"], &report["dry_run"]), (&json!(true), &json!(false)));
    for secret in ["hunter2", "5f4dcc", "old.example"] {
        assert!(!wet.stdout.contains(secret) && !wet.stderr.contains(secret), "{wet:?}");
    }
    wet.saying("vestibule: 6 lines could not be imported");
    let text = import(&database, &text, &[]).expect(1).stdout;
    assert!(text.starts_with("imported  0\npresent   4\nfailed    6\n"), "{text}");
    assert!(text.contains("\n  line 5: the member phone is not known\n"), "{text}");
    command(&database, &["missing.ndjson"])
        .run()
        .expect(1)
        .saying("missing.ndjson");
}

#[test]
fn a_time_without_a_zone_is_told_as_such() {
    let database = Database::create();
    let user = json!({"username": "jo.doe", "password_hash": HASH, "created_at": "2020-02-03T04:05:06"});
    let ended = import(&database, &user.to_string(), &["--json"]).expect(1);
    let fault = &report(&ended)["faults"][0];
    assert_eq!(fault["member"], "created_at");
    assert!(
        fault["reason"].as_str().unwrap().contains("has no time zone"),
        "{fault}"
    );
}

#[test]
fn a_run_that_was_killed_in_the_middle_is_repeated_and_makes_every_account_once() {
    let database = Database::create();
    let users = many(2000);
    let mut program = command(&database, &["-"]).piped().start();
    let mut pipe = program.stdin();
    let middle = users.match_indices('\n').nth(1200).unwrap().0;
    pipe.write_all(&users.as_bytes()[..middle]).unwrap();
    eventually("two batches", || {
        let tables = database.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'audit_events'");
        (tables == "1" && database.sql("SELECT count(*) FROM users") == "1000").then_some(())
    });
    program.kill();
    drop(pipe);
    assert_eq!(counts(&database), ["1000", "1000", "1000"]);

    let ended = import(&database, &users, &["--dry-run", "--json"]).expect(0);
    assert_eq!(
        (&report(&ended)["imported"], &report(&ended)["present"]),
        (&json!(1000), &json!(1000))
    );
    let ended = import(&database, &users, &["--json"]).expect(0);
    assert_eq!(
        (&report(&ended)["imported"], &report(&ended)["present"]),
        (&json!(1000), &json!(1000))
    );
    assert_eq!(counts(&database), ["2000", "2000", "2000"]);
    let ended = import(&database, &users, &["--json"]).expect(0);
    assert_eq!(
        (&report(&ended)["imported"], &report(&ended)["present"]),
        (&json!(0), &json!(2000))
    );
    assert_eq!(counts(&database), ["2000", "2000", "2000"]);
}

/// Also measures memory and time; `scripts/test --all` runs it.
#[test]
#[ignore = "takes a while and only concerns changes of the import"]
fn a_hundred_thousand_users_are_imported_in_one_run_of_bounded_memory() {
    let database = Database::create();
    let launch = command(&database, &["-", "--json"]).piped();
    let (ended, taken) = timed(|| {
        let mut program = launch.start();
        let mut pipe = program.stdin();
        pipe.write_all(many(100_000).as_bytes()).unwrap();
        // No more lines follow, but the pipe is still open, so the program can be measured.
        eventually("the last whole batch", || {
            (database.sql("SELECT count(*) FROM users") == "100000").then_some(())
        });
        let memory = peak_memory(&program);
        assert!(memory < 200 * 1024, "{memory} KiB");
        drop(pipe);
        program.wait().expect(0)
    });
    assert_eq!(report(&ended)["imported"], 100_000);
    assert_eq!(counts(&database), ["100000", "100000", "100000"]);
    eprintln!("100,000 users in {taken:?}");
    assert!(taken.as_secs() < 180, "{taken:?}");
}

/// Returns the peak memory of a program so far, in KiB.
fn peak_memory(program: &Program) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
