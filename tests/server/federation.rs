//! Upstream providers: one that does not answer delays its own users only, and operators unlink identities.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Method;
use url::Url;

use super::http::{Answer, Client};
use super::instances::{MASTER_KEY, PUBLIC_URL, instance};
use super::person::Person;
use super::postgres::Database;
use super::program::{Ended, Launch, open_directory};
use super::quiet;
use crate::support::peer::Peer;
use crate::support::waits::PATIENCE;

/// How many requests of one instance wait for one provider.
const PLACES: usize = 16;
const BACK: &str = "https://app.example.com/signed-in";

/// The provider that lies, and a file that names some of its issuers.
pub(crate) struct Providers {
    peer: Peer,
    directory: TempDir,
}

impl Providers {
    /// Each name is one provider, and the lie that it tells. Only `honest` is believed, for `example.com`.
    pub(crate) fn start(names: &[&str]) -> Self {
        let peer = Peer::start("lying_provider.py", &[]);
        let directory = open_directory();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        let table = |name: &&str| {
            let believed = if *name == "honest" { "\"example.com\"" } else { "" };
            format!(
                "[providers.{name}]\nname = \"The {name}\"\nissuer = \"http://127.0.0.1:{}/{name}\"\n\
                 client_id = \"vestibule\"\nclient_secret_file = \"secret\"\nredirect_uris = [\"{BACK}\"]\n\
                 authoritative = [{believed}]\n\n",
                peer.port
            )
        };
        let file: String = names.iter().map(table).collect();
        fs::write(directory.path().join("providers.toml"), file).unwrap();
        Self { peer, directory }
    }

    /// Returns the path of the file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("providers.toml")
    }

    fn instance(&self, database: &Database) -> Launch {
        let launch = instance(database.url()).env("VESTIBULE_OIDC_PROVIDERS_FILE", self.file());
        launch.env("VESTIBULE_TWO_FACTOR_POLICY", "optional")
    }

    /// Signs a user of a provider in, or links them to the account of an access token.
    #[track_caller]
    pub(crate) fn sign_in(&self, client: &Client, provider: &str, user: &Value, token: Option<&str>) -> Answer {
        let post = |step: &str, body: &Value| {
            let path = format!("/federation/{provider}/{step}");
            client.send(Method::POST, &path, token, Some(body)).expect(200)
        };
        let started = post("start", &json!({"redirect_uri": BACK}));
        let url = Url::parse(&started.text_at("/authorization_url")).unwrap();
        let challenge = url.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1;
        let code = json!({"user": user, "nonce": started.text_at("/nonce"), "challenge": challenge});
        let body = json!({
            "federation_token": started.text_at("/federation_token"), "state": started.text_at("/state"),
            "code": URL_SAFE_NO_PAD.encode(code.to_string()),
            "iss": format!("http://127.0.0.1:{}/{provider}", self.peer.port),
        });
        post("finish", &body)
    }

    #[track_caller]
    fn access_token(&self, client: &Client, provider: &str, user: &Value) -> String {
        self.sign_in(client, provider, user, None).text_at("/access_token")
    }

    /// Runs `vestibule users`, as an operator of the deployment does.
    fn users(&self, database: &Database, words: &[&str]) -> Ended {
        let settings = Launch::of("users").args(words);
        let settings = settings.env("DATABASE_URL", database.url());
        settings
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
            .env("VESTIBULE_OIDC_PROVIDERS_FILE", self.file())
            .run()
    }
}

fn start(client: &Client, provider: &str) -> Answer {
    client.post(&format!("/federation/{provider}/start"), &json!({"redirect_uri": BACK}))
}

#[test]
fn a_provider_that_does_not_answer_delays_its_own_users_only() {
    quiet::alone();
    let providers = Providers::start(&["discovery-slow", "honest"]);
    let database = Database::create();
    let program = providers.instance(&database).start();
    let client = program.ready();
    let (jo, tokens) = Person::sign_up(&client);
    let (sender, answered) = channel();
    for _ in 0..=PLACES {
        let (sender, client) = (sender.clone(), Client::new(client.address()));
        thread::spawn(move || sender.send(start(&client, "discovery-slow")).unwrap());
    }
    // One finds no place and is refused at once, so all places are taken.
    let refused = answered.recv_timeout(PATIENCE).unwrap();
    let refused = refused.problem(503, "provider_unavailable").json();
    assert_eq!(refused["detail"], "Too many requests wait for it.");
    // Each is served while all of them wait.
    let login = json!({"email": jo.email, "password": jo.password});
    client.post("/login", &login).expect(200);
    let refresh = json!({"refresh_token": tokens.refresh});
    client.post("/token/refresh", &refresh).expect(200);
    let alice = json!({"sub": "alice", "email": "alice@example.com", "email_verified": true});
    providers.access_token(&client, "honest", &alice);
    assert!(answered.try_recv().is_err(), "the provider was waited for all the time");
    for _ in 0..PLACES {
        let late = answered.recv_timeout(PATIENCE).unwrap();
        assert_eq!(late.header("retry-after"), "5");
        late.problem(503, "provider_unavailable");
    }
    program.stop().expect(0);
}

#[test]
fn an_identity_is_unlinked_on_the_command_line_unless_its_owner_could_not_come_back() {
    let providers = Providers::start(&["honest", "second"]);
    let database = Database::create();
    let program = providers.instance(&database).start();
    let client = program.ready();
    let identity = |user: &str| {
        let shown = providers.users(&database, &["show", user, "--json"]).expect(0);
        let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
        shown["identities"][0].clone()
    };
    let unlink = |user: &str, id: &Value| providers.users(&database, &["unlink", user, id.as_str().unwrap()]);
    // The address of the first is not verified. Its reader comes with a provider that is believed, and gets it.
    let mistyped = json!({"sub": "mistyped", "email": "alice@example.com"});
    let without_address = providers.access_token(&client, "second", &mistyped);
    let alice = json!({"sub": "alice", "email": "alice@example.com", "email_verified": true});
    let access = providers.access_token(&client, "honest", &alice);
    let me = client.get_as(&without_address, "/me").expect(200).json();
    assert_eq!((&me["email"], &me["has_password"]), (&json!(null), &json!(false)));
    let name = me["username"].as_str().unwrap();
    let only = identity(name);
    assert_eq!(
        (&only["provider"], &only["email"]),
        (&json!("second"), &json!("alice@example.com"))
    );
    unlink(name, &only["id"]).expect(1).saying("no link could give it back");
    client.get_as(&without_address, "/me").expect(200);
    assert_eq!(identity(name)["id"], only["id"]);

    let linked = identity("alice@example.com");
    unlink("alice@example.com", &only["id"])
        .expect(1)
        .saying("has no such identity");
    let text = providers
        .users(&database, &["show", "alice@example.com"])
        .expect(0)
        .stdout;
    assert!(text.contains("The honest, alice@example.com (linked "), "{text}");
    let done = unlink("alice@example.com", &linked["id"]).expect(0).stdout;
    assert_eq!(done, "the identity of alice@example.com is unlinked\n");
    assert_eq!(identity("alice@example.com"), json!(null));
    client.get_as(&access, "/me").problem(401, "invalid_token");
    let trail = "SELECT provider || ' ' || reason FROM audit_events WHERE event = 'identity_unlinked'";
    assert_eq!(database.sql(trail), "honest by_operator");
    unlink("alice@example.com", &linked["id"]).expect(1);
    unlink("alice@example.com", &json!("x")).expect(2);
    program.stop().expect(0);
}
