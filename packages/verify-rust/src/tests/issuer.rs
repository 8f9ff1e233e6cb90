//! A server with the documents of the service, which a test makes fail.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::clock::Clock;

/// What it does in place of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Error,
    Redirect,
    Garbage,
    Empty,
    Silence,
    Drip,
    Flood,
}

struct State {
    key: EcdsaKeyPair,
    kid: String,
    asked: HashMap<String, usize>,
    faults: HashMap<&'static str, Fault>,
    metadata: Value,
    list: Value,
}

/// The server, which ends with the tests.
pub(super) struct Issuer {
    pub(super) url: String,
    pub(super) clock: Clock,
    state: Arc<Mutex<State>>,
}

fn new_key() -> EcdsaKeyPair {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap()
}

impl Issuer {
    pub(super) fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            key: new_key(),
            kid: "1".to_owned(),
            asked: HashMap::new(),
            faults: HashMap::new(),
            metadata: json!({}),
            list: json!({}),
        };
        let state = Arc::new(Mutex::new(state));
        let own = Self {
            url: url.clone(),
            clock: clock.clone(),
            state: state.clone(),
        };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let server = Self {
                    url: url.clone(),
                    clock: clock.clone(),
                    state: state.clone(),
                };
                thread::spawn(move || server.answer(connection.unwrap()));
            }
        });
        own
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn asked(&self, path: &str) -> usize {
        self.state().asked.get(path).copied().unwrap_or_default()
    }

    pub(super) fn fail(&self, path: &'static str, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.state().faults.insert(path, fault),
            None => self.state().faults.remove(path),
        };
    }

    pub(super) fn change_metadata(&self, metadata: Value) {
        self.state().metadata = metadata;
    }

    pub(super) fn change_list(&self, list: Value) {
        self.state().list = list;
    }

    /// Makes the key that signs from now on. The older one is not published any longer.
    pub(super) fn rotate(&self) {
        let mut state = self.state();
        state.key = new_key();
        state.kid.push('1');
    }

    /// Returns the claims of a good access token of a user in person.
    pub(super) fn good(&self) -> Value {
        let now = self.clock.seconds();
        json!({
            "iss": self.url, "aud": self.url, "sub": "jo", "client_id": "vestibule", "sid": "s", "jti": "j", "iat": now,
            "nbf": now, "exp": now + 600, "auth_time": now, "acr": "aal2", "amr": ["pwd", "otp", "mfa"],
        })
    }

    /// Returns an access token that is good but for `changes`; a claim that is `null` is left out.
    pub(super) fn token(&self, changes: &Value) -> String {
        let kid = self.state().kid.clone();
        self.sign(&merged(self.good(), changes), "at+jwt", Some(&kid))
    }

    pub(super) fn sign(&self, claims: &Value, typ: &str, kid: Option<&str>) -> String {
        self.sign_with(&json!({"kid": kid}), claims, typ)
    }

    /// Returns the thumbprint of the key that the issuer signs with, which stands for one of a client (RFC 7638 §3).
    pub(super) fn thumbprint(&self) -> String {
        let key = self.public_key();
        let required = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
        hash_of(&required)
    }

    /// Returns a proof of possession by that key, for `GET /` of a back end and a token.
    pub(super) fn proof(&self, back_end: &str, token: &str, jti: &str) -> String {
        let claims = json!({
            "jti": jti, "htm": "GET", "htu": format!("{back_end}/"), "iat": self.clock.seconds(),
            "ath": hash_of(token),
        });
        self.sign_with(&json!({"jwk": self.public_key()}), &claims, "dpop+jwt")
    }

    fn sign_with(&self, more: &Value, claims: &Value, typ: &str) -> String {
        let header = merged(json!({"alg": "ES256", "typ": typ}), more);
        let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = self.state().key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn answer(&self, mut connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            let target = line.split(' ').nth(1).unwrap().to_owned();
            while line.trim() != "" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            *self.state().asked.entry(path.to_owned()).or_default() += 1;
            let fault = self.state().faults.get(path).copied();
            match fault {
                Some(fault) => return misbehave(&mut connection, fault),
                None => send(&mut connection, "200 OK", &self.document(path, query)),
            }
        }
    }

    fn document(&self, path: &str, query: &str) -> String {
        match path {
            "/keys" => self.key_set().to_string(),
            "/ended" => self.list(query.strip_prefix("after=").unwrap()),
            _ => {
                let (url, changes) = (&self.url, self.state().metadata.clone());
                let documents = json!({
                    "issuer": url, "jwks_uri": format!("{url}/keys"), "ended_sessions_endpoint": format!("{url}/ended"),
                });
                merged(documents, &changes).to_string()
            }
        }
    }

    fn public_key(&self) -> Value {
        let state = self.state();
        let point = state.key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    fn key_set(&self) -> Value {
        let more = json!({"kid": self.state().kid, "alg": "ES256", "use": "sig"});
        json!({"keys": [merged(self.public_key(), &more)]})
    }

    fn list(&self, after: &str) -> String {
        let (now, kid) = (self.clock.seconds(), self.state().kid.clone());
        let changes = self.state().list.clone();
        let list = json!({
            "iss": self.url, "iat": now, "exp": now + 700, "ended": [], "cursor": "c", "more": false, "after": after,
        });
        self.sign(&merged(list, &changes), "ended+jwt", Some(&kid))
    }
}

/// Returns the SHA-256 of a text in base64url.
pub(super) fn hash_of(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

fn merged(mut all: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    all
}

fn send(connection: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

fn misbehave(connection: &mut TcpStream, fault: Fault) {
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    match fault {
        Fault::Error => send(connection, "500 Internal Server Error\r\nConnection: close", ""),
        Fault::Redirect => send(
            connection,
            "302 Found\r\nConnection: close\r\nLocation: https://other.example/",
            "",
        ),
        Fault::Garbage => send(connection, "200 OK\r\nConnection: close", "<html>"),
        Fault::Empty => send(connection, "200 OK\r\nConnection: close", "{\"keys\":[]}"),
        Fault::Silence => thread::sleep(Duration::from_secs(5)),
        Fault::Drip => {
            let _ = connection.write_all(endless.as_bytes());
            while connection.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        }
        Fault::Flood => {
            let _ = connection.write_all(endless.as_bytes());
            while connection.write_all(&[b' '; 65536]).is_ok() {}
        }
    }
}
