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

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
    use secrecy::ExposeSecret;
    use serde_json::Value;

    use super::*;
    use crate::crypto::signing_key::SigningKey;
    use crate::domain::signing_key::SigningAlgorithm;

    fn pem(algorithm: SigningAlgorithm) -> String {
        let encoded = STANDARD.encode(SigningKey::generate(algorithm).unwrap().as_slice());
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        )
    }

    #[test]
    fn a_secret_is_signed_for_one_issuer_and_five_minutes() {
        let key = AppleKey::parse("TEAM", "KEY", &pem(SigningAlgorithm::Es256)).unwrap();
        let now = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
        let secret = key
            .client_secret("com.example", "https://appleid.apple.com", now)
            .unwrap();
        let (message, signature) = secret.expose_secret().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key().as_ref());
        public.verify(message.as_bytes(), &signature).unwrap();
        let part = |index| -> Value {
            let part = message.split('.').nth(index).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({"alg": "ES256", "kid": "KEY"}));
        let expected = json!({
            "iss": "TEAM", "sub": "com.example", "aud": "https://appleid.apple.com",
            "iat": 2_000_000_000, "exp": 2_000_000_300,
        });
        assert_eq!(part(1), expected);
    }

    #[test]
    fn other_files_are_refused_and_no_key_is_printed() {
        let good = pem(SigningAlgorithm::Es256);
        let line_ends = good.replace('\n', "\r\n");
        assert!(AppleKey::parse("TEAM", "KEY", &line_ends).is_ok());
        let half = good.split_at(good.len() / 2).0;
        let relabelled = good.replace("PRIVATE KEY", "EC PRIVATE KEY");
        for bad in [
            "",
            "secret",
            half,
            &relabelled,
            &pem(SigningAlgorithm::EdDsa),
            &pem(SigningAlgorithm::Rs256),
        ] {
            assert!(AppleKey::parse("TEAM", "KEY", bad).is_err(), "{bad}");
        }
        let key = ClientCredential::Apple(Arc::new(AppleKey::parse("TEAM", "KEY", &good).unwrap()));
        assert_eq!(format!("{key:?}"), "Apple(AppleKey(KEY))");
        assert!(!format!("{:?}", ClientCredential::Secret("hush-hush".into())).contains("hush"));
    }
}
