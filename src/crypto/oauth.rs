//! The digests of OAuth and OpenID Connect.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Builder;

use crate::domain::ids::ClientId;
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::pkce::{CodeChallenge, CodeVerifier};
use crate::domain::signing_key::SigningAlgorithm;

/// Returns the challenge of a verifier (RFC 7636 §4.2).
pub fn challenge_of(verifier: &CodeVerifier) -> CodeChallenge {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, verifier.expose()).as_ref());
    CodeChallenge(bytes)
}

/// Returns the `at_hash` of an access token: the left half of its digest, by the algorithm that signs the ID token
/// (OpenID Connect Core 1.0 §3.1.3.6). Ed25519 uses SHA-512 (RFC 8032 §5.1).
pub fn at_hash(algorithm: SigningAlgorithm, access_token: &str) -> String {
    let by: &Algorithm = match algorithm {
        SigningAlgorithm::Es256 | SigningAlgorithm::Rs256 => &SHA256,
        SigningAlgorithm::EdDsa => &SHA512,
    };
    let whole = digest(by, access_token.as_bytes());
    let half = whole.as_ref().chunks(whole.as_ref().len() / 2).next();
    URL_SAFE_NO_PAD.encode(half.unwrap_or_default())
}

/// Returns the id of an application that describes itself: a UUIDv8 (RFC 9562 §5.8) of the digest of its URL, so that
/// rows can name it as they name registered clients, whose ids are UUIDv7.
pub fn client_id_of(url: &ClientUrl) -> ClientId {
    let mut bytes = [0; 16];
    let whole = digest(&SHA256, url.as_str().as_bytes());
    bytes
        .iter_mut()
        .zip(whole.as_ref())
        .for_each(|(byte, given)| *byte = *given);
    ClientId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth::client_url::Reach;

    #[test]
    fn a_url_has_one_id_which_no_registered_client_has() {
        let id = |text| client_id_of(&ClientUrl::parse(text, Reach::Internet).unwrap());
        let one = id("https://app.example.com/client.json");
        assert_eq!(one, id("https://app.example.com/client.json"));
        assert_ne!(one, id("https://app.example.com/client.jsom"));
        assert_eq!(one.uuid().get_version_num(), 8);
    }

    #[test]
    fn the_challenge_of_the_standard_is_computed() {
        // RFC 7636 appendix B.
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned().into()).unwrap();
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert_eq!(challenge_of(&verifier), challenge);
    }

    #[test]
    fn half_of_the_digest_is_kept() {
        // hashlib.sha256(token).digest()[:16] of Python.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnvTbRH5DmCiJqgLTMQmQ";
        assert_eq!(at_hash(SigningAlgorithm::Es256, token), "Vk8OgalVFPS5xXmWwiVbfA");
        assert_eq!(at_hash(SigningAlgorithm::Rs256, token), "Vk8OgalVFPS5xXmWwiVbfA");
        assert_eq!(at_hash(SigningAlgorithm::EdDsa, token).len(), 43);
    }
}
