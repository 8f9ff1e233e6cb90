//! Private signing keys. They are generated here and never leave this module unsealed.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use jsonwebtoken::DecodingKey;
use zeroize::Zeroizing;

use crate::domain::signing_key::{PublicJwk, PublicKey, SigningAlgorithm};

/// A key pair could not be generated or parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key for {0} could not be made or read")]
pub struct SigningKeyError(pub &'static str);

/// A private key, ready to sign, with its public part, ready to verify.
pub struct SigningKey {
    /// The public part.
    pub public: PublicJwk,
    /// The only algorithm it is used with.
    pub algorithm: SigningAlgorithm,
    pair: Pair,
    pub(super) decoding: DecodingKey,
}

/// A private key of the provider, which checks it once, when it is parsed, and wipes its memory when it is dropped.
enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public.kid)
    }
}

impl SigningKey {
    /// Generates a private key in PKCS #8 (RFC 5958), to be sealed. RSA keys have 3072 bits (NIST SP 800-57: 128-bit
    /// strength).
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let failed = |_| SigningKeyError(algorithm.as_str());
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
                pair.as_der().map_err(failed)?.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(pkcs8))
    }

    /// Parses an unsealed private key.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a PKCS #8 key for that algorithm.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, SigningKeyError> {
        let failed = |_| SigningKeyError(algorithm.as_str());
        let (public, pair, decoding) = match algorithm {
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(failed)?;
                // SEC 1 §2.3.3: an uncompressed point is 4 ‖ x ‖ y.
                let point = pair.public_key().as_ref();
                let (_, coordinates) = point.split_first().ok_or(SigningKeyError("ES256"))?;
                let (x, y) = coordinates.split_at_checked(32).ok_or(SigningKeyError("ES256"))?;
                let public = PublicKey::P256 {
                    x: x.to_vec(),
                    y: y.to_vec(),
                };
                let decoding = DecodingKey::from_ec_der(point);
                (public, Pair::Es256(pair), decoding)
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(failed)?;
                let x = pair.public_key().as_ref();
                let public = PublicKey::Ed25519 { x: x.to_vec() };
                let decoding = DecodingKey::from_ed_der(x);
                (public, Pair::EdDsa(pair), decoding)
            }
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(failed)?;
                let n = pair.public_key().modulus().big_endian_without_leading_zero();
                let e = pair.public_key().exponent().big_endian_without_leading_zero();
                let public = PublicKey::Rsa {
                    n: n.to_vec(),
                    e: e.to_vec(),
                };
                let decoding = DecodingKey::from_rsa_raw_components(n, e);
                (public, Pair::Rs256(pair), decoding)
            }
        };
        Ok(Self {
            public: PublicJwk::of(&public),
            algorithm,
            pair,
            decoding,
        })
    }
    /// Signs a message with the key's algorithm. The signature has the form of RFC 7518 §3. `None` only if the provider
    /// fails.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::EdDsa(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}
