//! Signing keys as verifiers see them: algorithm, public part, thumbprint.
//!
//! A key signs with exactly one algorithm (RFC 8725 §3.1), and its `kid` is computed from its public part (RFC 7638),
//! so that equal keys have equal names everywhere.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::names::names;
use super::policy::numbers::{KEY_PUBLISHED_BEFORE_SIGNING, KEY_SIGNS_FOR, RETIRED_KEY_PUBLISHED_FOR};

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not yet signing.
    Next,
    /// Signs.
    Current,
    /// Published until its tokens have expired.
    Retired,
}

names!(KeyState {
    Next = "next",
    Current = "current",
    Retired = "retired",
});

/// A key as listed: its state, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Its thumbprint.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: SigningAlgorithm,
    /// Its state.
    pub state: KeyState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it began to sign.
    pub activated_at: Option<DateTime<Utc>>,
    /// When it last signed.
    pub retired_at: Option<DateTime<Utc>>,
}

impl ListedKey {
    /// Returns when a next key may begin to sign: all verifiers know it then.
    pub fn ready_at(&self) -> DateTime<Utc> {
        self.created_at + KEY_PUBLISHED_BEFORE_SIGNING
    }

    /// Returns when a current key is replaced by the next one: at its age, or, if the next one has another algorithm,
    /// as soon as that one may sign.
    pub fn makes_way_at(&self, next: &Self) -> DateTime<Utc> {
        if next.algorithm != self.algorithm {
            return next.ready_at();
        }
        next.ready_at()
            .max(self.activated_at.unwrap_or(self.created_at) + KEY_SIGNS_FOR)
    }

    /// Returns whether all tokens that a retired key signed have expired.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.retired_at
            .is_some_and(|retired_at| now - retired_at > RETIRED_KEY_PUBLISHED_FOR)
    }
}

/// How access tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1). Symmetric algorithms and `none` cannot be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256: every verifier supports it.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256, for gateways that support nothing else (ASVS 5.0 appendix C disallows it).
    Rs256,
}

names!(SigningAlgorithm {
    Es256 = "ES256",
    EdDsa = "EdDSA",
    Rs256 = "RS256",
});

/// The public part of a key, its numbers as big-endian bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// A point on P-256.
    P256 {
        /// First coordinate, 32 bytes.
        x: Vec<u8>,
        /// Second coordinate, 32 bytes.
        y: Vec<u8>,
    },
    /// An Ed25519 key.
    Ed25519 {
        /// The encoded point, 32 bytes.
        x: Vec<u8>,
    },
    /// An RSA key.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Returns the algorithm that a key of this type signs with here.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::P256 { .. } => SigningAlgorithm::Es256,
            Self::Ed25519 { .. } => SigningAlgorithm::EdDsa,
            Self::Rsa { .. } => SigningAlgorithm::Rs256,
        }
    }

    /// Returns the JWK thumbprint (RFC 7638 §3), used as `kid`.
    pub fn thumbprint(&self) -> String {
        // serde_json writes object members in lexicographic order, as RFC 7638 §3.3 requires.
        let canonical = self.required_members().to_string();
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }

    /// Returns the members that define the key, and no others (RFC 7638 §3.2).
    pub fn required_members(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::P256 { x, y } => json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": text(x)}),
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": text(n), "e": text(e)}),
        }
    }
}

/// A key as published in the JWKS (RFC 7517 §4); public members only.
#[derive(Clone, Debug, Serialize)]
pub struct PublicJwk {
    /// The thumbprint.
    pub kid: String,
    /// The one algorithm the key signs with.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// `kty` and the numbers.
    #[serde(flatten)]
    pub members: Value,
}

impl PublicJwk {
    /// Describes a public key.
    pub fn of(key: &PublicKey) -> Self {
        Self {
            kid: key.thumbprint(),
            alg: key.algorithm().as_str(),
            usage: "sig",
            members: key.required_members(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 7638 §3.1.
    #[test]
    fn rfc_7638_vector() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn\
                 1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::Rsa {
            n: bytes(n),
            e: bytes("AQAB"),
        };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 8037 appendix A.3.
    #[test]
    fn rfc_8037_vector() {
        let key = PublicKey::Ed25519 {
            x: bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        };
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_published_key_has_public_members_only() {
        let jwk = serde_json::to_value(PublicJwk::of(&PublicKey::P256 {
            x: vec![1; 32],
            y: vec![2; 32],
        }))
        .unwrap();
        let names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }

    fn listed(algorithm: SigningAlgorithm, state: KeyState, created: i64) -> ListedKey {
        let created_at = DateTime::from_timestamp(created, 0).unwrap();
        ListedKey {
            kid: String::new(),
            algorithm,
            state,
            created_at,
            activated_at: (state == KeyState::Current).then_some(created_at),
            retired_at: None,
        }
    }

    #[test]
    fn a_key_makes_way_at_its_age_and_never_before_the_next_one_is_known() {
        let current = listed(SigningAlgorithm::Es256, KeyState::Current, 0);
        let age = current.created_at + KEY_SIGNS_FOR;
        let next = listed(SigningAlgorithm::Es256, KeyState::Next, 0);
        assert_eq!(current.makes_way_at(&next), age);
        let late = listed(SigningAlgorithm::Es256, KeyState::Next, KEY_SIGNS_FOR.num_seconds());
        assert_eq!(current.makes_way_at(&late), age + KEY_PUBLISHED_BEFORE_SIGNING);
    }

    #[test]
    fn a_key_makes_way_for_another_algorithm_as_soon_as_that_is_known() {
        let current = listed(SigningAlgorithm::Es256, KeyState::Current, 0);
        let next = listed(SigningAlgorithm::EdDsa, KeyState::Next, 1000);
        assert_eq!(
            current.makes_way_at(&next),
            next.created_at + KEY_PUBLISHED_BEFORE_SIGNING
        );
    }

    #[test]
    fn algorithm_names_are_exact() {
        for name in ["es256", "HS256", "none", "None", "RS512", ""] {
            assert_eq!(SigningAlgorithm::parse(name), None);
        }
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        }
    }
}
