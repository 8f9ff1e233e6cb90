//! Applications and services on client libraries that others wrote sign in, refresh and sign out, with nothing but the
//! issuer's URL and what the operator gave them.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{beside_its_modules, prepared, source};
use crate::server::http::Client;
use crate::server::person::Person;
use crate::server::program::{DataDir, Launch, Program};

/// Where users come back with a code.
const CALLBACK: &str = "https://shop.example.com/callback";
/// Where they come back after a logout.
const GOODBYE: &str = "https://shop.example.com/goodbye";
/// What access tokens are for.
const API: &str = "https://api.example.com";

/// A service with clients of every kind.
pub(super) struct Scene {
    pub(super) client: Client,
    clients: Value,
    _program: Program,
    place: DataDir,
}

impl Scene {
    /// Starts the service, with some settings.
    pub(super) fn set(settings: &[(&str, &str)]) -> Self {
        let place = DataDir::new();
        let mut launch = Launch::dev().data_dir(&place).env("VESTIBULE_IP_LIMITS", "off");
        for (name, value) in settings {
            launch = launch.env(name, value);
        }
        let program = launch.start();
        let client = program.ready();
        let application = |name: &str, kind: &str| register(&place, &words(name, kind));
        let key = new_key();
        let keys = key_file(&key);
        let with_keys = ["--jwks-file", keys.path().to_str().unwrap()];
        let mut signing = register(&place, &[words("Bank", "confidential").as_slice(), &with_keys].concat());
        signing["key"] = key;
        let clients = json!({
            "public": application("Shop", "public"),
            "other": application("Forum", "public"),
            "confidential": application("Console", "confidential"),
            "signing": signing,
            "service": register(&place, &["Worker", "--kind", "service", "--scope", "orders:read"]),
        });
        Self {
            client,
            clients,
            _program: program,
            place,
        }
    }

    /// Registers another client, and returns its id and secret.
    pub(super) fn register(&self, words: &[&str]) -> Value {
        register(&self.place, words)
    }

    /// Signs a new user in, and returns their access token.
    pub(super) fn user(&self) -> String {
        Person::sign_up(&self.client).1.access
    }

    /// Describes the scene to a program, with the access tokens of some users.
    fn described(&self, users: usize) -> String {
        let users: Vec<String> = (0..users).map(|_| self.user()).collect();
        json!({
            "issuer": self.client.issuer(), "api": API, "callback": CALLBACK, "goodbye": GOODBYE,
            "clients": self.clients, "users": users,
        })
        .to_string()
    }
}

/// How an operator describes an application.
fn words<'a>(name: &'a str, kind: &'a str) -> Vec<&'a str> {
    let scopes = ["openid", "profile", "email", "offline_access", "orders:read"].map(|scope| ["--scope", scope]);
    let mut words = vec![name, "--kind", kind, "--redirect-uri", CALLBACK];
    words.extend(["--post-logout-redirect-uri", GOODBYE]);
    words.extend(scopes.as_flattened());
    words
}

/// Makes the private key of a client that signs who it is, as a JWK.
fn new_key() -> Value {
    let make = "const { privateKey } = require('node:crypto').generateKeyPairSync('ec', { namedCurve: 'P-256' }); \
                console.log(JSON.stringify(privateKey.export({ format: 'jwk' })))";
    let made = Command::new("node")
        .args(["-e", make])
        .env_remove("NODE_OPTIONS")
        .output();
    let mut key: Value = serde_json::from_slice(&made.unwrap().stdout).unwrap();
    key["kid"] = json!("of the bank");
    key
}

/// Writes the public part for the operator.
fn key_file(key: &Value) -> NamedTempFile {
    let mut public = key.clone();
    public.as_object_mut().unwrap().remove("d").unwrap();
    let file = NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, &json!({"keys": [public]})).unwrap();
    file
}

/// Registers a client, and returns its id and secret.
fn register(place: &DataDir, words: &[&str]) -> Value {
    let launch = Launch::of("clients").args(["create", "--json", "--resource", API]);
    let ended = launch.args(words).data_dir(place).run().expect(0);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Runs a module for Node, which fails at the first step that does not go as expected.
fn run_module(name: &str, scene: &str) {
    prepared("node/node_modules/openid-client");
    beside_its_modules("user.mjs");
    let mut node = Command::new("node");
    node.arg(beside_its_modules(name)).env_remove("NODE_OPTIONS");
    run(node, scene);
}

#[track_caller]
fn run(mut command: Command, scene: &str) {
    let output = command.arg(scene).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn stock_clients_show_that_they_have_the_key_of_their_tokens() {
    run_module("dpop.mjs", &Scene::set(&[]).described(2));
}

/// A verifier of bound tokens that others wrote takes the good requests of the test vectors, and no others.
#[test]
fn oauth4webapi_decides_about_the_test_vectors_of_bound_tokens_as_they_say() {
    let scene = Scene::set(&[]);
    let vectors = scene.client.get("/dev/test-vectors").expect(200).json();
    assert!(vectors["dpop"].as_array().unwrap().len() > 20);
    run_module("dpop_vectors.mjs", &vectors.to_string());
}

#[test]
fn openid_client_signs_users_in_as_every_kind_of_client() {
    run_module("openid_client.mjs", &Scene::set(&[]).described(9));
}

#[test]
fn oauth4webapi_finds_every_answer_as_the_standards_write_it() {
    for algorithm in ["ES256", "RS256", "EdDSA"] {
        let scene = Scene::set(&[("VESTIBULE_SIGNING_ALG", algorithm)]);
        run_module("oauth4webapi.mjs", &scene.described(6));
    }
}

#[test]
fn oidc_client_ts_signs_users_in_as_every_kind_of_client() {
    run_module("oidc_client_ts.mjs", &Scene::set(&[]).described(4));
}

#[test]
fn authlib_signs_users_in_as_every_kind_of_client() {
    let mut python = Command::new(prepared("python/bin/python"));
    python.arg(source("authlib_session.py"));
    run(python, &Scene::set(&[]).described(5));
}
