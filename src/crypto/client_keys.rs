//! The public keys of clients, and the signatures of their assertions. Proofs of possession (`crypto::dpop`) are by the
//! same kinds of keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::domain::oauth::client_assertion::AssertionClaims;

const LONGEST_SET: usize = 16 * 1024;
const LONGEST_ASSERTION: usize = 4096;
const MOST_KEYS: usize = 10;
/// Members of a private key (RFC 7518 §6). An operator who registers one has published it by mistake.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// The public keys of a client.
pub struct ClientKeys(Vec<(Jwk, Algorithm, DecodingKey)>);

impl ClientKeys {
    /// Parses a JWK set (RFC 7517 §5).
    ///
    /// # Errors
    ///
    /// Describes the expected set.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let unreadable =
            "must be a JWK set of 1 to 10 public keys: EC with P-256, Ed25519, or RSA of 2048 bits or more";
        let plain: serde_json::Value = serde_json::from_str(text).map_err(|_unreadable| unreadable)?;
        let listed = plain
            .get("keys")
            .and_then(serde_json::Value::as_array)
            .ok_or(unreadable)?;
        if listed.iter().any(is_private) {
            return Err("must have no private keys; replace these, since they have been shown");
        }
        let set: JwkSet = serde_json::from_value(plain).map_err(|_unreadable| unreadable)?;
        let keys: Option<Vec<_>> = set.keys.into_iter().map(usable).collect();
        let keys = keys.filter(|keys| text.len() <= LONGEST_SET && (1..=MOST_KEYS).contains(&keys.len()));
        keys.map(Self).ok_or(unreadable)
    }

    /// Returns the claims of an assertion that one of the keys signed. The caller checks the claims.
    pub fn verify(&self, assertion: &str) -> Option<AssertionClaims> {
        if assertion.len() > LONGEST_ASSERTION {
            return None;
        }
        let header = jsonwebtoken::decode_header(assertion).ok()?;
        if !is_understood(assertion) {
            return None;
        }
        let mut fitting = self.0.iter().filter(|(jwk, algorithm, _key)| {
            let is_named = header.kid.is_none() || header.kid == jwk.common.key_id;
            is_named && is_of_key(header.alg, *algorithm)
        });
        fitting.find_map(|(_jwk, _algorithm, key)| decode(assertion, header.alg, key))
    }
}

/// Returns whether the header asks for nothing that is not done here (RFC 7515 §4.1.11), and names no other kind of
/// token (RFC 8725 §3.11).
fn is_understood(assertion: &str) -> bool {
    let header = assertion
        .split('.')
        .next()
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<serde_json::Value> = header.and_then(|json| serde_json::from_slice(&json).ok());
    header.is_some_and(|header| {
        let kind = header.get("typ").and_then(serde_json::Value::as_str);
        let is_known = kind.is_none_or(|kind| ["JWT", "client-authentication+jwt"].contains(&kind));
        is_known && header.get("crit").is_none() && header.get("b64").is_none()
    })
}

/// Returns whether a key has members that only its owner may know.
pub(super) fn is_private(key: &serde_json::Value) -> bool {
    PRIVATE.iter().any(|member| key.get(member).is_some())
}

/// An RSA key signs with either padding; the others have one algorithm.
pub(super) fn is_of_key(presented: Algorithm, of_key: Algorithm) -> bool {
    presented == of_key || (of_key == Algorithm::PS256 && presented == Algorithm::RS256)
}

/// Returns a key with the algorithm that it signs with, if it is of a kind that is in use here.
pub(super) fn usable(jwk: Jwk) -> Option<(Jwk, Algorithm, DecodingKey)> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        // 256 bytes are 342 characters.
        AlgorithmParameters::RSA(key) if key.n.len() >= 342 => Algorithm::PS256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk, algorithm, key))
}

fn decode(assertion: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<AssertionClaims> {
    let mut validation = Validation::new(algorithm);
    // `domain::oauth::client_assertion` checks the claims, against the injected clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    #[expect(
        clippy::disallowed_methods,
        reason = "reads assertions of clients, whose claims are checked by the caller"
    )]
    let decoded = jsonwebtoken::decode::<AssertionClaims>(assertion, key, &validation);
    decoded.ok().map(|decoded| decoded.claims)
}

/// Returns the client that an assertion claims to be of. Nothing of it is verified: this only says whose keys to take.
pub fn claimed_client(assertion: &str) -> Option<AssertionClaims> {
    let claims = jsonwebtoken::dangerous::insecure_decode_claims;
    claims(assertion).ok()
}
