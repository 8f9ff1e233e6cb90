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

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA256, RsaKeyPair};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::crypto::jwt::{sign_as_is, sign_with_public_key, signing_input};
    use crate::crypto::signing_key::SigningKey;
    use crate::domain::signing_key::SigningAlgorithm;

    const ALL: [IdTokenAlgorithm; 5] = IdTokenAlgorithm::ALL;

    fn claims() -> Value {
        json!({"iss": "https://id.example.com", "sub": "alice", "aud": "vestibule", "exp": 2, "iat": 1})
    }

    fn set(keys: &[Value]) -> Result<ProviderKeys, &'static str> {
        ProviderKeys::parse(json!({"keys": keys}).to_string().as_bytes())
    }

    fn make(algorithm: SigningAlgorithm) -> (SigningKey, Value) {
        let key = SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap();
        let mut public = serde_json::to_value(&key.public).unwrap();
        public.as_object_mut().unwrap().remove("alg");
        public["kid"] = json!("one");
        (key, public)
    }

    fn signed(key: &SigningKey, header: &Value) -> String {
        sign_as_is(key, header, &claims()).unwrap()
    }

    #[test]
    fn each_algorithm_is_verified_by_its_own_key() {
        for algorithm in SigningAlgorithm::ALL {
            let (key, public) = make(algorithm);
            let token = signed(&key, &json!({"alg": algorithm.as_str(), "kid": "one", "typ": "JWT"}));
            let keys = set(std::slice::from_ref(&public)).unwrap();
            let found = keys.verify(&token, &ALL).unwrap();
            assert_eq!(
                (found.algorithm.as_str(), found.claims.subject()),
                (algorithm.as_str(), "alice")
            );
            let (_, other) = make(algorithm);
            assert!(matches!(
                set(&[other]).unwrap().verify(&token, &ALL),
                Err(SignatureFault::Refused(_))
            ));
            let not_advertised: Vec<_> = ALL
                .into_iter()
                .filter(|one| one.as_str() != algorithm.as_str())
                .collect();
            assert!(matches!(
                keys.verify(&token, &not_advertised),
                Err(SignatureFault::Refused(_))
            ));
        }
    }

    #[test]
    fn curves_and_paddings_that_we_do_not_sign_with_are_verified_too() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let keys = set(&[json!({"kty": "EC", "crv": "P-384", "x": x, "y": y})]).unwrap();
        let message = signing_input(&json!({"alg": "ES384"}), &claims());
        let signature = pair.sign(&random, message.as_bytes()).unwrap();
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(keys.verify(&token, &ALL).unwrap().algorithm, IdTokenAlgorithm::Es384);

        let pkcs8 = SigningKey::generate(SigningAlgorithm::Rs256).unwrap();
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
        let public = serde_json::to_value(&SigningKey::from_pkcs8(SigningAlgorithm::Rs256, &pkcs8).unwrap().public);
        let mut public = public.unwrap();
        public
            .as_object_mut()
            .unwrap()
            .retain(|member, _| ["kty", "n", "e"].contains(&member.as_str()));
        let message = signing_input(&json!({"alg": "PS256"}), &claims());
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PSS_SHA256, &random, message.as_bytes(), &mut signature)
            .unwrap();
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(
            set(&[public.clone()]).unwrap().verify(&token, &ALL).unwrap().algorithm,
            IdTokenAlgorithm::Ps256
        );
        public["alg"] = json!("RS256");
        assert!(
            set(&[public]).unwrap().verify(&token, &ALL).is_err(),
            "a key that is for the other padding"
        );
    }

    #[test]
    fn a_token_cannot_choose_how_it_is_verified() {
        let (key, public) = make(SigningAlgorithm::Rs256);
        let keys = set(&[public]).unwrap();
        let symmetric = json!({"alg": "HS256", "kid": "one"});
        assert!(
            keys.verify(&sign_with_public_key(&key, &symmetric, &claims()), &ALL)
                .is_err()
        );
        for header in [
            json!({"alg": "none", "kid": "one"}),
            json!({"alg": "HS256", "kid": "one"}),
            json!({"alg": "PS256", "kid": "one"}),
            json!({"alg": "ES256", "kid": "one"}),
            json!({"alg": "EdDSA", "kid": "one"}),
            json!({"alg": "RS512", "kid": "one"}),
            json!({"alg": "rs256", "kid": "one"}),
            json!({"kid": "one"}),
            json!({"alg": "RS256", "kid": "one", "crit": ["exp"]}),
            json!({"alg": "RS256", "kid": "one", "b64": false}),
            json!({"alg": "RS256", "kid": "one", "typ": "at+jwt"}),
            json!({"alg": "RS256", "kid": "one", "typ": "logout+jwt"}),
        ] {
            let found = keys.verify(&signed(&key, &header), &ALL);
            assert!(matches!(found, Err(SignatureFault::Refused(_))), "{header}: {found:?}");
        }
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            "e30.e30.",
            "e30.e30.e30.e30.e30",
            &"a".repeat(LONGEST + 1),
        ] {
            assert!(keys.verify(text, &ALL).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_names_its_key_where_there_are_several() {
        let ((one, first), (other, mut second)) = (make(SigningAlgorithm::Es256), make(SigningAlgorithm::Es256));
        second["kid"] = json!("two");
        let (unnamed, of_two) = (json!({"alg": "ES256"}), json!({"alg": "ES256", "kid": "two"}));
        let keys = set(&[first.clone(), second]).unwrap();
        assert!(matches!(
            keys.verify(&signed(&one, &unnamed), &ALL),
            Err(SignatureFault::Refused(_))
        ));
        assert!(keys.verify(&signed(&other, &of_two), &ALL).is_ok());
        assert!(matches!(
            keys.verify(&signed(&one, &of_two), &ALL),
            Err(SignatureFault::Refused(_))
        ));
        let unknown = json!({"alg": "ES256", "kid": "three"});
        assert_eq!(
            keys.verify(&signed(&one, &unknown), &ALL).unwrap_err(),
            SignatureFault::UnknownKey
        );
        // One that fits needs no name.
        let (_, of_another_kind) = make(SigningAlgorithm::EdDsa);
        assert!(
            set(&[first, of_another_kind])
                .unwrap()
                .verify(&signed(&one, &unnamed), &ALL)
                .is_ok()
        );
    }

    #[test]
    fn a_key_of_one_issuer_does_not_sign_for_another() {
        let (key, mut public) = make(SigningAlgorithm::Es256);
        let token = signed(&key, &json!({"alg": "ES256", "kid": "one"}));
        public["issuer"] = json!("https://id.example.com");
        assert!(set(std::slice::from_ref(&public)).unwrap().verify(&token, &ALL).is_ok());
        public["issuer"] = json!("https://other.example.com");
        assert!(set(&[public]).unwrap().verify(&token, &ALL).is_err());
    }

    #[test]
    fn keys_that_cannot_be_used_are_left_out() {
        let (_, good) = make(SigningAlgorithm::Es256);
        let with = |member: &str, value: Value| {
            let mut key = good.clone();
            key[member] = value;
            key
        };
        let short = json!({"kty": "RSA", "n": "A".repeat(171), "e": "AQAB"});
        let symmetric = json!({"kty": "oct", "k": "c2VjcmV0"});
        let bad = [
            with("d", json!("AA")),
            with("use", json!("enc")),
            with("crv", json!("P-521")),
            short,
            symmetric,
        ];
        for key in &bad {
            assert!(set(std::slice::from_ref(key)).is_err(), "{key}");
        }
        let mut mixed = bad.to_vec();
        mixed.push(good);
        assert_eq!(set(&mixed).unwrap().0.len(), 1);
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys": []}"#,
            r#"{"keys": {}}"#,
            r#"{"keys": [1, null, {}]}"#,
            "<html>",
        ] {
            assert!(ProviderKeys::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn half_of_the_digest_binds_an_access_token() {
        // hashlib.sha256(token).digest()[:16] of Python.
        let (token, hash) = ("jHkWEdUXMU1BwAsC4vtUsZwnvTbRH5DmCiJqgLTMQmQ", "Vk8OgalVFPS5xXmWwiVbfA");
        for algorithm in [
            IdTokenAlgorithm::Es256,
            IdTokenAlgorithm::Rs256,
            IdTokenAlgorithm::Ps256,
        ] {
            assert!(is_hash_of(hash, token, algorithm));
        }
        assert!(!is_hash_of(hash, token, IdTokenAlgorithm::Es384) && !is_hash_of(hash, token, IdTokenAlgorithm::EdDsa));
        assert!(
            !is_hash_of("", token, IdTokenAlgorithm::Es256) && !is_hash_of(hash, "another", IdTokenAlgorithm::Es256)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_changed_token_is_refused(position in 0_usize..300, character in "[A-Za-z0-9_.=+/ -]") {
            let (key, public) = make(SigningAlgorithm::EdDsa);
            let keys = set(&[public]).unwrap();
            let token = signed(&key, &json!({"alg": "EdDSA", "kid": "one"}));
            let position = position % token.len();
            let mut changed = token.clone();
            changed.replace_range(position..=position, &character);
            prop_assert!(changed == token || keys.verify(&changed, &ALL).is_err());
        }

        #[test]
        fn garbage_is_refused_without_a_fault(text in "\\PC{0,80}") {
            prop_assert!(ProviderKeys::parse(text.as_bytes()).is_err());
        }
    }
}
