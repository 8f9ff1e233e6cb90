//! Signatures of webhook requests, according to Standard Webhooks.
//!
//! The receiver computes the same MAC over id, time and body. An attacker therefore cannot make it send messages, and a
//! request cannot be replayed later or with another body. While a secret is being replaced, each request is signed with
//! the old and the new one, so that a receiver that knows either accepts it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::domain::random::{self, Random};

/// The prefix that identifies secrets.
const PREFIX: &str = "whsec_";
/// The shortest and the longest secret in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Random bytes of a secret that this service makes.
const MADE_LENGTH: usize = 32;
/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Signs with one secret, or with several.
#[derive(Clone)]
pub struct WebhookSigner {
    keys: Vec<hmac::Key>,
}

impl WebhookSigner {
    /// Parses secrets, separated by commas: each is `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    ///
    /// Returns the required format, without the secrets.
    pub fn parse(secrets: &str) -> Result<Self, String> {
        let keys: Option<Vec<hmac::Key>> = secrets.split(',').map(str::trim).map(key).collect();
        let wanted =
            || "must be whsec_ and 24 to 64 random bytes in base64, or several of these with commas".to_owned();
        Ok(Self {
            keys: keys.ok_or_else(wanted)?,
        })
    }

    /// Returns the value of the header `webhook-signature`: one signature per secret. `timestamp` is in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signature = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, signed.as_bytes())));
        let signatures: Vec<String> = self.keys.iter().map(signature).collect();
        signatures.join(" ")
    }
}

/// Makes a secret, in the form in which receivers get it.
pub fn generate_secret(random: &dyn Random) -> SecretString {
    let bytes = Zeroizing::new(random::bytes::<MADE_LENGTH>(random));
    let encoded = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    format!("{PREFIX}{}", encoded.as_str()).into()
}

/// Parses one secret.
fn key(secret: &str) -> Option<hmac::Key> {
    let encoded = secret.strip_prefix(PREFIX)?;
    let bytes = Zeroizing::new(BASE64.decode(encoded).ok()?);
    LENGTHS
        .contains(&bytes.len())
        .then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl std::fmt::Debug for WebhookSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WebhookSigner(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example from the specification's own libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let signer = WebhookSigner::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_was_made_is_one_that_signs() {
        use secrecy::ExposeSecret;
        struct Fixed(u8);
        impl Random for Fixed {
            fn fill(&self, destination: &mut [u8]) {
                destination.fill(self.0);
            }
        }
        let [one, other] = [1, 2].map(|byte| generate_secret(&Fixed(byte)));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), PREFIX.len() + 44);
        assert!(WebhookSigner::parse(one.expose_secret()).is_ok());
    }

    #[test]
    fn several_secrets_make_a_signature_each_in_their_order() {
        let (old, new) = (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        let sign = |secrets: &str| WebhookSigner::parse(secrets).unwrap().sign("msg_1", 1, "{}");
        assert_ne!(sign(old), sign(new));
        for both in [format!("{new},{old}"), format!(" {new} , {old}\n")] {
            assert_eq!(sign(&both), format!("{} {}", sign(new), sign(old)));
        }
    }

    #[test]
    fn secrets_are_prefixed_and_24_to_64_bytes_long() {
        let of_length = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for length in [24, 32, 64] {
            assert!(WebhookSigner::parse(&of_length(length)).is_ok());
            assert!(WebhookSigner::parse(of_length(length).trim_end_matches('=')).is_ok());
        }
        let plain = STANDARD.encode([7; 32]);
        let half = format!("{},{plain}", of_length(32));
        let unfinished = format!("{},", of_length(32));
        for bad in [
            "",
            "whsec_",
            "whsec_!",
            &plain,
            &of_length(23),
            &of_length(65),
            &half,
            &unfinished,
        ] {
            let fault = WebhookSigner::parse(bad).unwrap_err();
            assert!(bad.len() < 7 || !fault.contains(bad));
        }
    }
}
