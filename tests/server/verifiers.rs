//! Back ends that know only the issuer's URL: independent JOSE libraries accept the service's access tokens and nothing
//! else, and independent authenticator apps compute the codes that the service expects. Passkeys have a file below.
//!
//! `scripts/test` prepares the interpreters and libraries in `target/verifiers`. The Rust program is built here, from
//! libraries that the tests use anyway.

mod apache;
mod app_claims;
mod applications_page;
mod back_end;
mod between;
mod ended;
mod forger;
mod hook_page;
mod mcp;
mod passkey_rs;
mod passkeys;
mod recipes;
mod stock_clients;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

use self::forger::{Forger, hs256, parts, unsigned};
use crate::server::http::Client;
use crate::server::person::{Person, Tokens, advance, now, verify};
use crate::server::program::{DataDir, Launch, Program};

/// A language whose libraries verify tokens.
#[derive(Clone, Copy, Debug)]
enum Verifier {
    Python,
    Node,
    Rust,
}

const ALL: [Verifier; 3] = [Verifier::Python, Verifier::Node, Verifier::Rust];

impl Verifier {
    fn run(self, arguments: &[&str]) -> Output {
        let mut command = match self {
            Self::Python => {
                let mut python = Command::new(prepared("python/bin/python"));
                python.arg(source("verify.py"));
                python
            }
            Self::Node => {
                prepared("node/node_modules/jose");
                let mut node = Command::new("node");
                node.arg(beside_its_modules("verify.mjs"));
                node
            }
            Self::Rust => Command::new(built_example()),
        };
        command.args(arguments).env_remove("NODE_OPTIONS").output().unwrap()
    }

    /// Returns the claims of a token that has to be accepted.
    #[track_caller]
    fn accept(self, issuer: &str, token: &str, audience: &str) -> Value {
        let output = self.run(&[issuer, token, audience]);
        assert!(
            output.status.success(),
            "{self:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asserts that a token is refused by a decision, not because of a missing program or library.
    #[track_caller]
    fn refuse(self, issuer: &str, token: &str, what: &str) {
        self.refuse_for(issuer, token, issuer, what);
    }

    /// The same as a back end with another audience.
    #[track_caller]
    fn refuse_for(self, issuer: &str, token: &str, audience: &str, what: &str) {
        let output = self.run(&[issuer, token, audience]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{self:?} took {what}");
        assert!(said.starts_with("refused: "), "{self:?}, {what}: {said}");
        assert!(output.stdout.is_empty());
    }
}

pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifiers").join(name)
}

pub(crate) fn prepared(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/verifiers")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: run scripts/test, which prepares them",
        path.display()
    );
    path
}

/// Writes every block of code of a page into the file that its first line names. Returns how many there are.
pub(crate) fn lay_out_code(page: &str, directory: &Path) -> usize {
    let mut blocks = 0;
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, code) = block.split_once('\n').unwrap();
        if !["python", "js", "go", "rust"].contains(&language) {
            continue;
        }
        let name = code.lines().next().unwrap().trim_start_matches(['#', '/', ' ']);
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, code).unwrap();
        blocks += 1;
    }
    blocks
}

/// Builds `verify.rs` and returns the program. Cargo builds examples along with the tests only if no test target is
/// named, and a stale program would prove nothing.
fn built_example() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--example", "verify"])
            .args(["--message-format", "json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).unwrap();
        let mut messages = messages
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let program = messages.find(|message| message["target"]["kind"] == json!(["example"]));
        PathBuf::from(program.unwrap()["executable"].as_str().unwrap())
    })
}

/// Copies a module to a place where its imports are found: Node searches from the module's own directory upwards.
pub(crate) fn beside_its_modules(name: &str) -> PathBuf {
    let directory = prepared("node");
    let target = directory.join(name);
    let text = fs::read(source(name)).unwrap();
    if fs::read(&target).ok().as_ref() != Some(&text) {
        // Renamed into place: another test may be about to run it.
        let draft = tempfile::NamedTempFile::new_in(directory).unwrap();
        fs::write(draft.path(), text).unwrap();
        draft.persist(&target).unwrap();
    }
    target
}

/// The documentation shows the program that is tested here. It uses no code of the service.
#[test]
fn the_documented_rust_verifier_is_the_one_that_is_tested() {
    let program = fs::read_to_string(source("verify.rs")).unwrap();
    assert!(!program.contains("vestibule::"));
    let (_, shown) = program
        .split_once("/// Returns the claims of a good access token.")
        .unwrap();
    let documentation = include_str!("../../docs/VERIFYING.md");
    assert!(
        documentation.contains(shown.trim_end()),
        "VERIFYING.md shows another program"
    );
}

fn signed_in(launch: Launch) -> (Program, Client, Person, Tokens) {
    let program = launch.start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    (program, client, person, tokens)
}

#[test]
fn every_signing_algorithm_is_verified_from_the_issuers_url_alone() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let place = DataDir::new();
        let launch = Launch::dev().data_dir(&place).env("VESTIBULE_SIGNING_ALG", algorithm);
        let (program, client, _, tokens) = signed_in(launch);
        let issuer = client.issuer();
        let me = client.get_as(&tokens.access, "/me").expect(200);
        let (header, claims) = parts(&tokens.access);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("at+jwt")));

        let keys = client.get("/.well-known/jwks.json").expect(200).json();
        let keys = keys["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!((&key["alg"], &key["use"]), (&json!(algorithm), &json!("sig")));
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(keys.iter().all(|key| key.get(private).is_none()), "{private}");
        }

        for verifier in ALL {
            let verified = verifier.accept(&issuer, &tokens.access, &issuer);
            assert_eq!(verified, claims);
            assert_eq!(verified["sub"], me.text_at("/id"));
            assert_eq!(verified["acr"], "aal2");
            assert_eq!(
                verified["exp"].as_i64().unwrap() - verified["iat"].as_i64().unwrap(),
                600
            );
            assert!(verified.get("email").is_none());
        }
        program.stop().expect(0);
    }
}

#[test]
fn another_audience_and_personal_claims_are_settings() {
    let place = DataDir::new();
    let launch = Launch::dev()
        .data_dir(&place)
        .env("VESTIBULE_AUDIENCE", "https://shop.example")
        .env("VESTIBULE_CLIENT_ID", "shop")
        .env("VESTIBULE_ACCESS_TOKEN_CLAIMS", "email,username")
        .env("VESTIBULE_ACCESS_TOKEN_TTL", "60");
    let (_program, client, person, tokens) = signed_in(launch);
    client.get_as(&tokens.access, "/me").expect(200);
    // Only a verified address is in the token.
    let mails = client.get(&format!("/dev/outbox?to={}", person.email)).json();
    let token = mails[0]["token"].clone();
    let body = json!({"token": token, "password": person.password});
    client.post("/email/verify", &body).expect(204);
    let body = json!({"refresh_token": tokens.refresh});
    let access = client
        .post("/token/refresh", &body)
        .expect(200)
        .text_at("/access_token");
    for verifier in ALL {
        let claims = verifier.accept(&client.issuer(), &access, "https://shop.example");
        assert_eq!(
            (&claims["email"], &claims["client_id"]),
            (&json!(person.email), &json!("shop"))
        );
        verifier.refuse(&client.issuer(), &access, "a token for another audience");
    }
}

#[test]
fn nothing_but_an_access_token_passes_for_one() {
    let place = DataDir::new();
    let (_program, client, person, tokens) = signed_in(Launch::dev().data_dir(&place));
    let issuer = client.issuer();
    let keys = client.get("/.well-known/jwks.json").json();
    let key = &keys["keys"][0];
    let (mut header, mut claims) = parts(&tokens.access);
    let [encoded_header, encoded_claims, signature] = [0, 1, 2].map(|at| tokens.access.split('.').nth(at).unwrap());
    claims["roles"] = json!(["admin"]);
    let changed = forger::encode(&claims);
    let mut frauds = vec![
        ("changed claims", format!("{encoded_header}.{changed}.{signature}")),
        ("no signature", format!("{encoded_header}.{encoded_claims}.")),
        ("a cut signature", tokens.access[..tokens.access.len() - 4].to_owned()),
        ("alg none", unsigned(&header, &claims, "none")),
        ("alg None", unsigned(&header, &claims, "None")),
        ("a refresh token", tokens.refresh.clone()),
        ("a pre-auth token", person.log_in(&client)),
        ("a recovery code", tokens.recovery_codes[0].clone()),
        ("nothing", String::new()),
    ];
    for (name, secret) in forger::public_key_as_secret(key) {
        frauds.push((name, hs256(&header, &claims, &secret)));
    }
    header["jwk"] = key.clone();
    frauds.push(("a key of its own", Forger::new().sign(&header, &claims)));
    for (what, token) in &frauds {
        for verifier in ALL {
            verifier.refuse(&issuer, token, what);
        }
        assert_eq!(client.get_as(token, "/me").status, 401, "{what}");
    }
    for verifier in ALL {
        verifier.accept(&issuer, &tokens.access, &issuer);
    }
}

/// Each check of these verifiers: an issuer in the test signs what the service never would.
#[test]
fn the_verifiers_check_each_claim() {
    let forger = Forger::new();
    let issuer = forger.serve();
    let good = json!({
        "iss": issuer, "aud": issuer, "sub": "x", "exp": now() + 600, "iat": now() - 5, "nbf": now() - 5,
    });
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": forger::KID});
    for verifier in ALL {
        verifier.accept(&issuer, &forger.sign(&header, &good), &issuer);
    }
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (what, claims) in [
        ("an expired token", with("exp", json!(now() - 1))),
        ("a token without end", without("exp")),
        ("a token of the future", with("nbf", json!(now() + 300))),
        ("another issuer's", with("iss", json!("https://evil.example"))),
        ("one without an issuer", without("iss")),
        ("one for another audience", with("aud", json!("https://shop.example"))),
        ("one without an audience", without("aud")),
        ("one without a subject", without("sub")),
        ("one that is bound to a key", with("cnf", json!({"jkt": "x"}))),
    ] {
        for verifier in ALL {
            verifier.refuse(&issuer, &forger.sign(&header, &claims), what);
        }
    }
    for (what, header) in [
        ("an ID token", json!({"alg": "ES256", "typ": "JWT", "kid": forger::KID})),
        ("a token of no kind", json!({"alg": "ES256", "kid": forger::KID})),
        (
            "a token of an unknown key",
            json!({"alg": "ES256", "typ": "at+jwt", "kid": "other"}),
        ),
        (
            "a token of another algorithm",
            json!({"alg": "ES384", "typ": "at+jwt", "kid": forger::KID}),
        ),
    ] {
        for verifier in ALL {
            verifier.refuse(&issuer, &forger.sign(&header, &good), what);
        }
    }
}

#[test]
fn a_token_of_an_hour_ahead_is_not_good_yet_elsewhere() {
    let place = DataDir::new();
    let (_program, client, person, _) = signed_in(Launch::dev().data_dir(&place));
    advance(&client, 3600);
    let at = crate::server::person::service_now(&client);
    let answer = verify(&client, &person.log_in(&client), &person.code(at)).expect(200);
    for verifier in ALL {
        verifier.refuse(&client.issuer(), &Tokens::of(&answer).access, "a token of the future");
    }
}

#[test]
fn an_authenticator_reads_the_uri_and_computes_codes_that_complete_a_login() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let enrolment = client.post(
        "/register",
        &json!({"username": "jo.doe", "password": "Grüne Fenster im Regen"}),
    );
    let enrolment = enrolment.expect(201);
    let read = "import pyotp, sys, json; app = pyotp.parse_uri(sys.argv[1]); \
                print(json.dumps([app.now(), app.secret, app.name, app.issuer, app.digits, app.interval]))";
    let output = Command::new(prepared("python/bin/python"))
        .args(["-c", read, &enrolment.text_at("/totp/otpauth_uri")])
        .output()
        .unwrap();
    let app: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(app[1], enrolment.text_at("/totp/secret"));
    assert_eq!((&app[2], &app[3]), (&json!("jo.doe"), &json!("127.0.0.1")));
    assert_eq!((&app[4], &app[5]), (&json!(6), &json!(30)));

    let body = json!({"pre_auth_token": enrolment.text_at("/pre_auth_token"), "code": app[0]});
    let tokens = Tokens::of(&client.post("/2fa/verify", &body).expect(200));
    client.get_as(&tokens.access, "/me").expect(200);
}

/// Authlib's validator of RFC 9068 has its own rule for `roles`: it refuses an empty list.
#[test]
fn a_token_without_roles_and_one_with_roles_pass_authlibs_validator() {
    let place = DataDir::new();
    let (_program, client, person, tokens) = signed_in(Launch::dev().data_dir(&place));
    let issuer = client.issuer();
    let validate = |token: &str, audience: &str| {
        let validator = source("authlib_validator.py");
        let mut python = Command::new(prepared("python/bin/python"));
        python.arg(validator).args([&issuer, token, audience]).output().unwrap()
    };
    let accept = |token: &str, audience: &str| -> Value {
        let output = validate(token, audience);
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    };
    let claims = accept(&tokens.access, &issuer);
    assert_eq!(
        (&claims["sub"], claims.get("roles")),
        (&parts(&tokens.access).1["sub"], None)
    );
    let pending = person.log_in(&client);
    let refused = validate(&pending, &issuer);
    assert_eq!(refused.status.code(), Some(1), "a pre-auth token");
    let vectors = client.get("/dev/test-vectors").expect(200).json();
    for vector in vectors["vectors"].as_array().unwrap() {
        let [name, token, audience] = ["name", "token", "audience"].map(|member| vector[member].as_str().unwrap());
        if vector["accept"] == true {
            accept(token, audience);
        } else if name != "typ_missing" {
            // It takes a token without a type, as VERIFYING.md says.
            assert_eq!(validate(token, audience).status.code(), Some(1), "{name}");
        }
    }
}

/// The test vectors of the service. Other developers test their verifiers with them, so they must be right.
#[test]
fn the_test_vectors_are_accepted_and_refused_as_they_say() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let answer = client.get("/dev/test-vectors").expect(200).json();
    let issuer = answer["issuer"].as_str().unwrap();
    for vector in answer["vectors"].as_array().unwrap() {
        let [name, token, audience] = ["name", "token", "audience"].map(|member| vector[member].as_str().unwrap());
        for verifier in ALL {
            if vector["accept"] == true {
                verifier.accept(issuer, token, audience);
            } else {
                verifier.refuse_for(issuer, token, audience, name);
            }
        }
    }
}
