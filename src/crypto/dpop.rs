//! Proofs of possession (RFC 9449): only this module turns the text of one into a [`VerifiedProof`].

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use serde_json::{Value, json};

use super::client_keys;
use super::dpop_nonce;
use super::mac::TokenMac;
use crate::domain::dpop::{KeyThumbprint, MAX_LENGTH, ProofClaims, ProvedRequest, TYPE};

/// A proof that was verified for the request that it came with.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedProof {
    key: KeyThumbprint,
    nonce_issued_at: DateTime<Utc>,
}

impl VerifiedProof {
    /// Returns the key that the client has.
    pub const fn key(&self) -> KeyThumbprint {
        self.key
    }

    /// Returns when the nonce in it was made, in whole microseconds.
    pub const fn nonce_issued_at(&self) -> DateTime<Utc> {
        self.nonce_issued_at
    }
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefusal {
    /// It is not a valid proof for the request.
    Invalid(&'static str),
    /// It is valid but for its nonce, which is missing, expired, used or not one of this service.
    NonceNeeded,
}

/// Verifies a proof (RFC 9449 §4.3).
///
/// # Errors
///
/// Says why it is refused.
pub fn verify(
    mac: &TokenMac,
    proof: &str,
    request: &ProvedRequest<'_>,
    now: DateTime<Utc>,
) -> Result<VerifiedProof, ProofRefusal> {
    let (claims, key) = read(proof, request, now).map_err(ProofRefusal::Invalid)?;
    let nonce = claims.nonce.as_deref();
    let nonce_issued_at = nonce.and_then(|nonce| dpop_nonce::open(mac, nonce, now));
    Ok(VerifiedProof {
        key,
        nonce_issued_at: nonce_issued_at.ok_or(ProofRefusal::NonceNeeded)?,
    })
}

/// Returns the `ath` of an access token (RFC 9449 §4.2).
pub fn hash_of(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, access_token.as_bytes()))
}

/// Returns the claims of a proof for a request that the key in its header signed, and the thumbprint of that key. The
/// signature comes last: it costs the most, and an attacker can send one by the largest key.
fn read(
    proof: &str,
    request: &ProvedRequest<'_>,
    now: DateTime<Utc>,
) -> Result<(ProofClaims, KeyThumbprint), &'static str> {
    if proof.len() > MAX_LENGTH {
        return Err("The proof is longer than 4096 bytes.");
    }
    let unreadable = "The proof is not a JWT of three parts.";
    let (message, signature) = proof.rsplit_once('.').ok_or(unreadable)?;
    let (header, claims) = message.split_once('.').ok_or(unreadable)?;
    let (algorithm, jwk) = read_header(&decoded(header).ok_or(unreadable)?)?;
    let (jwk, of_key, key) = client_keys::usable(jwk).ok_or(UNFIT_KEY)?;
    if !client_keys::is_of_key(algorithm, of_key) {
        return Err("The alg is not one of the key in the jwk.");
    }
    // A list of the values in order would be read, too.
    let claims = decoded(claims).filter(Value::is_object);
    let claims: Option<ProofClaims> = claims.and_then(|claims| serde_json::from_value(claims).ok());
    let claims = claims.ok_or("The claims must have jti, htm, htu and iat.")?;
    claims.check(request, now)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "reads proofs of clients, whose claims `domain::dpop` checks"
    )]
    let checked = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm);
    if !checked.unwrap_or_default() {
        return Err("The signature is not one by the key in the jwk.");
    }
    let thumbprint = thumbprint(&jwk).ok_or(UNFIT_KEY)?;
    Ok((claims, thumbprint))
}

const UNFIT_KEY: &str = "The jwk must be a public key: EC with P-256, Ed25519, or RSA of 2048 bits or more.";

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Returns the algorithm and the key that the header names. Symmetric algorithms and `none` are not among those that
/// are known here.
fn read_header(header: &Value) -> Result<(Algorithm, Jwk), &'static str> {
    if header.get("typ").and_then(Value::as_str) != Some(TYPE) {
        return Err("The typ must be dpop+jwt.");
    }
    // RFC 7515 §4.1.11: what requires an unknown extension is refused.
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err("The header must have neither crit nor b64.");
    }
    let algorithm = match header.get("alg").and_then(Value::as_str) {
        Some("ES256") => Algorithm::ES256,
        Some("EdDSA" | "Ed25519") => Algorithm::EdDSA,
        Some("PS256") => Algorithm::PS256,
        Some("RS256") => Algorithm::RS256,
        _ => return Err("The alg must be one of ES256, EdDSA, Ed25519, PS256 and RS256."),
    };
    let jwk = header.get("jwk").filter(|jwk| jwk.is_object()).ok_or(UNFIT_KEY)?;
    if client_keys::is_private(jwk) {
        return Err("The jwk has private members. Replace the key, since it has been shown.");
    }
    let jwk = serde_json::from_value(jwk.clone()).map_err(|_unreadable| UNFIT_KEY)?;
    Ok((algorithm, jwk))
}

/// Computes the thumbprint of a key (RFC 7638 §3). serde_json writes members in lexicographic order, as §3.3 requires.
fn thumbprint(jwk: &Jwk) -> Option<KeyThumbprint> {
    let required = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) => {
            json!({"crv": "P-256", "kty": "EC", "x": key.x, "y": key.y})
        }
        AlgorithmParameters::OctetKeyPair(key) => json!({"crv": "Ed25519", "kty": "OKP", "x": key.x}),
        AlgorithmParameters::RSA(key) => json!({"e": key.e, "kty": "RSA", "n": key.n}),
        _ => return None,
    };
    KeyThumbprint::from_bytes(digest(&SHA256, required.to_string().as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::jwt::sign_as_is;
    use crate::crypto::keyring::test_keyring;
    use crate::crypto::signing_key::SigningKey;
    use crate::domain::signing_key::SigningAlgorithm;

    const URL: &str = "https://auth.example.com/me";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_366_400, 0).unwrap()
    }

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap()
    }

    struct Made {
        mac: TokenMac,
        key: SigningKey,
        header: Value,
        claims: Value,
    }

    impl Made {
        fn by(algorithm: SigningAlgorithm) -> Self {
            let (mac, key) = (TokenMac::new(&test_keyring()), key(algorithm));
            let nonce = dpop_nonce::issue(&mac, now()).unwrap();
            Self {
                header: json!({"typ": TYPE, "alg": algorithm.as_str(), "jwk": key.public.members}),
                claims: json!({
                    "jti": "a", "htm": "GET", "htu": URL, "iat": now().timestamp(), "nonce": nonce,
                    "ath": hash_of("token"),
                }),
                mac,
                key,
            }
        }

        fn text(&self) -> String {
            sign_as_is(&self.key, &self.header, &self.claims).unwrap()
        }

        fn verify(&self, text: &str) -> Result<KeyThumbprint, ProofRefusal> {
            let request = ProvedRequest {
                method: "GET",
                url: URL,
                token_hash: Some(&hash_of("token")),
            };
            verify(&self.mac, text, &request, now()).map(|proof| proof.key())
        }
    }

    #[test]
    fn a_proof_names_the_key_that_signed_it() {
        for algorithm in SigningAlgorithm::ALL {
            let made = Made::by(algorithm);
            // The key's own `kid` is its thumbprint, computed elsewhere.
            let expected = KeyThumbprint::parse(&made.key.public.kid);
            assert_eq!(made.verify(&made.text()).ok(), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn the_proof_of_the_standard_has_the_thumbprint_of_the_standard() {
        // RFC 9449 §4.1 and §6.1.
        let jwk = json!({
            "kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256",
        });
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        assert_eq!(
            thumbprint(&jwk).unwrap().to_text(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let request = ProvedRequest {
            method: "POST",
            url: "https://server.example.com/token",
            token_hash: None,
        };
        let at = DateTime::from_timestamp(1_562_262_616, 0).unwrap();
        let (claims, key) = read(proof, &request, at).unwrap();
        assert_eq!(claims.jti, "-BwC3ESc6acc2lTc");
        assert_eq!(key, thumbprint(&jwk).unwrap());
    }

    type Fault = (&'static str, Box<dyn Fn(&mut Made)>);

    #[test]
    fn each_fault_is_told() {
        let other = key(SigningAlgorithm::Es256).public.members;
        let private = |mut jwk: Value| {
            jwk["d"] = json!("AAAA");
            jwk
        };
        let changes: [Fault; 16] = [
            ("typ", Box::new(|made| made.header["typ"] = json!("JWT"))),
            ("typ", Box::new(|made| made.header["typ"] = Value::Null)),
            ("alg", Box::new(|made| made.header["alg"] = json!("none"))),
            ("alg", Box::new(|made| made.header["alg"] = json!("HS256"))),
            ("alg", Box::new(|made| made.header["alg"] = json!("EdDSA"))),
            ("crit", Box::new(|made| made.header["crit"] = json!(["b64"]))),
            ("b64", Box::new(|made| made.header["b64"] = json!(false))),
            ("jwk", Box::new(|made| made.header["jwk"] = Value::Null)),
            (
                "jwk",
                Box::new(|made| made.header["jwk"] = json!({"kty": "oct", "x": "AAAA"})),
            ),
            (
                "private",
                Box::new(move |made| made.header["jwk"] = private(made.header["jwk"].clone())),
            ),
            ("signature", Box::new(move |made| made.header["jwk"] = other.clone())),
            ("claims", Box::new(|made| made.claims["iat"] = json!("1772366400"))),
            ("claims", Box::new(|made| made.claims = json!([]))),
            ("htm", Box::new(|made| made.claims["htm"] = json!("POST"))),
            (
                "htu",
                Box::new(|made| made.claims["htu"] = json!("https://evil.example/me")),
            ),
            ("ath", Box::new(|made| made.claims["ath"] = json!(hash_of("another")))),
        ];
        for (named, change) in changes {
            let mut made = Made::by(SigningAlgorithm::Es256);
            change(&mut made);
            let Err(ProofRefusal::Invalid(why)) = made.verify(&made.text()) else {
                panic!("{named} is accepted");
            };
            assert!(why.contains(named), "{named}: {why}");
        }
    }

    #[test]
    fn both_names_of_an_algorithm_are_known() {
        let mut made = Made::by(SigningAlgorithm::EdDsa);
        made.header["alg"] = json!("Ed25519");
        assert!(made.verify(&made.text()).is_ok());
    }

    #[test]
    fn a_proof_needs_a_fresh_nonce_and_is_judged_before_that() {
        let mut made = Made::by(SigningAlgorithm::EdDsa);
        for nonce in [
            Value::Null,
            json!(""),
            json!("x"),
            json!(dpop_nonce::issue(&made.mac, now() - chrono::TimeDelta::hours(1)).unwrap()),
        ] {
            made.claims["nonce"] = nonce;
            assert_eq!(made.verify(&made.text()), Err(ProofRefusal::NonceNeeded));
        }
        made.claims["htm"] = json!("PUT");
        assert!(matches!(made.verify(&made.text()), Err(ProofRefusal::Invalid(_))));
    }

    #[test]
    fn a_long_proof_is_not_parsed() {
        let mut made = Made::by(SigningAlgorithm::Es256);
        made.claims["more"] = json!("x".repeat(MAX_LENGTH));
        assert!(matches!(made.verify(&made.text()), Err(ProofRefusal::Invalid(why)) if why.contains("4096")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_changed_proof_is_refused(position in 0_usize..400, character in "[A-Za-z0-9_.=+/ -]") {
            let made = Made::by(SigningAlgorithm::EdDsa);
            let text = made.text();
            let position = position % text.len();
            let mut changed = text.clone();
            changed.replace_range(position..=position, &character);
            prop_assert!(changed == text || made.verify(&changed).is_err());
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let request = ProvedRequest { method: "GET", url: URL, token_hash: None };
            prop_assert!(read(&text, &request, now()).is_err());
        }
    }
}
