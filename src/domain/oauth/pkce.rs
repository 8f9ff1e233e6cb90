//! PKCE (RFC 7636): a code is worth something only to the program that asked for it.
//!
//! Every client uses it, and only with `S256`: with `plain` the challenge, which the browser sees, would be the secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The only method.
pub const S256: &str = "S256";

/// The SHA-256 of a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge(pub [u8; 32]);

impl CodeChallenge {
    /// Parses a challenge: 32 bytes in base64url, which are 43 characters (RFC 7636 §4.2).
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// Returns the challenge as a parameter has it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The secret of the program that redeems a code.
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// Parses a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
    pub fn parse(text: SecretString) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let exposed = text.expose_secret();
        let is_good = (43..=128).contains(&exposed.len()) && exposed.bytes().all(allowed);
        is_good.then_some(Self(text))
    }

    /// Returns the bytes, only to be hashed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CodeVerifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_a_whole_digest() {
        // RFC 7636 appendix B.
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert_eq!(challenge.0[..3], [0x13, 0xd3, 0x1e]);
        assert_eq!(challenge.text(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        for text in [
            "",
            "E",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
        ] {
            assert_eq!(CodeChallenge::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_verifier_is_long_and_plain() {
        let parse = |text: String| CodeVerifier::parse(text.into()).is_some();
        assert!(parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into()));
        assert!(parse("a".repeat(128)));
        for text in [
            "a".repeat(42),
            "a".repeat(129),
            format!("{}+", "a".repeat(43)),
            format!("{} ", "a".repeat(43)),
        ] {
            assert!(!parse(text.clone()), "{text}");
        }
    }
}
