//! Signatures on what is sent to webhooks, as Standard Webhooks wants them.
//!
//! The receiver computes the same over id, time and body, so nobody else can ask it to send messages, and what was sent
//! once cannot be sent again later or with another body.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use zeroize::Zeroizing;

/// How secrets are told apart from other texts.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Signs with one secret.
#[derive(Clone)]
pub struct WebhookSigner {
    key: hmac::Key,
}

impl WebhookSigner {
    /// Reads a secret: `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    ///
    /// Says what is wanted, without the secret.
    pub fn parse(secret: &str) -> Result<Self, String> {
        let wanted = || "must be whsec_ and 24 to 64 random bytes in base64".to_owned();
        let encoded = secret.strip_prefix(PREFIX).ok_or_else(wanted)?;
        let bytes = Zeroizing::new(BASE64.decode(encoded).map_err(|_unreadable| wanted())?);
        if !LENGTHS.contains(&bytes.len()) {
            return Err(wanted());
        }
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        })
    }

    /// Returns the value of the header `webhook-signature`. `timestamp` is in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl std::fmt::Debug for WebhookSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WebhookSigner(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let signer = WebhookSigner::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_prefixed_and_24_to_64_bytes_long() {
        let of_length = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for length in [24, 32, 64] {
            assert!(WebhookSigner::parse(&of_length(length)).is_ok());
            assert!(WebhookSigner::parse(of_length(length).trim_end_matches('=')).is_ok());
        }
        let plain = STANDARD.encode([7; 32]);
        for bad in ["", "whsec_", "whsec_!", &plain, &of_length(23), &of_length(65)] {
            let fault = WebhookSigner::parse(bad).unwrap_err();
            assert!(bad.len() < 7 || !fault.contains(bad));
        }
    }
}
