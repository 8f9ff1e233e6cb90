//! Proofs of possession (RFC 9449 §4.3, §7.1): the client has the key that its token is bound to, and made the proof
//! for this request.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::replays::{LONGEST_USE, Replays, Shared};

/// Those that the service accepts as well. `Ed25519` is the newer name of what `EdDSA` means here (RFC 9864 §2.2).
pub(crate) const ALGORITHMS: [&str; 5] = ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"];
/// Seconds between the clock of the client and ours, at most.
const WINDOW: u64 = LONGEST_USE.as_secs() / 2;
const LONGEST_PROOF: usize = 4096;
const LONGEST_URL: usize = 2048;
/// Members of a private key (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// Why a proof does not count.
#[derive(Debug)]
pub(crate) enum NoProof {
    Invalid(&'static str),
    /// It cannot be remembered, so a copy of it would count as well.
    NotRemembered(String),
}

/// A request with a token that is bound to a key.
pub(crate) struct ProvedRequest<'a> {
    pub(crate) method: &'a str,
    /// With the query.
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    /// The `DPoP` header.
    pub(crate) proof: Option<&'a str>,
    /// The thumbprint of the key that the token is bound to.
    pub(crate) jkt: &'a str,
}

#[derive(Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
    exp: Option<i64>,
}

/// Checks proofs.
pub(crate) struct Proofs {
    base_url: String,
    clock: Clock,
    /// Those of this process, unless the application shares a memory.
    own: Replays,
    shared: Option<Shared>,
}

impl Proofs {
    pub(crate) fn new(base_url: String, shared: Option<Shared>, clock: Clock) -> Self {
        Self {
            base_url,
            clock,
            own: Replays::default(),
            shared,
        }
    }

    /// Checks that there is a new proof for this request.
    pub(crate) async fn check(&self, request: &ProvedRequest<'_>) -> Result<(), NoProof> {
        let (jti, iat) = self.check_all_but_use(request).map_err(NoProof::Invalid)?;
        // Last: only a proof that would count is remembered.
        if self.is_new(&format!("{} {jti}", request.jkt), iat).await? {
            return Ok(());
        }
        Err(NoProof::Invalid("the proof was used before"))
    }

    async fn is_new(&self, proof: &str, iat: i64) -> Result<bool, NoProof> {
        let Some(Shared(memory)) = &self.shared else {
            let id = digest(&SHA256, proof.as_bytes());
            let id = id
                .as_ref()
                .try_into()
                .map_err(|_| NoProof::NotRemembered(String::new()))?;
            let added = self.own.add(id, self.clock.now());
            return added.map_err(|_| NoProof::NotRemembered("there are too many".to_owned()));
        };
        // Until its `iat` is too old, by the clock of any process that shares the memory.
        let left = iat - self.clock.seconds().cast_signed() + WINDOW.cast_signed() + 1;
        let lifetime = Duration::from_secs(left.cast_unsigned());
        let added = memory.add(hash_of(proof), lifetime).await;
        added.map_err(|error| NoProof::NotRemembered(error.to_string()))
    }

    /// Returns what the proof is remembered by: its id and time.
    fn check_all_but_use(&self, request: &ProvedRequest<'_>) -> Result<(String, i64), &'static str> {
        let proof = request.proof.ok_or("there is no proof")?;
        if proof.len() > LONGEST_PROOF {
            return Err("the proof is too long");
        }
        let (claims, jwk) = verified(proof)?;
        if claims.jti.is_empty() {
            return Err("the proof has no jti");
        }
        if claims.htm != request.method {
            return Err("the proof is for another method");
        }
        let wanted = normalised(&format!("{}{}", self.base_url, request.path));
        if wanted.is_none() || normalised(&claims.htu) != wanted {
            return Err("the proof is for another URL");
        }
        let now = self.clock.seconds().cast_signed();
        if now.abs_diff(claims.iat) > WINDOW || claims.exp.is_some_and(|exp| exp + WINDOW.cast_signed() <= now) {
            return Err("the proof is more than a minute from now");
        }
        if claims.ath.as_deref() != Some(&*hash_of(request.token)) {
            return Err("the proof is for another token");
        }
        if jwk.thumbprint(ThumbprintHash::SHA256).ok().as_deref() != Some(request.jkt) {
            return Err("the proof is by another key");
        }
        Ok((claims.jti, claims.iat))
    }
}

fn hash_of(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// Returns the claims of a proof that the key in its header signed, and that key.
fn verified(proof: &str) -> Result<(ProofClaims, Jwk), &'static str> {
    let unreadable = "the proof is not a JWT";
    let (message, signature) = proof.rsplit_once('.').ok_or(unreadable)?;
    let (header, claims) = message.split_once('.').ok_or(unreadable)?;
    let (algorithm, jwk) = read_header(&decoded(header).ok_or(unreadable)?)?;
    let claims = decoded(claims).filter(Value::is_object).ok_or(unreadable)?;
    let claims = serde_json::from_value(claims).map_err(|_| "the proof lacks jti, htm, htu or iat")?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| "the jwk is not a key")?;
    let is_signed = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm);
    if is_signed.unwrap_or_default() {
        return Ok((claims, jwk));
    }
    Err("the signature is not one by the key in the jwk")
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Returns the algorithm and the key that the header names: never a symmetric one, nor a private key.
fn read_header(header: &Value) -> Result<(Algorithm, Jwk), &'static str> {
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err("the typ is not dpop+jwt");
    }
    // RFC 7515 §4.1.11: what requires an unknown extension is refused.
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err("the header requires an extension");
    }
    let algorithm = match header.get("alg").and_then(Value::as_str) {
        Some("ES256") => Algorithm::ES256,
        Some("EdDSA" | "Ed25519") => Algorithm::EdDSA,
        Some("PS256") => Algorithm::PS256,
        Some("RS256") => Algorithm::RS256,
        _ => return Err("the alg is not one that is accepted"),
    };
    let jwk = header
        .get("jwk")
        .filter(|jwk| jwk.is_object())
        .ok_or("there is no jwk")?;
    if PRIVATE.iter().any(|member| jwk.get(member).is_some()) {
        return Err("the jwk is a private key");
    }
    let jwk = serde_json::from_value(jwk.clone()).map_err(|_| "the jwk is not a key")?;
    Ok((algorithm, jwk))
}

/// Returns a URL without query and fragment, in the one spelling that RFC 3986 §6.2.2 and §6.2.3 give it. `None` if
/// it is not a URL of HTTP.
fn normalised(text: &str) -> Option<String> {
    // The parser below, which browsers follow, also takes what RFC 3986 §2 does not allow in a URL.
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let (scheme, _) = text.split_once("://")?;
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if text.len() > LONGEST_URL || !text.bytes().all(is_allowed) || !is_http {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(with_plain_letters(url.as_str()))
}

/// Decodes the escapes of letters that need none (RFC 3986 §6.2.2.2), and writes the others in capitals.
fn with_plain_letters(url: &str) -> String {
    let mut parts = url.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code.map(char::from) {
            Some(letter) if letter.is_ascii_alphanumeric() || "-._~".contains(letter) => {
                plain.push(letter);
                plain.push_str(&part[2..]);
            }
            Some(_) => {
                plain.push('%');
                plain.push_str(&part[..2].to_ascii_uppercase());
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}
