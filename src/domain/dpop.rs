//! Proofs of possession (RFC 9449): a client shows with each request that it has the key that its tokens are bound to,
//! so a stolen token is worth nothing.
//!
//! `crypto::dpop` verifies the signature of a proof; what the proof has to say is decided here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::names::names;
use super::policy::numbers::DPOP_PROOF_WINDOW;

/// The `typ` of a proof (RFC 9449 §4.2).
pub const TYPE: &str = "dpop+jwt";
/// The algorithms of proofs. `Ed25519` is the newer name of what `EdDSA` means here (RFC 9864 §2.2).
pub const ALGORITHMS: [&str; 5] = ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"];
/// The longest proof that is parsed: one by an RSA key of 4096 bits has less than 3000 characters.
pub const MAX_LENGTH: usize = 4096;
/// The longest `jti`. It is not stored.
const LONGEST_JTI: usize = 500;
/// The longest `htu`.
const LONGEST_URL: usize = 2048;

/// Whether the tokens of new sessions are bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DpopPolicy {
    /// None are. A session that was bound before stays bound.
    Off,
    /// Those of clients that send a proof.
    Optional,
    /// All. No session begins without a proof.
    Required,
}

names!(DpopPolicy {
    Off = "off",
    Optional = "optional",
    Required = "required",
});

/// The JWK thumbprint of a client's key, by SHA-256 (RFC 7638).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyThumbprint([u8; 32]);

impl KeyThumbprint {
    /// Takes a digest.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Parses a thumbprint: 32 bytes in base64url, which are 43 characters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    /// Returns the digest.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns it in base64url.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The claim `cnf` of an access token (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The thumbprint of the key that the token is bound to.
    pub jkt: String,
}

impl Confirmation {
    /// Names a key.
    pub fn of(key: KeyThumbprint) -> Self {
        Self { jkt: key.to_text() }
    }
}

/// Decides whether a token may be presented so: a bound one with a proof by its key, and any other without a proof. An
/// unbound token beside a proof is refused as well: its client would take it for protected (RFC 9449 §7.1).
pub fn is_confirmed(cnf: Option<&Confirmation>, shown: Option<KeyThumbprint>) -> bool {
    cnf.map(|cnf| &cnf.jkt) == shown.map(KeyThumbprint::to_text).as_ref()
}

/// Returns the `token_type` of a token (RFC 9449 §5).
pub const fn token_type(is_bound: bool) -> &'static str {
    if is_bound { "DPoP" } else { "Bearer" }
}

/// The claims of a proof (RFC 9449 §4.2). Others are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProofClaims {
    /// Names this proof. It is not remembered: the nonce shows that the proof is new.
    pub jti: String,
    /// The method of the request.
    pub htm: String,
    /// The URL of the request.
    pub htu: String,
    /// When it was made.
    pub iat: i64,
    /// A nonce of this service.
    pub nonce: Option<String>,
    /// The hash of the access token that it goes with.
    pub ath: Option<String>,
}

/// The request that a proof came with.
#[derive(Clone, Copy, Debug)]
pub struct ProvedRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL, by the public URL: which host a request names is the client's choice.
    pub url: &'a str,
    /// The hash of the access token in it, if there is one.
    pub token_hash: Option<&'a str>,
}

impl ProofClaims {
    /// Checks whether a proof with a valid signature is for a request that arrives `now` (RFC 9449 §4.3).
    ///
    /// # Errors
    ///
    /// Says what is wrong, for the developer of the client.
    pub fn check(&self, request: &ProvedRequest<'_>, now: DateTime<Utc>) -> Result<(), &'static str> {
        if self.jti.is_empty() || self.jti.len() > LONGEST_JTI {
            return Err("The jti must have 1 to 500 bytes.");
        }
        if self.htm != request.method {
            return Err("The htm is not the method of this request.");
        }
        let wanted = normalised(request.url);
        if wanted.is_none() || normalised(&self.htu) != wanted {
            return Err("The htu is not the URL of this request below the public URL of the service.");
        }
        let age = now.timestamp().checked_sub(self.iat);
        let window = DPOP_PROOF_WINDOW.num_seconds();
        if !age.is_some_and(|age| (-window..=window).contains(&age)) {
            return Err("The iat is more than a minute from the time of the service, which its Date header tells.");
        }
        // RFC 9449 §7.1. Without an access token there is nothing to compare.
        if request.token_hash.is_some_and(|hash| self.ath.as_deref() != Some(hash)) {
            return Err("The ath is not the SHA-256 of the access token of this request.");
        }
        Ok(())
    }
}

/// Returns a URL without query and fragment, in the one spelling that RFC 3986 §6.2.2 and §6.2.3 give it. `None` if it
/// is not a URL of HTTP.
fn normalised(text: &str) -> Option<String> {
    // The parser below, which browsers follow, also takes what RFC 3986 §2 does not allow in a URL.
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if text.len() > LONGEST_URL || !text.bytes().all(is_allowed) {
        return None;
    }
    let (scheme, _) = text.split_once("://")?;
    let mut url = Url::parse(text).ok()?;
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_http || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    with_plain_letters(url.as_str())
}

/// Decodes what need not be percent-encoded, and writes the other encodings in upper case (RFC 3986 §6.2.2.1, §6.2.2.2).
/// `None` if a percent sign begins no encoding.
fn with_plain_letters(url: &str) -> Option<String> {
    let mut parts = url.split('%');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            plain.push(char::from(byte));
        } else {
            plain.push('%');
            plain.push_str(&digits.to_ascii_uppercase());
        }
        plain.push_str(rest);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://auth.example.com/login";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn proof() -> ProofClaims {
        ProofClaims {
            jti: "a".into(),
            htm: "POST".into(),
            htu: URL.into(),
            iat: 1000,
            nonce: None,
            ath: None,
        }
    }

    fn request() -> ProvedRequest<'static> {
        ProvedRequest {
            method: "POST",
            url: URL,
            token_hash: None,
        }
    }

    type Fault = (fn(&mut ProofClaims), &'static str);

    #[test]
    fn a_proof_is_for_one_method_and_one_url_and_one_minute() {
        assert_eq!(proof().check(&request(), at(1000)), Ok(()));
        let changes: [Fault; 12] = [
            (|proof| proof.htm = "GET".into(), "htm"),
            (|proof| proof.htm = "post".into(), "htm"),
            (|proof| proof.htu = "https://auth.example.com/logout".into(), "htu"),
            (|proof| proof.htu = "https://evil.example/login".into(), "htu"),
            (|proof| proof.htu = "http://auth.example.com/login".into(), "htu"),
            (|proof| proof.htu = "/login".into(), "htu"),
            (|proof| proof.htu = String::new(), "htu"),
            (|proof| proof.iat = 939, "iat"),
            (|proof| proof.iat = 1061, "iat"),
            (|proof| proof.iat = i64::MIN, "iat"),
            (|proof| proof.jti = String::new(), "jti"),
            (|proof| proof.jti = "j".repeat(501), "jti"),
        ];
        for (change, named) in changes {
            let mut changed = proof();
            change(&mut changed);
            let refused = changed.check(&request(), at(1000)).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        for iat in [940, 1060] {
            assert_eq!(ProofClaims { iat, ..proof() }.check(&request(), at(1000)), Ok(()));
        }
    }

    #[test]
    fn a_proof_with_an_access_token_names_that_token() {
        let with_token = ProvedRequest {
            token_hash: Some("h"),
            ..request()
        };
        for (ath, is_good) in [(Some("h"), true), (Some("g"), false), (None, false)] {
            let ath = ath.map(str::to_owned);
            let checked = ProofClaims { ath, ..proof() }.check(&with_token, at(1000));
            assert_eq!(checked.is_ok(), is_good);
        }
    }

    #[test]
    fn other_spellings_of_a_url_are_the_same_url() {
        for spelling in [
            "HTTPS://AUTH.example.com/login",
            "https://auth.example.com:443/login",
            "https://auth.example.com/login?next=1#there",
            "https://auth.example.com/x/../login",
            "https://auth.example.com/%6cog%69n",
        ] {
            assert_eq!(normalised(spelling), normalised(URL), "{spelling}");
        }
        for other in [
            "https://auth.example.com/Login",
            "https://auth.example.com/login/",
            "https://auth.example.com:444/login",
            "https://auth.example.com/log%2Fin",
            "https://u@auth.example.com/login",
            "https:auth.example.com/login",
            "https:\\\\auth.example.com/login",
            "https://auth.example.com/lo\tgin",
            "ftp://auth.example.com/login",
            "https://auth.example.com/login%",
            "https://auth.example.com/login%2",
        ] {
            assert_ne!(normalised(other), normalised(URL), "{other}");
        }
        assert_eq!(
            normalised("https://a.example/%c3%a4"),
            normalised("https://a.example/%C3%A4")
        );
    }

    #[test]
    fn a_token_is_presented_as_what_it_is() {
        let [one, other] = [[1; 32], [2; 32]].map(KeyThumbprint);
        let bound = Confirmation::of(one);
        assert!(is_confirmed(Some(&bound), Some(one)) && is_confirmed(None, None));
        for (cnf, shown) in [(Some(&bound), None), (Some(&bound), Some(other)), (None, Some(one))] {
            assert!(!is_confirmed(cnf, shown));
        }
    }

    proptest! {
        #[test]
        fn a_thumbprint_has_one_spelling(bytes: [u8; 32], text in "[A-Za-z0-9_=-]{40,46}") {
            let key = KeyThumbprint(bytes);
            prop_assert_eq!(KeyThumbprint::parse(&key.to_text()), Some(key));
            let parsed = KeyThumbprint::parse(&text);
            prop_assert!(parsed.is_none_or(|parsed| parsed.to_text() == text));
        }

        #[test]
        fn a_normalised_url_stays_as_it_is(path in "(/|[a-z]|%[0-9a-fA-F]{2}|%|\\.|\\?|#){0,30}") {
            if let Some(once) = normalised(&format!("https://auth.example.com/{path}")) {
                prop_assert_eq!(normalised(&once), Some(once));
            }
        }

        #[test]
        fn any_url_is_survived(text in "\\PC{0,60}", scheme in "(https?://)?") {
            normalised(&format!("{scheme}{text}"));
        }
    }
}
