//! The code of docs/FRAMEWORKS.md is extracted and run, and tells good tokens from others as the page says.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Method;

use super::back_end::BackEnd;
use super::forger::{self, Forger, hs256, parts, public_key_as_secret, unsigned};
use super::{lay_out_code, prepared, signed_in, source};
use crate::server::http::{Answer, Client};
use crate::server::person::now;
use crate::server::program::{DataDir, Launch};

const INVALID: &str = "Bearer error=\"invalid_token\"";
const STEP_UP: &str = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"300\"";

#[derive(Clone, Copy, Debug)]
enum Framework {
    FastApi,
    Express,
    Go,
    Axum,
}

/// Those that run as soon as `scripts/test` has prepared their libraries. Those for Go and axum have to be built.
const INTERPRETED: [Framework; 2] = [Framework::FastApi, Framework::Express];

/// Writes every block of code of the page into the file that its first line names.
fn lay_out() -> TempDir {
    // Below the directory of Node's libraries: Node searches from a module's own directory upwards.
    let directory = TempDir::new_in(prepared("node")).unwrap();
    let page = include_str!("../../../docs/FRAMEWORKS.md");
    assert_eq!(lay_out_code(page, directory.path()), 8);
    fs::write(directory.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    directory
}

/// Builds the recipe for Go, which needs no libraries, and returns the program.
fn built_for_go() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers-go");
        let page = lay_out();
        for words in [&["vet"][..], &["build", "-o", place.join("recipe").to_str().unwrap()]] {
            let mut go = Command::new("go");
            go.args(words).arg("main.go").current_dir(page.path());
            let output = go
                .env("GOPROXY", "off")
                .env("GOCACHE", place.join("cache"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        place.join("recipe")
    })
}

/// Builds the recipe for axum with the libraries that its `Cargo.lock` names, and returns the program.
fn built_for_axum() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers-axum");
        fs::create_dir_all(place.join("src")).unwrap();
        for name in ["Cargo.toml", "Cargo.lock"] {
            fs::copy(source("axum").join(name), place.join(name)).unwrap();
        }
        let page = fs::read_to_string(lay_out().path().join("src/main.rs")).unwrap();
        // As the page says: the function that VERIFYING.md shows.
        let verifier = fs::read_to_string(source("verify.rs")).unwrap();
        let at = verifier.find("/// Returns the claims of a good access token.").unwrap();
        fs::write(place.join("src/main.rs"), page + "\n" + &verifier[at..]).unwrap();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--target-dir", "target"])
            .env("RUSTFLAGS", "-D warnings")
            .current_dir(&place)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        place.join("target/debug/recipe")
    })
}

impl Framework {
    fn command(self, port: &str) -> Command {
        let python = |arguments: &[&str]| {
            let mut command = Command::new(prepared("python/bin/python"));
            command.args(arguments);
            command
        };
        let node = |module: &str| {
            let mut command = Command::new("node");
            command.arg(module).env_remove("NODE_OPTIONS");
            command
        };
        match self {
            Self::FastApi => python(&["-m", "uvicorn", "fastapi_app:app", "--port", port]),
            Self::Express => node("express_app.mjs"),
            Self::Go => Command::new(built_for_go()),
            Self::Axum => Command::new(built_for_axum()),
        }
    }

    fn start(self, issuer: &str) -> BackEnd {
        BackEnd::start(lay_out(), |port| {
            let mut command = self.command(port);
            command.env("VESTIBULE_ISSUER", issuer).env("PORT", port);
            command
        })
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, challenge: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (status, challenge),
        "{what}: {}",
        answer.text
    );
}

fn at(name: &str, value: Value, claims: &Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[test]
fn a_good_token_passes_and_every_other_one_is_refused() {
    tell_tokens_apart(&INTERPRETED);
}

#[test]
fn the_tokens_of_the_service_pass_and_its_bad_examples_do_not() {
    take_the_tokens_of_the_service(&INTERPRETED);
}

#[test]
fn without_keys_a_token_is_not_verified() {
    verify_nothing_without_keys(&INTERPRETED);
}

#[test]
#[ignore = "builds a program with libraries of its own; scripts/test --all runs it"]
fn the_recipe_for_axum_does_what_the_others_do() {
    // First: the tokens that the checks below make would grow old while it is built.
    built_for_axum();
    tell_tokens_apart(&[Framework::Axum]);
    take_the_tokens_of_the_service(&[Framework::Axum]);
    verify_nothing_without_keys(&[Framework::Axum]);
}

#[test]
#[ignore = "needs Go; scripts/test --all runs it"]
fn the_recipe_for_go_does_what_the_others_do() {
    // First, as above.
    built_for_go();
    tell_tokens_apart(&[Framework::Go]);
    take_the_tokens_of_the_service(&[Framework::Go]);
    verify_nothing_without_keys(&[Framework::Go]);
}

fn tell_tokens_apart(frameworks: &[Framework]) {
    let forger = Forger::new();
    let issuer = forger.serve();
    let good = json!({
        "iss": issuer, "aud": issuer, "sub": "jo", "exp": now() + 600, "iat": now() - 5, "nbf": now() - 5,
        "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "auth_time": now() - 5,
    });
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": forger::KID});
    let key = Client::new(issuer.trim_start_matches("http://")).get("/keys").json()["keys"][0].clone();
    let mut frauds = vec![
        ("nothing".to_owned(), "x".to_owned()),
        ("alg none".to_owned(), unsigned(&header, &good, "none")),
        ("another key".to_owned(), Forger::new().sign(&header, &good)),
        (
            "an ID token".to_owned(),
            forger.sign(&at("typ", json!("JWT"), &header), &good),
        ),
        (
            "an unknown key".to_owned(),
            forger.sign(&at("kid", json!("other"), &header), &good),
        ),
    ];
    for (name, secret) in public_key_as_secret(&key) {
        frauds.push((name.to_owned(), hs256(&header, &good, &secret)));
    }
    for (claim, value) in [
        ("exp", json!(now() - 60)),
        ("nbf", json!(now() + 60)),
        ("iss", json!("https://evil.example")),
        ("aud", json!("https://shop.example")),
        ("cnf", json!({"jkt": "x"})),
    ] {
        frauds.push((claim.to_owned(), forger.sign(&header, &at(claim, value, &good))));
    }
    for claim in ["iss", "aud", "exp", "nbf", "sub", "auth_time", "acr"] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(claim);
        frauds.push((format!("no {claim}"), forger.sign(&header, &without)));
    }
    for framework in frameworks {
        let back_end = framework.start(&issuer);
        let get = |path: &str, claims: &Value| back_end.client.get_as(&forger.sign(&header, claims), path);
        let pay = |claims: &Value| back_end.client.post_as(&forger.sign(&header, claims), "/payments");
        let what = format!("{framework:?}");
        assert_eq!(get("/me", &good).expect(200).json(), json!({"sub": "jo"}), "{what}");
        refused(&back_end.client.get("/me"), 401, "Bearer", &what);
        for (fraud, token) in &frauds {
            refused(
                &back_end.client.get_as(token, "/me"),
                401,
                INVALID,
                &format!("{what}, {fraud}"),
            );
        }
        for roles in [json!([]), json!(["admin", "editors"])] {
            refused(&get("/reports", &at("roles", roles, &good)), 403, "", &what);
        }
        refused(&get("/reports", &good), 403, "", &what);
        get("/reports", &at("roles", json!(["admin", "editor"]), &good)).expect(200);
        assert_eq!(pay(&good).expect(200).json(), json!({"sub": "jo"}), "{what}");
        for low in [
            at("acr", json!("aal1"), &good),
            at("auth_time", json!(now() - 301), &good),
        ] {
            refused(&pay(&low), 401, STEP_UP, &what);
            get("/me", &low).expect(200);
        }
    }
}

fn take_the_tokens_of_the_service(frameworks: &[Framework]) {
    let place = DataDir::new();
    let (program, client, _, tokens) = signed_in(Launch::dev().data_dir(&place));
    let sub = parts(&tokens.access).1["sub"].clone();
    let vectors = client.get("/dev/test-vectors").expect(200).json();
    let back_ends: Vec<(Framework, BackEnd)> = frameworks
        .iter()
        .map(|framework| (*framework, framework.start(&client.issuer())))
        .collect();
    for (framework, back_end) in &back_ends {
        let me = back_end.client.get_as(&tokens.access, "/me").expect(200);
        assert_eq!(me.json()["sub"], sub, "{framework:?}");
        back_end.client.post_as(&tokens.access, "/payments").expect(200);
        for vector in vectors["vectors"].as_array().unwrap() {
            let answer = back_end.client.get_as(vector["token"].as_str().unwrap(), "/me");
            // It serves the deployment's own client, and refuses what clients have for other resources.
            let is_good = vector["accept"] == true && vector["audience"] == vectors["audience"];
            let expected = if is_good { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{framework:?}, {}", vector["name"]);
        }
    }
    program.stop().expect(0);
    for (framework, back_end) in &back_ends {
        let answer = back_end.client.get_as(&tokens.access, "/me");
        assert_eq!(
            answer.status, 200,
            "{framework:?} has the keys, so it does without the service"
        );
    }
}

fn verify_nothing_without_keys(frameworks: &[Framework]) {
    let closed_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuer = format!("http://{closed_port}");
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": forger::KID});
    let token = Forger::new().sign(&header, &json!({"iss": issuer}));
    for framework in frameworks {
        let back_end = framework.start(&issuer);
        let answer = back_end.client.send(Method::GET, "/me", Some(&token), None);
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, "5"),
            "{framework:?}"
        );
        refused(&back_end.client.get("/me"), 401, "Bearer", "no token needs no keys");
    }
}
