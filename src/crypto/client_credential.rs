//! What this service proves with to a provider that it is the registered client.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;
use zeroize::Zeroizing;

use super::jwt::signing_input;
use crate::domain::policy::numbers::APPLE_SECRET_LIFE;

/// What is shown to the token endpoint.
#[derive(Clone, Debug)]
pub enum ClientCredential {
    /// Nothing: a public client, which the code verifier alone protects.
    Nothing,
    /// A secret that the provider gave.
    Secret(SecretString),
    /// A secret that is signed for each request.
    Apple(Arc<AppleKey>),
}

/// A key of Apple's developers, which signs client secrets ("Creating a client secret").
pub struct AppleKey {
    team: String,
    id: String,
    pair: EcdsaKeyPair,
}

impl AppleKey {
    /// Parses the file that Apple gives once: PKCS #8 in PEM, with the extension `.p8`.
    ///
    /// # Errors
    ///
    /// Describes the expected file.
    pub fn parse(team: &str, id: &str, pem: &str) -> Result<Self, &'static str> {
        let wanted = "must have a private key of Apple: PEM, from BEGIN PRIVATE KEY to END PRIVATE KEY";
        let (_, after) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(wanted)?;
        let (encoded, _) = after.split_once("-----END PRIVATE KEY-----").ok_or(wanted)?;
        let encoded: Zeroizing<String> = Zeroizing::new(encoded.split_ascii_whitespace().collect());
        let pkcs8 = Zeroizing::new(STANDARD.decode(encoded.as_bytes()).map_err(|_not_base64| wanted)?);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8);
        Ok(Self {
            team: team.to_owned(),
            id: id.to_owned(),
            pair: pair.map_err(|_not_a_key| wanted)?,
        })
    }

    /// Makes a client secret. `None` only if the cryptographic library fails.
    pub fn client_secret(&self, client_id: &str, issuer: &str, now: DateTime<Utc>) -> Option<SecretString> {
        let header = json!({"alg": "ES256", "kid": self.id});
        let claims = json!({
            "iss": self.team,
            "iat": now.timestamp(),
            "exp": (now + APPLE_SECRET_LIFE).timestamp(),
            "aud": issuer,
            "sub": client_id,
        });
        let mut secret = signing_input(&header, &claims);
        let signature = self.pair.sign(&SystemRandom::new(), secret.as_bytes()).ok()?;
        secret.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut secret);
        Some(secret.into())
    }
}

impl fmt::Debug for AppleKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AppleKey({})", self.id)
    }
}
