//! Tokens that the service would never issue, and an issuer to verify them against.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The bytes before the point in the DER encoding of a P-256 public key (RFC 5480).
const P256_PUBLIC_KEY: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// The id of the forger's key.
pub(super) const KID: &str = "forged";

/// An attacker with a key that is not the service's.
pub(super) struct Forger {
    key: EcdsaKeyPair,
}

impl Forger {
    pub(super) fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    /// Signs with ES256, whatever the header says.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Publishes metadata and key until the test program ends, and returns the issuer.
    pub(super) fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/keys"),
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let (x, y) = self.key.public_key().as_ref().get(1..).unwrap().split_at(32);
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]});
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &metadata, &keys);
            }
        });
        issuer
    }
}

fn answer(mut stream: TcpStream, metadata: &Value, keys: &Value) {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let keys_at = ["GET /keys ", "GET /.well-known/jwks.json "];
    let for_keys = head
        .first()
        .is_some_and(|line| keys_at.iter().any(|request| line.starts_with(request)));
    let body = if for_keys { keys } else { metadata }.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    // The client may have closed the connection.
    let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
}

/// Returns the header and the claims of a token, without verifying it.
pub(super) fn parts(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

/// Encodes a part of a token.
pub(super) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Makes a token whose header says that it has no signature.
pub(super) fn unsigned(header: &Value, claims: &Value, algorithm: &str) -> String {
    let mut header = header.clone();
    header["alg"] = json!(algorithm);
    format!("{}.{}.", encode(&header), encode(claims))
}

/// Makes a token that is authenticated with a known secret.
pub(super) fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let mut header = header.clone();
    header["alg"] = json!("HS256");
    let message = format!("{}.{}", encode(&header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Returns a public P-256 key in the forms that a careless verifier might use as an HMAC secret.
pub(super) fn public_key_as_secret(jwk: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let der = [P256_PUBLIC_KEY.to_vec(), coordinate("x"), coordinate("y")].concat();
    let base64 = STANDARD.encode(&der);
    let (first, second) = base64.split_at(64);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
    vec![
        ("HS256 with the key in PEM", pem.clone().into_bytes()),
        (
            "HS256 with the key in PEM without the last line's end",
            pem.trim_end().as_bytes().to_vec(),
        ),
        ("HS256 with the key in DER", der),
        ("HS256 with the JWK", jwk.to_string().into_bytes()),
        ("HS256 with nothing", Vec::new()),
    ]
}
