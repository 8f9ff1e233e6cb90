//! Clients that sign who they are: what is accepted, and what an attacker tries.

use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule::crypto::jwt;
use vestibule::crypto::signing_key::SigningKey;
use vestibule::domain::clock::Clock;
use vestibule::domain::signing_key::SigningAlgorithm;

use crate::support::app::TestApp;
use crate::support::applications::service;
use crate::support::response::TestResponse;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Signer {
    key: SigningKey,
    id: String,
}

fn new_key(algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap()
}

impl Signer {
    async fn register(app: &TestApp, algorithm: SigningAlgorithm) -> Self {
        let key = new_key(algorithm);
        let mut described = service(&format!("Worker {}", algorithm.as_str()));
        described.jwks = Some(json!({"keys": [key.public]}).to_string());
        let (client, secret) = app.client(described).await;
        assert!(secret.is_none(), "it needs none");
        Self {
            key,
            id: client.id.uuid().to_string(),
        }
    }

    fn claims(&self, app: &TestApp, jti: &str) -> Value {
        let now = app.clock.now().timestamp();
        json!({
            "iss": self.id, "sub": self.id, "aud": "https://auth.example.com", "exp": now + 60, "iat": now, "jti": jti,
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.key.algorithm.as_str(), "kid": self.key.public.kid});
        jwt::sign_as_is(&self.key, &header, claims).unwrap()
    }
}

async fn present(app: &TestApp, assertion: &str, more: &[(&str, &str)]) -> TestResponse {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    app.send(TestRequest::post().uri("/oauth/token").set_form(form)).await
}

#[actix_web::test]
async fn an_assertion_of_each_algorithm_lets_its_client_in_once() {
    let app = TestApp::new().await;
    for algorithm in SigningAlgorithm::ALL {
        let worker = Signer::register(&app, algorithm).await;
        let assertion = worker.sign(&worker.claims(&app, "one"));
        present(&app, &assertion, &[("client_id", &worker.id)])
            .await
            .expect(200);
        present(&app, &assertion, &[]).await.expect_oauth(401, "invalid_client");
        // The number counts, whatever else the assertion says.
        let mut again = worker.claims(&app, "one");
        again["exp"] = json!(app.clock.now().timestamp() + 120);
        present(&app, &worker.sign(&again), &[])
            .await
            .expect_oauth(401, "invalid_client");
        let next = worker.sign(&worker.claims(&app, "two"));
        present(&app, &next, &[]).await.expect(200);
    }
}

#[actix_web::test]
async fn of_a_crowd_with_one_assertion_one_gets_in() {
    let app = TestApp::serving().await;
    let worker = Signer::register(&app, SigningAlgorithm::Es256).await;
    let assertion = worker.sign(&worker.claims(&app, "one"));
    let answers = futures_util::future::join_all((0..10).map(|_| present(&app, &assertion, &[]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[actix_web::test]
async fn other_assertions_are_refused() {
    let app = TestApp::new().await;
    let worker = Signer::register(&app, SigningAlgorithm::Es256).await;
    let other = Signer::register(&app, SigningAlgorithm::EdDsa).await;
    let good = worker.claims(&app, "a");
    let changed = |member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        claims
    };
    let unsigned = |header: Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(&good))
    };
    let with_header = |header: Value| jwt::sign_as_is(&worker.key, &header, &good).unwrap();
    let now = app.clock.now().timestamp();
    let kid = &worker.key.public.kid;
    let by_public_key = jwt::sign_with_public_key(&worker.key, &json!({"alg": "HS256", "kid": kid}), &good);
    for (why, assertion) in [
        ("another client's key", other.sign(&good)),
        ("another client", worker.sign(&changed("sub", json!(other.id)))),
        ("two clients", worker.sign(&changed("iss", json!(other.id)))),
        (
            "another service",
            worker.sign(&changed("aud", json!("https://other.example.com"))),
        ),
        ("expired", worker.sign(&changed("exp", json!(now)))),
        ("for two hours", worker.sign(&changed("exp", json!(now + 7200)))),
        ("too early", worker.sign(&changed("nbf", json!(now + 60)))),
        ("no number", worker.sign(&changed("jti", Value::Null))),
        ("none", unsigned(json!({"alg": "none", "kid": kid}))),
        ("the public key as a secret", by_public_key),
        ("another algorithm", unsigned(json!({"alg": "RS256", "kid": kid}))),
        (
            "a critical extension",
            with_header(json!({"alg": "ES256", "kid": kid, "crit": ["x"], "x": 1})),
        ),
        (
            "an access token's type",
            with_header(json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"})),
        ),
        ("not a token", "x".to_owned()),
    ] {
        let answer = present(&app, &assertion, &[("scope", "orders:read")]).await;
        assert_eq!(answer.status, 401, "{why}");
    }
}

#[actix_web::test]
async fn an_assertion_stands_alone_and_names_one_client() {
    let app = TestApp::new().await;
    let worker = Signer::register(&app, SigningAlgorithm::Es256).await;
    let other = Signer::register(&app, SigningAlgorithm::EdDsa).await;
    let assertion = |jti: &str| worker.sign(&worker.claims(&app, jti));
    present(&app, &assertion("a"), &[("client_id", &other.id)])
        .await
        .expect_oauth(401, "invalid_client");
    present(&app, &assertion("b"), &[("client_secret", "vcs_x")])
        .await
        .expect_oauth(400, "invalid_request");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion", &assertion("c")),
    ];
    let untyped = TestRequest::post().uri("/oauth/token").set_form(form);
    app.send(untyped).await.expect_oauth(400, "invalid_request");
}

#[test]
fn only_public_keys_that_are_strong_enough_are_registered() {
    use vestibule::crypto::client_keys::ClientKeys;
    let good = json!(new_key(SigningAlgorithm::Es256).public);
    assert!(ClientKeys::parse(&json!({"keys": [good]}).to_string()).is_ok());
    let mut private = good.clone();
    private["d"] = json!("x");
    let short = json!({"kty": "RSA", "n": "a".repeat(171), "e": "AQAB"});
    let symmetric = json!({"kty": "oct", "k": "AAAA"});
    for keys in [
        json!([]),
        json!([private]),
        json!([short]),
        json!([symmetric]),
        json!(vec![good; 11]),
    ] {
        assert!(ClientKeys::parse(&json!({"keys": keys}).to_string()).is_err(), "{keys}");
    }
}
