//! Signing and parsing the tokens of this service.
//!
//! A token is three parts in base64url (RFC 7515 §3.1). The library checks the signature; `domain::access_token` checks
//! the header and the claims, since the library's own `decode` checks too little (`typ` never, `aud` and `iss` only
//! when present) and reads the machine's clock. The claims' struct requires every member with its type, and a header
//! with any member besides `alg`, `typ` and `kid` is rejected (RFC 8725 §3.1, §3.11; RFC 7515 §4.1.11).
//!
//! Tokens are signed with a key that was parsed once, when it was loaded: the library's `encode` parses and checks the
//! private key for every token, which costs as much as signing.

use std::borrow::Borrow;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::signing_key::SigningKey;
use crate::domain::access_token::{AccessTokenHeader, MAX_LENGTH};
use crate::domain::signed_claims::SignedClaims;
use crate::domain::signing_key::SigningAlgorithm;

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SignError;

/// Signs claims.
pub fn sign<C: SignedClaims>(key: &SigningKey, claims: &C) -> Result<String, SignError> {
    let header = AccessTokenHeader {
        alg: key.algorithm.as_str().to_owned(),
        typ: C::TYPE.to_owned(),
        kid: key.public.kid.clone(),
    };
    sign_as_is(key, &header, claims)
}

/// Signs a header and claims as they are, even invalid ones: for the test vectors of `vestibule dev`.
pub fn sign_as_is(key: &SigningKey, header: &impl Serialize, claims: &impl Serialize) -> Result<String, SignError> {
    let mut token = signing_input(header, claims);
    let signature = key.sign(token.as_bytes()).ok_or(SignError)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// "Signs" with HS256, with the published key as the secret. A verifier that lets the token choose the algorithm
/// accepts this (RFC 8725 §2.1). For the test vectors of `vestibule dev`.
pub fn sign_with_public_key(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = signing_input(header, claims);
    let secret = serde_json::to_vec(&key.public).unwrap_or_default();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Returns the input of a signature (RFC 7515 §5.1).
pub fn signing_input(header: &impl Serialize, claims: &impl Serialize) -> String {
    // Serializing these structs and JSON values cannot fail.
    let json = |part: Result<Vec<u8>, serde_json::Error>| part.unwrap_or_default();
    let mut text = String::with_capacity(1024);
    URL_SAFE_NO_PAD.encode_string(json(serde_json::to_vec(header)), &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(json(serde_json::to_vec(claims)), &mut text);
    text
}

/// Returns the claims of a token with an acceptable header and a valid signature. The caller checks time, issuer and
/// audience.
///
/// `keys` are all keys that may have signed a token that is still valid. They are looked up by `kid`, which is
/// untrusted input.
pub fn verify<C: SignedClaims, K: Borrow<SigningKey>>(token: &str, keys: &[K]) -> Option<C> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: AccessTokenHeader = decoded(header)?;
    let key = keys
        .iter()
        .map(Borrow::borrow)
        .find(|key| key.public.kid == header.kid)?;
    if header.typ != C::TYPE || header.alg != key.algorithm.as_str() {
        return None;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads access tokens"
    )]
    let checked = jsonwebtoken::crypto::verify(
        signature,
        message.as_bytes(),
        &key.decoding,
        library_algorithm(key.algorithm),
    );
    if checked.ok()? { decoded(claims) } else { None }
}

/// Decodes one part. Its base64url is strict (no padding, no other characters, no left-over bits), so that each token
/// has exactly one spelling (RFC 7515 §3.1).
fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

const fn library_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::access_token::{AccessTokenClaims, TYPE};

    pub(in crate::crypto) fn claims() -> AccessTokenClaims {
        serde_json::from_value(json!({
            "iss": "https://auth.example.com", "sub": Uuid::nil(), "aud": "api", "client_id": "app",
            "exp": 2000, "iat": 1000, "nbf": 1000, "jti": Uuid::nil(), "sid": Uuid::nil(), "auth_time": 1000,
            "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "roles": [],
        }))
        .unwrap()
    }

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_read_back_under_every_algorithm_and_refused_under_another_key() {
        for algorithm in SigningAlgorithm::ALL {
            let key = key(algorithm);
            let token = sign(&key, &claims()).unwrap();
            assert_eq!(verify(&token, std::slice::from_ref(&key)), Some(claims()));
            assert_eq!(verify::<AccessTokenClaims, SigningKey>(&token, &[]), None);
            let mut imposter = self::key(algorithm);
            imposter.public.kid.clone_from(&key.public.kid);
            assert_eq!(verify::<AccessTokenClaims, _>(&token, &[imposter]), None);
        }
    }

    #[test]
    fn no_other_header_is_believed() {
        let key = key(SigningAlgorithm::Es256);
        let kid = key.public.kid.clone();
        let token = sign(&key, &claims()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        for header in [
            json!({"alg": "none", "typ": TYPE, "kid": kid}),
            json!({"alg": "HS256", "typ": TYPE, "kid": kid}),
            json!({"alg": "es256", "typ": TYPE, "kid": kid}),
            json!({"alg": "ES256", "typ": "JWT", "kid": kid}),
            json!({"alg": "ES256", "kid": kid}),
            json!({"alg": "ES256", "typ": TYPE}),
            json!({"alg": "ES256", "typ": TYPE, "kid": "other"}),
            json!({"alg": "ES256", "typ": TYPE, "kid": kid, "jku": "https://evil.example"}),
        ] {
            let encoded = URL_SAFE_NO_PAD.encode(header.to_string());
            assert_eq!(
                verify::<AccessTokenClaims, _>(&format!("{encoded}.{rest}"), std::slice::from_ref(&key)),
                None,
                "{header}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_changed_token_is_refused(position in 0_usize..400, character in "[A-Za-z0-9_.=+/ -]") {
            let key = key(SigningAlgorithm::EdDsa);
            let token = sign(&key, &claims()).unwrap();
            let position = position % token.len();
            let mut changed = token.clone();
            changed.replace_range(position..=position, &character);
            prop_assert!(changed == token || verify::<AccessTokenClaims, _>(&changed, std::slice::from_ref(&key)).is_none());
        }
    }
}
