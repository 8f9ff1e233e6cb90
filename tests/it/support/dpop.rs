//! A client with a key, which shows with each request that it has it (RFC 9449).

use std::cell::RefCell;

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule::domain::clock::Clock;

use super::actors::{PASSWORD, Person};
use super::app::{PUBLIC_URL, TestApp};
use super::response::TestResponse;

/// A client that keeps a key pair and the newest nonce.
pub(crate) struct Prover {
    pair: EcdsaKeyPair,
    nonce: RefCell<Option<String>>,
}

/// What a proof says, for tests that change it.
pub(crate) struct Proof {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

/// A signed-in user whose session is bound.
pub(crate) struct Bound {
    pub(crate) prover: Prover,
    pub(crate) person: Person,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Prover {
    /// Makes a key pair.
    pub(crate) fn new() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            nonce: RefCell::default(),
        }
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
    }

    /// Its thumbprint.
    pub(crate) fn jkt(&self) -> String {
        // serde_json writes members in the order of their names.
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.jwk().to_string().as_bytes()))
    }

    /// Describes a proof for a request.
    pub(crate) fn describe(&self, app: &TestApp, method: &Method, path: &str, token: Option<&str>) -> Proof {
        let path = path.split('?').next().unwrap();
        let mut claims = json!({
            "jti": "a", "htm": method.as_str(), "htu": format!("{PUBLIC_URL}{path}"), "iat": app.clock.now().timestamp(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
        }
        if let Some(nonce) = &*self.nonce.borrow() {
            claims["nonce"] = json!(nonce);
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        Proof { header, claims }
    }

    /// Signs a proof.
    pub(crate) fn sign(&self, proof: &Proof) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&proof.header), encode(&proof.claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// Makes a proof for a request.
    pub(crate) fn prove(&self, app: &TestApp, method: &Method, path: &str, token: Option<&str>) -> String {
        self.sign(&self.describe(app, method, path, token))
    }

    /// Keeps the nonce of an answer.
    fn keep_nonce(&self, answer: &TestResponse) {
        if let Some(nonce) = answer.header("dpop-nonce") {
            *self.nonce.borrow_mut() = Some(nonce.to_owned());
        }
    }

    /// Sends a request without a token as a client does: with a proof, and once more if it needs another nonce.
    pub(crate) async fn post(&self, app: &TestApp, path: &str, body: &Value) -> TestResponse {
        let send = async || {
            let proof = self.prove(app, &Method::POST, path, None);
            let request = TestRequest::post().uri(path).insert_header(("dpop", proof));
            app.send(request.set_json(body)).await
        };
        self.repeated(send).await
    }

    /// Sends a form of a client.
    pub(crate) async fn form(&self, app: &TestApp, path: &str, form: &[(&str, &str)]) -> TestResponse {
        let send = async || {
            let proof = self.prove(app, &Method::POST, path, None);
            let request = TestRequest::post().uri(path).insert_header(("dpop", proof));
            app.send(request.set_form(form)).await
        };
        self.repeated(send).await
    }

    /// Sends a request with a bound token as a client does.
    pub(crate) async fn call(
        &self,
        app: &TestApp,
        (method, path): (Method, &str),
        token: &str,
        body: Option<&Value>,
    ) -> TestResponse {
        let send = async || {
            let proof = self.prove(app, &method, path, Some(token));
            let request = TestRequest::with_uri(path).method(method.clone());
            let request = with_proof(request, token, proof);
            app.send(match body {
                Some(body) => request.set_json(body),
                None => request,
            })
            .await
        };
        self.repeated(send).await
    }

    /// Reads with a bound token.
    pub(crate) async fn get(&self, app: &TestApp, path: &str, token: &str) -> TestResponse {
        self.call(app, (Method::GET, path), token, None).await
    }

    async fn repeated(&self, send: impl AsyncFn() -> TestResponse) -> TestResponse {
        let first = send().await;
        self.keep_nonce(&first);
        if first.status.is_success() || !String::from_utf8_lossy(&first.body).contains("use_dpop_nonce") {
            return first;
        }
        let second = send().await;
        self.keep_nonce(&second);
        second
    }

    /// Registers and signs in.
    pub(crate) async fn sign_up(self, app: &TestApp, email: &str) -> Bound {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.post(app, "/register", &body).await.expect(201);
        let person = Person {
            id: answer.text("/user/id"),
            email: email.to_owned(),
            secret: answer.text("/totp/secret"),
            pre_auth_token: answer.text("/pre_auth_token"),
        };
        let body = json!({"pre_auth_token": person.pre_auth_token, "code": person.code(app)});
        let answer = self.post(app, "/2fa/verify", &body).await.expect(200);
        assert_eq!(answer.text("/token_type"), "DPoP");
        Bound {
            access_token: answer.text("/access_token"),
            refresh_token: answer.text("/refresh_token"),
            prover: self,
            person,
        }
    }
}

/// Adds a bound token with a proof.
pub(crate) fn with_proof(request: TestRequest, token: &str, proof: String) -> TestRequest {
    request
        .insert_header((header::AUTHORIZATION, format!("DPoP {token}")))
        .insert_header(("dpop", proof))
}
