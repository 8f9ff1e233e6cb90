//! An authenticator app: RFC 4226 and 6238 implemented a second time, from the text of the standards and with another
//! HMAC library, so that the service is not tested against itself.

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

/// Returns the code that an app with `secret` (base 32) shows at a time.
pub(crate) fn code_at(secret: &str, now: DateTime<Utc>) -> String {
    let counter = u64::try_from(now.timestamp()).unwrap() / 30;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &from_base32(secret));
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    // RFC 4226 §5.3: dynamic truncation.
    let offset = usize::from(tag[19] & 0x0f);
    let window: [u8; 4] = tag[offset..offset + 4].try_into().unwrap();
    let number = (u32::from_be_bytes(window) & 0x7fff_ffff) % 1_000_000;
    format!("{number:06}")
}

fn from_base32(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for character in text.chars() {
        buffer = buffer << 5 | u32::try_from(ALPHABET.find(character).unwrap()).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn the_app_shows_what_rfc_6238_says() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
        assert_eq!(code_at(secret, DateTime::from_timestamp(seconds, 0).unwrap()), code);
    }
}
