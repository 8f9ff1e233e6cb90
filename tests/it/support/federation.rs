//! Upstream providers: a peer that tells the truth, and lies where its path says so.

use std::fs;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::actors::SignedIn;
use super::app::{PUBLIC_URL, TestApp};
use super::peer::Peer;
use super::providers::all_received;
use super::response::TestResponse;

/// Where the browsers of tests come back to.
pub(crate) const BACK: &str = "https://app.example.com/signed-in";

/// The peer, with the file of an operator that names some of its providers.
pub(crate) struct Providers {
    peer: Peer,
    directory: TempDir,
}

/// A sign-in at a provider that was started.
#[derive(Clone)]
pub(crate) struct Started {
    pub(crate) provider: String,
    pub(crate) federation_token: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    challenge: Option<String>,
}

impl Providers {
    /// Starts the peer. Each name is one provider, and the lie that it tells. All are believed for `example.com`.
    pub(crate) fn start(names: &[&str]) -> Self {
        let peer = Peer::start("lying_provider.py", &[]);
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        let providers = Self { peer, directory };
        let described: Vec<String> = names.iter().map(|name| providers.describe(name)).collect();
        fs::write(providers.file(), described.concat()).unwrap();
        providers
    }

    fn describe(&self, name: &str) -> String {
        format!(
            "[providers.{name}]\nname = \"The {name}\"\nissuer = \"{}\"\nclient_id = \"vestibule\"\n\
             client_secret_file = \"secret\"\nredirect_uris = [\"{BACK}\"]\nnative_client_ids = [\"app\"]\n\
             authoritative = [\"example.com\"]\ntrusted_amr = [\"mfa\"]\ntrusted_acr = [\"urn:two\"]\n\n",
            self.issuer(name)
        )
    }

    /// Returns the issuer of a provider.
    pub(crate) fn issuer(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.peer.port)
    }

    /// Returns the paths that the peer was asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        let lines = all_received(&self.peer);
        lines
            .iter()
            .map(|line| line["path"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns the path of the operator's file.
    pub(crate) fn file(&self) -> String {
        self.directory
            .path()
            .join("providers.toml")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Starts the application with these providers and some settings. Its clock shows the time of the machine: the peer
    /// has no other one.
    pub(crate) async fn app(&self, settings: &[(&str, &str)]) -> TestApp {
        self.app_at(PUBLIC_URL, settings).await
    }

    /// Starts a deployment with these providers, the master key of all tests, and a public URL of its own.
    pub(crate) async fn app_at(&self, public_url: &str, settings: &[(&str, &str)]) -> TestApp {
        let file = self.file();
        let mut all = vec![("OIDC_PROVIDERS_FILE", file.as_str())];
        all.extend(settings);
        TestApp::at_the_time_of_the_machine(public_url, &all).await
    }
}

impl Started {
    /// Reads the start of an app that gets an ID token from its system.
    pub(crate) fn native(provider: &str, answer: &TestResponse) -> Self {
        Self {
            provider: provider.to_owned(),
            federation_token: answer.text("/federation_token"),
            state: answer.text("/state"),
            nonce: answer.text("/nonce"),
            challenge: None,
        }
    }

    /// Returns the code that the provider gives for a user.
    pub(crate) fn code(&self, user: &Value) -> String {
        pack(&json!({"user": user, "nonce": self.nonce, "challenge": self.challenge}))
    }

    /// Returns the body that finishes the sign-in of a user.
    pub(crate) fn finishing(&self, app: &TestApp, user: &Value) -> Value {
        let provider = app.core().providers.find(&self.provider).unwrap();
        let issuer = provider.issuer.in_configuration();
        json!({
            "federation_token": self.federation_token, "code": self.code(user), "state": self.state, "iss": issuer,
        })
    }

    /// Finishes the sign-in of a user.
    pub(crate) async fn finish(&self, app: &TestApp, user: &Value) -> TestResponse {
        app.post(&self.path("finish"), &self.finishing(app, user)).await
    }

    /// Finishes the sign-in of a user with an access token.
    pub(crate) async fn finish_as(&self, app: &TestApp, token: &str, user: &Value) -> TestResponse {
        app.call_as(Method::POST, &self.path("finish"), token, &self.finishing(app, user))
            .await
    }

    pub(crate) fn path(&self, step: &str) -> String {
        format!("/federation/{}/{step}", self.provider)
    }
}

fn pack(thing: &Value) -> String {
    URL_SAFE_NO_PAD.encode(thing.to_string())
}

/// Starts a sign-in at a provider.
pub(crate) async fn start(app: &TestApp, provider: &str) -> Started {
    let uri = format!("/federation/{provider}/start");
    let answer = app.post(&uri, &json!({"redirect_uri": BACK})).await.expect(200);
    read(provider, &answer)
}

/// Starts linking an identity to the account of a token.
pub(crate) async fn start_linking(app: &TestApp, provider: &str, token: &str) -> Started {
    let uri = format!("/federation/{provider}/start");
    let body = json!({"redirect_uri": BACK});
    let answer = app.call_as(Method::POST, &uri, token, &body).await.expect(200);
    read(provider, &answer)
}

fn read(provider: &str, answer: &TestResponse) -> Started {
    let url = Url::parse(&answer.text("/authorization_url")).unwrap();
    let asked = |name: &str| {
        url.query_pairs()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.into_owned())
    };
    let callback = format!("{PUBLIC_URL}/federation/{provider}/callback");
    assert_eq!(asked("redirect_uri").as_deref(), Some(callback.as_str()));
    assert_eq!(asked("state"), Some(answer.text("/state")));
    assert_eq!(asked("nonce"), Some(answer.text("/nonce")));
    assert_eq!(asked("code_challenge_method").as_deref(), Some("S256"));
    Started {
        provider: provider.to_owned(),
        federation_token: answer.text("/federation_token"),
        state: answer.text("/state"),
        nonce: answer.text("/nonce"),
        challenge: asked("code_challenge"),
    }
}

/// Signs a user of a provider in, from the start on.
pub(crate) async fn sign_in(app: &TestApp, provider: &str, user: &Value) -> TestResponse {
    start(app, provider).await.finish(app, user).await
}

/// A user of a provider whose address the provider has verified.
pub(crate) fn verified(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "email": email, "email_verified": true})
}

/// Links an identity to the account of a user.
pub(crate) async fn link(app: &TestApp, provider: &str, to: &SignedIn, user: &Value) -> String {
    let started = start_linking(app, provider, &to.access_token).await;
    let answer = started.finish_as(app, &to.access_token, user).await.expect(200);
    assert_eq!(answer.text("/status"), "linked");
    answer.text("/identity/id")
}

/// Returns the redirection of a browser that comes back from a provider.
pub(crate) async fn come_back(app: &TestApp, provider: &str, query: &str) -> TestResponse {
    let uri = format!("/federation/{provider}/callback?{query}");
    app.send(TestRequest::get().uri(&uri)).await
}

/// Gets an ID token of a provider for a user, as the system of a phone does.
pub(crate) fn id_token(providers: &Providers, provider: &str, started: &Started, user: &Value, client: &str) -> String {
    let code = pack(&json!({"user": user, "nonce": started.nonce, "client_id": client}));
    let answer = ureq::post(format!("{}/token", providers.issuer(provider)))
        .header("authorization", "Basic dmVzdGlidWxlOnNlY3JldA==")
        .send_form([("grant_type", "authorization_code"), ("code", &code)])
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["id_token"].as_str().unwrap().to_owned()
}
