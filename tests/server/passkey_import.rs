//! Passkeys of other programs are imported with their users, and go on working.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Method;

use super::http::{Answer, Client};
use super::instances::{MASTER_KEY, PUBLIC_URL, instance};
use super::postgres::Database;
use super::program::{Launch, Program};
use super::user_import::{import, report};
use crate::support::authenticator::{Authenticator, BACKED_UP, BACKUP_ELIGIBLE, Scheme};
use crate::verifiers::{prepared, source};

const PASSWORD: &str = "Grüne Fenster im Regen";
/// The password's hash in Keycloak: PBKDF2 with 1000 iterations.
const SALT: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
const HASH: &str = "xOqJogr7At218HJx+48ncx2HG3nfu3yGJvpMWu0Juz0=";
const PAGE: &str = include_str!("../../docs/how-to/import-users.md");

fn password_hash() -> String {
    let (secret, data) = keycloak_password();
    json!({"secretData": secret, "credentialData": data}).to_string()
}

fn keycloak_password() -> (String, String) {
    let secret = json!({"value": HASH, "salt": SALT, "additionalParameters": {}});
    let data = json!({"hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {}});
    (secret.to_string(), data.to_string())
}

/// Makes a passkey of another program, which gave its user a handle.
fn passkey(scheme: Scheme, handle: &[u8]) -> Authenticator {
    let mut key = Authenticator::of_scheme(scheme, "localhost", PUBLIC_URL, [0; 16]);
    key.user_handle = Some(handle.to_vec());
    key
}

fn described(key: &Authenticator) -> Value {
    json!({
        "credential_id": URL_SAFE_NO_PAD.encode(&key.credential_id),
        "public_key": URL_SAFE_NO_PAD.encode(&key.cose),
        "user_handle": URL_SAFE_NO_PAD.encode(key.user_handle.as_ref().unwrap()),
    })
}

fn user(name: &str, passkeys: &[Value]) -> String {
    json!({"username": name, "password_hash": password_hash(), "passkeys": passkeys}).to_string()
}

fn serve(database: &Database) -> (Program, Client) {
    let program = instance(database.url())
        .env("VESTIBULE_SECOND_FACTORS", "totp,passkey")
        .start();
    let client = program.ready();
    (program, client)
}

fn log_in(client: &Client, name: &str) -> Value {
    let answer = client.post("/login", &json!({"username": name, "password": PASSWORD}));
    answer.expect(200).json()
}

/// Runs a command about accounts, and returns what it prints.
fn users(database: &Database, arguments: &[&str]) -> String {
    let launch = Launch::of("users").args(arguments).env("DATABASE_URL", database.url());
    let launch = launch.env("VESTIBULE_MASTER_KEY", MASTER_KEY);
    launch.env("VESTIBULE_PUBLIC_URL", PUBLIC_URL).run().expect(0).stdout
}

/// Completes a login with the password and a passkey.
fn complete(client: &Client, name: &str, key: &mut Authenticator) -> Answer {
    let login = log_in(client, name);
    assert_eq!(login["status"], "second_factor_required", "{login}");
    let token = &login["pre_auth_token"];
    let challenge = client.post("/2fa/challenge", &json!({"pre_auth_token": token, "method": "passkey"}));
    let assertion = key.assert(&challenge.expect(200).text_at("/options/challenge"));
    client.post("/2fa/verify", &json!({"pre_auth_token": token, "passkey": assertion}))
}

/// Signs in with a passkey alone.
fn sign_in(client: &Client, key: &mut Authenticator) -> Answer {
    let answer = client.send(Method::POST, "/passkey/options", None, None).expect(200);
    let assertion = key.assert(&answer.text_at("/options/challenge"));
    client.post("/passkey/verify", &json!({"credential": assertion}))
}

/// Returns the only block of code of a language below a heading.
fn recipe(heading: &str, language: &str) -> String {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<&str> = section.split(&format!("\n```{language}\n")).skip(1).collect();
    let [block] = blocks[..] else { panic!("{heading}") };
    block.split("\n```").next().unwrap().to_owned()
}

#[test]
fn passkeys_of_each_scheme_complete_a_login_and_sign_in_alone() {
    let database = Database::create();
    let mut keys = Scheme::ALL.map(|scheme| passkey(scheme, format!("user-{scheme:?}").as_bytes()));
    let names = ["ed.dsa", "es.256", "rs.256"];
    let mut lines = Vec::new();
    for (name, key) in names.into_iter().zip(&mut keys) {
        key.sign_count = 41;
        key.flags |= BACKUP_ELIGIBLE;
        let mut passkey = described(key);
        for (member, value) in [
            ("sign_count", json!(41)),
            ("transports", json!(["internal"])),
            ("backup_eligible", json!(true)),
            ("backed_up", json!(false)),
            ("name", json!("Old laptop")),
        ] {
            passkey[member] = value;
        }
        lines.push(user(name, &[passkey]));
    }
    let text = lines.join("\n");
    let dry = import(&database, &text, &["--dry-run", "--json"]).expect(0);
    assert_eq!(
        (&report(&dry)["imported"], database.sql("SELECT count(*) FROM users")),
        (&json!(3), "0".to_owned())
    );
    let ended = import(&database, &text, &["--json"]).expect(0);
    assert_eq!(report(&ended)["imported"], 3);
    let shown = users(&database, &["show", "es.256"]);
    for part in [
        "\nsecond factors  passkey\n",
        "\npasskey         Old laptop (created 20",
        ", never used)\n",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let (_program, client) = serve(&database);
    for (name, key) in names.into_iter().zip(&mut keys) {
        assert_eq!(log_in(&client, name)["default_method"], "passkey", "{name}");
        complete(&client, name, key).expect(200);
        let answer = sign_in(&client, key).expect(200);
        assert_eq!(answer.json()["session"]["acr"], "aal2", "{name}");
        let access = answer.text_at("/access_token");
        let listed = client.get_as(&access, "/2fa/passkeys").expect(200).json();
        let listed = &listed["passkeys"][0];
        assert_eq!(
            (&listed["name"], &listed["transports"]),
            (&json!("Old laptop"), &json!(["internal"]))
        );
        // A copy that was made before the import has counted less.
        key.sign_count = 40;
        sign_in(&client, key).problem(401, "invalid_credentials");
    }
}

#[test]
fn a_passkey_without_a_handle_serves_beside_the_password_only() {
    let database = Database::create();
    let mut key = passkey(Scheme::Es256, b"forgotten");
    let mut given = described(&key);
    given["user_handle"] = Value::Null;
    import(&database, &user("jo.doe", &[given]), &[]).expect(0);
    let (_program, client) = serve(&database);
    sign_in(&client, &mut key).problem(401, "invalid_credentials");
    // The authenticator says a handle that the service does not know; one without storage says none.
    complete(&client, "jo.doe", &mut key).expect(200);
    key.user_handle = None;
    complete(&client, "jo.doe", &mut key).expect(200);
    sign_in(&client, &mut key).problem(401, "invalid_credentials");
}

#[test]
fn the_first_use_says_whether_an_imported_key_may_leave_its_device() {
    let database = Database::create();
    let mut key = passkey(Scheme::EdDsa, b"jo");
    key.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    import(&database, &user("jo.doe", &[described(&key)]), &[]).expect(0);
    let (_program, client) = serve(&database);
    sign_in(&client, &mut key).expect(200);
    key.flags ^= BACKUP_ELIGIBLE | BACKED_UP;
    sign_in(&client, &mut key).problem(401, "invalid_credentials");
    key.flags ^= BACKUP_ELIGIBLE;
    sign_in(&client, &mut key).expect(200);
}

#[test]
fn a_handle_is_of_one_account_and_free_when_that_is_deleted() {
    let database = Database::create();
    let mut keys = [b"jo", b"jo", b"mo"].map(|handle| passkey(Scheme::Es256, handle));
    let line = |name: &str, key: usize| user(name, &[described(&keys[key])]);
    let text = [line("first", 0), line("second", 1), line("third", 2)].join("\n");
    let ended = import(&database, &text, &["--json"]).expect(1);
    let told = json!([{"line": 2, "member": "passkeys", "reason": "have a user handle that another account has"}]);
    assert_eq!(report(&ended)["faults"], told);
    assert_eq!(
        database.sql("SELECT string_agg(username, ' ' ORDER BY username) FROM users"),
        "first third"
    );
    let second = line("second", 1);
    import(&database, &second, &[]).expect(1);
    let (_program, client) = serve(&database);
    sign_in(&client, &mut keys[1]).problem(401, "invalid_credentials");
    for key in [0, 2] {
        sign_in(&client, &mut keys[key]).expect(200);
    }
    users(&database, &["delete", "first", "--yes"]);
    assert_eq!(database.sql("SELECT count(*) FROM user_handles"), "1");
    users(&database, &["reset-2fa", "third", "--yes"]);
    assert_eq!(database.sql("SELECT count(*) FROM user_handles"), "0");
    sign_in(&client, &mut keys[2]).problem(401, "invalid_credentials");
    import(&database, &second, &[]).expect(0);
    sign_in(&client, &mut keys[1]).expect(200);
    sign_in(&client, &mut keys[0]).problem(401, "invalid_credentials");
}

#[test]
fn a_line_with_a_passkey_that_cannot_be_taken_writes_nothing() {
    let database = Database::create();
    let key = passkey(Scheme::Es256, b"jo");
    let cose = |change: fn(&mut Vec<u8>)| {
        let mut cose = key.cose.clone();
        change(&mut cose);
        json!(URL_SAFE_NO_PAD.encode(cose))
    };
    let rsa_1024 = [
        b"\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x80".as_slice(),
        &[0xc7; 128],
        b"\x21\x43\x01\x00\x01",
    ];
    let cases = [
        (
            "public_key",
            cose(|key| *key.last_mut().unwrap() ^= 1),
            "refused: public_key",
        ),
        (
            "public_key",
            json!(URL_SAFE_NO_PAD.encode(rsa_1024.concat())),
            "refused: public_key",
        ),
        (
            "public_key",
            cose(|key| drop(key.splice(4..5, [0x38, 0x22]))),
            "refused: algorithm",
        ),
        ("public_key", cose(|key| key.push(0)), "refused: encoding"),
        ("public_key", json!("hunter2!"), "must be in base 64"),
        ("public_key", json!({}), "has the wrong type"),
        ("credential_id", json!(""), "must have 1 to 1023 bytes"),
        (
            "credential_id",
            described(&key)["credential_id"].clone(),
            "is given twice",
        ),
        ("user_handle", json!("A".repeat(88)), "must have 1 to 64 bytes"),
        ("sign_count", json!(4_294_967_296_u64), "has the wrong type"),
    ];
    let lines: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(number, (member, value, _))| {
            let mut second = described(&passkey(Scheme::EdDsa, b"jo"));
            second[*member] = value.clone();
            user(&format!("user{number}"), &[described(&key), second])
        })
        .collect();
    let ended = import(&database, &lines.join("\n"), &["--json"]).expect(1);
    let report = report(&ended);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), cases.len(), "{report}");
    for (fault, (member, _, expected)) in faults.iter().zip(cases) {
        assert_eq!(fault["member"], "passkeys");
        let reason = fault["reason"].as_str().unwrap();
        assert!(
            reason.starts_with(&format!("[1].{member} ")) && reason.contains(expected),
            "{reason}"
        );
    }
    assert!(!ended.stdout.contains("hunter2"));
    assert_eq!(database.sql("SELECT count(*) FROM users"), "0");
}

/// What a program on SimpleWebAuthn stores of registrations that it has verified, exported by the code of the page.
#[test]
fn the_recipe_for_simplewebauthn_exports_passkeys_that_sign_in() {
    let database = Database::create();
    let mut keys = Scheme::ALL.map(|scheme| passkey(scheme, format!("user-{scheme:?}").as_bytes()));
    keys[0].flags |= BACKUP_ELIGIBLE | BACKED_UP;
    let (challenge, mut users) = ("Y2hhbGxlbmdl", Vec::new());
    for (number, key) in keys.iter().enumerate() {
        let handle = URL_SAFE_NO_PAD.encode(key.user_handle.as_ref().unwrap());
        users.push(json!({
            "email": format!("jo{number}@old.example"), "password": password_hash(), "registrations": [{
                "response": key.register(challenge), "challenge": challenge, "origin": PUBLIC_URL, "rp_id": "localhost",
                "user_handle": handle,
            }],
        }));
    }
    // Below the directory of Node's libraries: Node searches from a module's own directory upwards.
    let place = TempDir::new_in(prepared("node")).unwrap();
    let written = |name: &str, text: &str| {
        let file = place.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let given = written("given.json", &json!(users).to_string());
    fs::copy(source("simplewebauthn_users.mjs"), place.path().join("users.mjs")).unwrap();
    let export = format!(
        "import {{ users }} from './users.mjs';\n{}",
        recipe("From SimpleWebAuthn", "js")
    );
    let mut node = Command::new("node");
    node.arg(written("export.mjs", &export))
        .env("PASSKEYS", given)
        .env_remove("NODE_OPTIONS");
    let output = node.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    import(&database, &String::from_utf8(output.stdout).unwrap(), &[]).expect(0);
    let (_program, client) = serve(&database);
    for key in &mut keys {
        sign_in(&client, key).expect(200);
    }
    // The first is known to be backed up.
    keys[0].flags ^= BACKUP_ELIGIBLE | BACKED_UP;
    sign_in(&client, &mut keys[0]).problem(401, "invalid_credentials");
}

/// The user handle of Keycloak is the text of the user's id.
#[test]
fn the_recipe_for_keycloak_exports_passkeys_that_sign_in() {
    let database = Database::create();
    let ids = [
        "1dbe5dcc-76af-425d-bddc-cc36e1405dae",
        "2dbe5dcc-76af-425d-bddc-cc36e1405dae",
    ];
    let mut keys = ids.map(|id| passkey(Scheme::Es256, id.as_bytes()));
    let (secret, password) = keycloak_password();
    let users: Vec<Value> = ids
        .iter()
        .zip(&keys)
        .zip(["webauthn", "webauthn-passwordless"])
        .map(|((id, key), kind)| {
            let data = json!({
                "aaguid": "00000000-0000-0000-0000-000000000000", "credentialId": STANDARD.encode(&key.credential_id),
                "counter": 0, "credentialPublicKey": URL_SAFE_NO_PAD.encode(&key.cose),
                "attestationStatementFormat": "none", "transports": ["usb"],
            });
            json!({
                "id": id, "createdTimestamp": 1_776_007_399_750_u64, "username": format!("jo{kind}"), "enabled": true,
                "emailVerified": false, "credentials": [
                    {"type": "password", "secretData": secret, "credentialData": password},
                    {"type": kind, "userLabel": "My key", "secretData": "{}", "credentialData": data.to_string()},
                ],
            })
        })
        .collect();
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("realm.json"), json!({"users": users}).to_string()).unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-ec", &recipe("From Keycloak", "sh")])
        .current_dir(place.path());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(place.path().join("users.ndjson")).unwrap();
    import(&database, &text, &[]).expect(0);
    let (_program, client) = serve(&database);
    for key in &mut keys {
        let access = sign_in(&client, key).expect(200).text_at("/access_token");
        let listed = client.get_as(&access, "/2fa/passkeys").expect(200).json();
        assert_eq!(listed["passkeys"][0]["name"], "My key");
    }
    complete(&client, "jowebauthn", &mut keys[0]).expect(200);
}
