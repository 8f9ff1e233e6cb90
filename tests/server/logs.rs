//! Logs and database contain no credential that could be presented.

use std::fs;

use serde_json::{Value, json};

use super::http::Client;
use super::instances::{MASTER_KEY, instance};
use super::person::{PERIOD, Person, Tokens, advance, service_now, verify};
use super::postgres::Database;
use super::process::eventually;
use super::program::{DataDir, Launch, path};

/// Members of log lines whose digits could look like a code by chance.
const NUMBERS: &[&str] = &[
    "timestamp",
    "duration_ms",
    "elapsed",
    "pid",
    "span",
    "address",
    "message_id",
];

/// Signs up, signs in in every way, and makes every mistake. Returns every secret that was used.
pub(crate) fn whole_flow(client: &Client) -> Vec<(&'static str, String)> {
    let (mut person, first) = Person::sign_up(client);
    let mut secrets = vec![
        ("password", person.password.clone()),
        ("e-mail address", person.email.clone()),
        ("TOTP secret", person.secret.clone()),
        ("pre-auth token", person.pre_auth_token.clone()),
    ];
    let mut keep = |tokens: &Tokens| {
        secrets.push(("access token", tokens.access.clone()));
        secrets.push(("refresh token", tokens.refresh.clone()));
        secrets.extend(tokens.recovery_codes.iter().map(|code| ("recovery code", code.clone())));
    };
    keep(&first);
    client.get_as(&first.access, "/me").expect(200);
    advance(client, 2 * PERIOD);
    let pre_auth_token = person.log_in(client);
    let code = person.code(service_now(client));
    let second = verify(client, &pre_auth_token, &code).expect(200);
    keep(&Tokens::of(&second));
    let third = person.log_in(client);
    keep(&Tokens::of(
        &verify(client, &third, &first.recovery_codes[0]).expect(200),
    ));
    secrets.extend([
        ("pre-auth token", pre_auth_token.clone()),
        ("pre-auth token", third),
        ("code", code.clone()),
    ]);

    // Secrets that are sent to the wrong place or in the wrong format.
    let wrong_password = "Falsche Fenster im Regen";
    secrets.push(("wrong password", wrong_password.to_owned()));
    client
        .post("/login", &json!({"email": person.email, "password": wrong_password}))
        .expect(401);
    client
        .post("/login", &json!({"email": person.email, "password": [wrong_password]}))
        .expect(400);
    client
        .post(
            "/login",
            &json!({"email": person.email, wrong_password: person.password}),
        )
        .expect(400);
    client
        .post("/login", &json!({"email": wrong_password, "password": "x"}))
        .expect(422);
    client
        .post(
            "/register",
            &json!({"email": person.email, "password": person.password}),
        )
        .expect(409);
    client
        .post("/register", &json!({"email": person.email, "password": person.email}))
        .expect(422);
    verify(client, &first.refresh, &code).expect(401);
    verify(client, &pre_auth_token, &person.password).expect(422);
    client.get_as(&first.refresh, "/me").expect(401);
    client.get_as(&first.recovery_codes[0], "/me").expect(401);
    let replacement = client.post_as(&first.access, "/2fa/totp").expect(201);
    secrets.push(("TOTP secret", replacement.text_at("/secret")));
    client.get(&format!("/me?access_token={}", first.access)).expect(401);
    client.get(&format!("/{}", first.refresh)).expect(404);
    client.get(&format!("/docs/problems/{pre_auth_token}")).expect(404);
    let mut wire = client.connect();
    wire.send(format!(
        "GET {} HTTP/1.1 {} nonsense\r\n{}\r\n\r\n",
        first.access, first.refresh, person.password
    ));
    wire.finish();
    wire.read_to_end();

    // An enrolment that is started again.
    person = Person::register(client);
    let again = client.post_as(&person.pre_auth_token, "/2fa/totp").expect(201);
    secrets.push(("TOTP secret", again.text_at("/secret")));
    secrets.push(("TOTP secret", person.secret.clone()));
    secrets.push(("QR code", again.text_at("/qr_code")));
    secrets
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// Removes the members whose digits have no meaning.
pub(super) fn without_numbers(log: &str) -> String {
    let lines = log.lines().map(|line| match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(mut members)) => {
            members.retain(|name, _| !NUMBERS.contains(&name.as_str()));
            Value::Object(members).to_string()
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn no_secret_is_in_the_logs_however_much_is_logged() {
    let place = DataDir::new();
    for (level, format) in [("debug", "json"), ("trace", "json"), ("debug", "pretty")] {
        let program = Launch::dev()
            .data_dir(&place)
            .env("RUST_LOG", level)
            .env("VESTIBULE_LOG_FORMAT", format);
        // The pretty format is not JSON, so the address is searched for in the text of the log.
        let program = program.start();
        let client = Client::new(&eventually("the address", || {
            let log = program.log();
            let (_, rest) = log.split_once("described at http://")?;
            rest.split_once("/docs/").map(|(address, _)| address.to_owned())
        }));
        eventually("readiness", || {
            (client.get("/health/ready").status == 200).then_some(())
        });
        let secrets = whole_flow(&client);
        let master_key = fs::read_to_string(place.path().join("master.key")).unwrap();
        let ended = program.stop().expect(0);
        assert!(ended.stderr.contains("/2fa/verify"), "nothing was logged");
        let log = if format == "json" {
            without_numbers(&ended.stderr)
        } else {
            ended.stderr
        };
        for (what, secret) in secrets.iter().chain([&("master key", master_key.trim().to_owned())]) {
            // Six digits occur by chance in the microseconds of a plain line.
            if format == "pretty" && *what == "code" {
                continue;
            }
            let found = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(found.is_none(), "{what} at {level}: {found:?}");
        }
    }
    let database_log = fs::read_to_string(place.path().join("postgres.log")).unwrap();
    assert!(!database_log.contains("@mail.example"), "{database_log}");
}

#[test]
fn a_database_password_is_not_logged_while_the_database_is_away() {
    let secret = "hunter2-and-more";
    let url = format!("postgres://vestibule:{secret}@127.0.0.1:1/vestibule");
    let program = instance(&url).env("RUST_LOG", "trace").start();
    program
        .client()
        .get("/health/ready")
        .problem(503, "service_unavailable");
    program.wait_for_message("not ready");
    let log = program.stop().expect(0).stderr;
    assert!(!log.contains(secret), "{log}");
    assert!(!log.contains(MASTER_KEY), "{log}");
}

#[test]
fn the_database_holds_nothing_that_could_be_presented() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let secrets = whole_flow(&program.ready());
    let dump = std::process::Command::new("pg_dump")
        .args(["--data-only", "--inserts", database.url()])
        .env_clear()
        .env("PATH", path())
        .output()
        .unwrap();
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains("@mail.example"));
    for (what, secret) in secrets {
        if ["e-mail address", "code"].contains(&what) {
            continue;
        }
        assert!(!dump.contains(&secret), "{what}");
        let plain = secret.replace('-', "");
        assert!(!dump.contains(&plain), "{what} without dashes");
        let text = hex(secret.as_bytes());
        assert!(!dump.contains(&text), "{what} in hex");
        if what == "TOTP secret" {
            let raw = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, &secret).unwrap();
            let raw = hex(&raw);
            assert!(!dump.contains(&raw), "{what} in hex");
        }
    }
}
