//! Access tokens as text: signed here, and read here only.
//!
//! The library's defaults check too little (`typ` never, `aud` and `iss` only when present) and read the machine's
//! clock; so it checks the signature, and the header and the claims are judged by `domain::access_token`. Every
//! member is required and typed by the claims' structure, and a header with any member beyond `alg`, `typ` and
//! `kid` is refused (RFC 8725 §3.1, §3.11; RFC 7515 §4.1.11).

use std::borrow::Borrow;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::Value;

use super::signing_key::SigningKey;
use crate::domain::access_token::{AccessTokenClaims, AccessTokenHeader, MAX_LENGTH, TYPE};
use crate::domain::signing_key::SigningAlgorithm;

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("an access token could not be signed")]
pub struct SignError(#[from] jsonwebtoken::errors::Error);

/// Signs claims.
///
/// # Errors
///
/// Fails only when the provider does.
pub fn sign(key: &SigningKey, claims: &AccessTokenClaims) -> Result<String, SignError> {
    let mut header = Header::new(library_algorithm(key.algorithm));
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.public.kid.clone());
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that makes access tokens"
    )]
    let token = jsonwebtoken::encode(&header, claims, &key.encoding)?;
    Ok(token)
}

/// Signs a header and claims as they stand, however wrong: for the test vectors of `vestibule dev`.
///
/// # Errors
///
/// Fails only when the provider does.
pub fn sign_as_is(key: &SigningKey, header: &Value, claims: &Value) -> Result<String, SignError> {
    let message = signing_input(header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding, library_algorithm(key.algorithm))?;
    Ok(format!("{message}.{signature}"))
}

/// "Signs" with HS256, the published key as secret: what a verifier that lets the token choose the algorithm accepts
/// (RFC 8725 §2.1). For the test vectors of `vestibule dev`.
pub fn sign_with_public_key(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = signing_input(header, claims);
    let secret = serde_json::to_vec(&key.public).unwrap_or_default();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Writes what a signature covers (RFC 7515 §5.1).
pub fn signing_input(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Returns the claims of a token whose header is ours and whose signature is right; time, issuer and audience are
/// the caller's to judge.
///
/// `keys` are all keys that may still have signed something, looked up by `kid`, which is untrusted input.
pub fn verify<K: Borrow<SigningKey>>(token: &str, keys: &[K]) -> Option<AccessTokenClaims> {
    // RFC 7515 §3.1: three base64url parts and nothing else; a strict reader leaves one spelling of each token.
    let ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if token.len() > MAX_LENGTH || !token.bytes().all(ours) {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let header: AccessTokenHeader = serde_json::from_slice(&header).ok()?;
    let key = keys
        .iter()
        .map(Borrow::borrow)
        .find(|key| key.public.kid == header.kid)?;
    if header.typ != TYPE || header.alg != key.algorithm.as_str() {
        return None;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads access tokens"
    )]
    let verified = jsonwebtoken::decode(token, &key.decoding, &signature_only(key.algorithm)).ok()?;
    Some(verified.claims)
}

fn signature_only(algorithm: SigningAlgorithm) -> Validation {
    let mut validation = Validation::new(library_algorithm(algorithm));
    validation.leeway = 0;
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

const fn library_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn claims() -> AccessTokenClaims {
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
            assert_eq!(verify::<SigningKey>(&token, &[]), None);
            let mut imposter = self::key(algorithm);
            imposter.public.kid.clone_from(&key.public.kid);
            assert_eq!(verify(&token, &[imposter]), None);
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
                verify(&format!("{encoded}.{rest}"), std::slice::from_ref(&key)),
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
            prop_assert!(changed == token || verify(&changed, std::slice::from_ref(&key)).is_none());
        }
    }
}
