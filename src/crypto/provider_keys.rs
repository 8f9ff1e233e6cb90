//! The public keys of providers, and the signatures of their ID tokens.

use aws_lc_rs::digest::{self, Algorithm as Digest, SHA256, SHA384, SHA512};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::client_keys::is_private;
use crate::domain::federation::id_token::{IdTokenAlgorithm, IdTokenClaims, LONGEST};
use crate::domain::federation::issuer::ProviderIssuer;

/// The most keys of a set that are looked at. Providers with many tenants have a dozen.
const MOST_KEYS: usize = 50;
/// The length of 256 bytes in base64url: RSA with 2048 bits.
const SHORTEST_MODULUS: usize = 342;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// It names a key that is not in the set: it may be a new one.
    UnknownKey,
    /// It breaks a rule.
    Refused(&'static str),
}

/// An ID token whose signature is right. Its claims are not checked yet.
#[derive(Clone, Debug)]
pub struct SignedIdToken {
    /// What it is signed with.
    pub algorithm: IdTokenAlgorithm,
    /// What it says.
    pub claims: IdTokenClaims,
}

/// A key, with the algorithms that it can be used with. They follow from the key alone: a token cannot choose another
/// kind of algorithm for it.
struct ProviderKey {
    id: Option<String>,
    algorithms: &'static [IdTokenAlgorithm],
    /// The algorithm that the provider uses it for, if it says so.
    only: Option<String>,
    /// The issuer that it signs for, if the provider says so.
    issuer: Option<String>,
    key: DecodingKey,
}

/// The public keys of a provider.
pub struct ProviderKeys(Vec<ProviderKey>);

/// The members of a token's header that count.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
    b64: Option<Value>,
}

impl ProviderKeys {
    /// Parses a JWK set (RFC 7517 §5). Keys of other kinds are left out, and so are private ones: each reader of the set
    /// could sign with them.
    ///
    /// # Errors
    ///
    /// Says what is wrong, also if no key is left.
    pub fn parse(written: &[u8]) -> Result<Self, &'static str> {
        let plain: Option<Value> = serde_json::from_slice(written).ok();
        let listed = plain.as_ref().and_then(|set| set.get("keys")?.as_array());
        let listed = listed.ok_or("Its keys are not a JWK set.")?;
        let keys: Vec<ProviderKey> = listed.iter().take(MOST_KEYS).filter_map(ProviderKey::read).collect();
        if keys.is_empty() {
            Err("Its keys have none that is understood.")
        } else {
            Ok(Self(keys))
        }
    }

    /// Returns an ID token that one of the keys signed with one of these algorithms.
    ///
    /// # Errors
    ///
    /// Says why it is not believed.
    pub fn verify(&self, token: &str, algorithms: &[IdTokenAlgorithm]) -> Result<SignedIdToken, SignatureFault> {
        let refuse = SignatureFault::Refused;
        let (header, parts) = split(token).ok_or(refuse("The ID token is not a signed JWT."))?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(refuse("The ID token asks for an extension."));
        }
        // A token of another kind, such as an access token, names its kind (RFC 8725 §3.11).
        if header.typ.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(refuse("The token is not an ID token."));
        }
        let algorithm = IdTokenAlgorithm::parse(&header.alg).filter(|algorithm| algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(refuse("The ID token is signed by an algorithm that is not accepted."))?;
        let key = self.key(header.kid.as_deref(), algorithm)?;
        if !is_signed_by(&key.key, library_algorithm(algorithm), &parts) {
            return Err(refuse("The signature of the ID token is wrong."));
        }
        let claims: Option<IdTokenClaims> = decoded(parts.claims);
        let claims = claims.ok_or(refuse("The claims of the ID token are not as the standard has them."))?;
        if !ProviderIssuer::has_key_of(key.issuer.as_deref(), claims.issuer(), claims.tid.as_deref()) {
            return Err(refuse("The ID token is signed by the key of another issuer."));
        }
        Ok(SignedIdToken { algorithm, claims })
    }

    /// Returns the key that a header names. Without a name there must be only one that fits (OpenID Connect Core 1.0
    /// §10.1).
    fn key(&self, id: Option<&str>, algorithm: IdTokenAlgorithm) -> Result<&ProviderKey, SignatureFault> {
        let is_named = |key: &&ProviderKey| id.is_none() || key.id.as_deref() == id;
        let named: Vec<&ProviderKey> = self.0.iter().filter(is_named).collect();
        if named.is_empty() {
            return Err(SignatureFault::UnknownKey);
        }
        let mut fitting = named.into_iter().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(SignatureFault::Refused("The ID token does not name its key.")),
            (None, _) => Err(SignatureFault::Refused(
                "The key of the ID token is for another algorithm.",
            )),
        }
    }
}

impl ProviderKey {
    fn read(written: &Value) -> Option<Self> {
        let text = |member| written.get(member).and_then(Value::as_str).map(str::to_owned);
        let signs = text("use").is_none_or(|purpose| purpose == "sig");
        if is_private(written) || !signs {
            return None;
        }
        let jwk: Jwk = serde_json::from_value(written.clone()).ok()?;
        let algorithms: &[IdTokenAlgorithm] = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[IdTokenAlgorithm::Es256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[IdTokenAlgorithm::Es384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[IdTokenAlgorithm::EdDsa],
            AlgorithmParameters::RSA(key) if key.n.len() >= SHORTEST_MODULUS => {
                &[IdTokenAlgorithm::Rs256, IdTokenAlgorithm::Ps256]
            }
            _ => return None,
        };
        Some(Self {
            id: text("kid"),
            algorithms,
            only: text("alg"),
            issuer: text("issuer"),
            key: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }

    fn fits(&self, algorithm: IdTokenAlgorithm) -> bool {
        let is_meant = self.only.as_deref().is_none_or(|only| only == algorithm.as_str());
        is_meant && self.algorithms.contains(&algorithm)
    }
}

/// The parts of a token that are not its header.
struct Parts<'a> {
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

fn split(token: &str) -> Option<(Header, Parts<'_>)> {
    let (message, signature) = token.rsplit_once('.').filter(|_| token.len() <= LONGEST)?;
    // A part more, as an encrypted token has, stays in the claims, which are then not base64url.
    let (header, claims) = message.split_once('.')?;
    let parts = Parts {
        message,
        claims,
        signature,
    };
    Some((decoded(header)?, parts))
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn is_signed_by(key: &DecodingKey, algorithm: Algorithm, parts: &Parts<'_>) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "reads ID tokens of providers, whose claims domain::federation::id_token checks"
    )]
    let checked = jsonwebtoken::crypto::verify(parts.signature, parts.message.as_bytes(), key, algorithm);
    checked.unwrap_or(false)
}

const fn library_algorithm(algorithm: IdTokenAlgorithm) -> Algorithm {
    match algorithm {
        IdTokenAlgorithm::Es256 => Algorithm::ES256,
        IdTokenAlgorithm::Es384 => Algorithm::ES384,
        IdTokenAlgorithm::Rs256 => Algorithm::RS256,
        IdTokenAlgorithm::Ps256 => Algorithm::PS256,
        IdTokenAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// Returns whether an ID token came with this access token: whether its `at_hash` is the left half of the digest, by the
/// algorithm that signs it (OpenID Connect Core 1.0 §3.1.3.6). Ed25519 uses SHA-512 (RFC 8032 §5.1).
pub fn is_hash_of(at_hash: &str, access_token: &str, algorithm: IdTokenAlgorithm) -> bool {
    let by: &Digest = match algorithm {
        IdTokenAlgorithm::Es256 | IdTokenAlgorithm::Rs256 | IdTokenAlgorithm::Ps256 => &SHA256,
        IdTokenAlgorithm::Es384 => &SHA384,
        IdTokenAlgorithm::EdDsa => &SHA512,
    };
    let whole = digest::digest(by, access_token.as_bytes());
    let half = whole.as_ref().chunks(whole.as_ref().len() / 2).next();
    URL_SAFE_NO_PAD.encode(half.unwrap_or_default()) == at_hash
}
