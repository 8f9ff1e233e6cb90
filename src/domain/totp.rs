//! Time-based one-time passwords (RFC 6238), as every authenticator app computes them.
//!
//! SHA-1, six digits, thirty seconds: the only parameters that all apps support. A code is right for the previous, the
//! present and the next step, and only for steps above the last one used, so that none is accepted twice (RFC 6238
//! §5.2); the caller records the step that [`TotpSecret::matched_step`] returns with one conditional statement.

use std::fmt;

use base32::Alphabet;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use totp_lite::{Sha1, totp_custom};
use zeroize::Zeroizing;

use super::random::{self, Random};
use super::typed_text;

/// Digits of a code.
pub const DIGITS: u32 = 6;
/// The same, as the length of a text.
const CODE_LENGTH: usize = 6;
/// Seconds of a step.
pub const PERIOD_SECONDS: u64 = 30;
/// Bytes of our own secrets: the length of the HMAC's output (RFC 4226 §4, R6).
const SECRET_LENGTH: usize = 20;
/// Bytes of secrets that other programs made: the first authenticator apps used 80 bits, and none uses more than the
/// block of SHA-1 (64 bytes).
const FOREIGN_LENGTHS: std::ops::RangeInclusive<usize> = 10..=64;
/// RFC 3986 §2.3: characters that need no escape. A space becomes `%20`, since some apps show a `+` as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A number of thirty-second steps since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeStep(pub i64);

impl TimeStep {
    /// Stands for the last used step if there is none: every present step is above it.
    pub const NONE_USED: Self = Self(0);

    /// Returns the time at which the step begins.
    pub fn begins_at(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.saturating_mul(PERIOD_SECONDS.cast_signed()), 0).unwrap_or_default()
    }

    /// Returns the step of a time; times before 1970 belong to the first step.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(now.timestamp().max(0) / PERIOD_SECONDS.cast_signed())
    }
}

/// Six digits, as typed.
#[derive(Clone)]
pub struct TotpCode(Zeroizing<String>);

impl TotpCode {
    /// Parses six digits as users type and paste them.
    ///
    /// # Errors
    ///
    /// Describes what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        typed_text::digits(text, CODE_LENGTH).map(Self)
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpCode(…)")
    }
}

/// The secret that service and authenticator share.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Makes a new secret.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random::bytes::<SECRET_LENGTH>(random).to_vec()))
    }

    /// Parses a secret that another program made: base 32 (RFC 4648 §6) as users write it, in either case, in groups,
    /// with or without padding, and with white space or invisible characters from a copy.
    ///
    /// # Errors
    ///
    /// Describes the expected form, without the secret.
    pub fn parse_base32(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "must be 10 to 64 bytes in base 32";
        let mut compact = typed_text::compact(text);
        compact.make_ascii_uppercase();
        compact.retain(|character| character != '=');
        // In base 32, whole bytes never end after 1, 3 or 6 characters of a group of eight: the text was truncated.
        if matches!(compact.len() % 8, 1 | 3 | 6) {
            return Err(WANTED);
        }
        let bytes = base32::decode(Alphabet::Rfc4648 { padding: false }, &compact).map(Zeroizing::new);
        bytes
            .filter(|bytes| FOREIGN_LENGTHS.contains(&bytes.len()))
            .map(Self)
            .ok_or(WANTED)
    }

    /// Accepts a secret that was unsealed.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, only to be sealed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the secret as users type it into an app: base 32 (RFC 4648 §6) without padding.
    pub fn to_base32(&self) -> String {
        base32::encode(Alphabet::Rfc4648 { padding: false }, &self.0)
    }

    /// Returns the `otpauth:` URI that a QR code carries.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> String {
        let issuer = utf8_percent_encode(issuer, ESCAPED);
        let account = utf8_percent_encode(account, ESCAPED);
        let secret = self.to_base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}\
             &algorithm=SHA1&digits={DIGITS}&period={PERIOD_SECONDS}"
        )
    }

    /// Returns the step that a code is right for, if any.
    ///
    /// Checks the previous, the present and the next step (RFC 6238 §5.2: clocks drift, and users type slowly), except
    /// those up to `last_step`. Every step is computed and compared in constant time, so that the response time does
    /// not reveal how near a guess was.
    pub fn matched_step(&self, code: &TotpCode, now: DateTime<Utc>, last_step: Option<TimeStep>) -> Option<TimeStep> {
        let present = TimeStep::at(now).0;
        let floor = last_step.map_or(-1, |step| step.0);
        let mut matched = -1_i64;
        for step in present - 1..=present + 1 {
            let right = self.code_at(TimeStep(step)).as_bytes().ct_eq(code.0.as_bytes());
            let unused = Choice::from(u8::from(step > floor));
            matched.conditional_assign(&step, right & unused);
        }
        (matched >= 0).then_some(TimeStep(matched))
    }

    fn code_at(&self, step: TimeStep) -> Zeroizing<String> {
        let seconds = u64::try_from(step.0).unwrap_or_default() * PERIOD_SECONDS;
        Zeroizing::new(totp_custom::<Sha1>(PERIOD_SECONDS, DIGITS, &self.0, seconds))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::typed_text::typing;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn rfc_secret() -> TotpSecret {
        TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn code(digits: &str) -> TotpCode {
        TotpCode::parse(digits).unwrap()
    }

    /// RFC 6238 appendix B, the SHA-1 rows. Its codes have eight digits; ours are their last six.
    #[test]
    fn rfc_6238_vectors() {
        for (seconds, eight_digits) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = TimeStep::at(at(seconds));
            let (_, six_digits) = eight_digits.split_at(2);
            assert_eq!(rfc_secret().code_at(step).as_str(), six_digits);
            assert_eq!(
                rfc_secret().matched_step(&code(six_digits), at(seconds), None),
                Some(step)
            );
        }
    }

    #[test]
    fn the_uri_is_what_authenticator_apps_expect() {
        let uri = rfc_secret().otpauth_uri("auth.example.com", "jo doe@example.com");
        assert_eq!(
            uri,
            "otpauth://totp/auth.example.com:jo%20doe%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=auth.example.com&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn secrets_are_read_as_users_write_them() {
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======",
        ] {
            let secret = TotpSecret::parse_base32(text).unwrap();
            assert_eq!(secret.expose(), rfc_secret().expose(), "{text}");
        }
        let of_length = |length: usize| TotpSecret(Zeroizing::new(vec![7; length])).to_base32();
        for length in 10..=64 {
            assert_eq!(
                TotpSecret::parse_base32(&of_length(length)).unwrap().expose(),
                vec![7; length]
            );
        }
        for text in [
            "",
            "=",
            "GEZDGNBV",
            "GEZDGNBVGY3TQOJQ0",
            "GEZDGNBVGY3TQOJQG",
            "ÄÖÜ",
            &of_length(9),
            &of_length(65),
        ] {
            assert!(TotpSecret::parse_base32(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn only_six_digits_are_a_code() {
        for text in [
            "", "12345", "1234567", "+12345", "12 456", "12345a", "12345\n", "12345½",
        ] {
            assert!(TotpCode::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn neither_secret_nor_code_is_printed() {
        assert_eq!(
            format!("{:?} {:?}", rfc_secret(), code("123456")),
            "TotpSecret(…) TotpCode(…)"
        );
    }

    proptest! {
        #[test]
        fn a_secret_is_read_however_it_was_copied(
            (bytes, typed) in proptest::collection::vec(any::<u8>(), 10..=64).prop_flat_map(|bytes| {
                let shown = TotpSecret(Zeroizing::new(bytes.clone())).to_base32();
                (Just(bytes), typing::typed(&shown))
            }),
            lower: bool,
        ) {
            let typed = if lower { typed.to_lowercase() } else { typed };
            let secret = TotpSecret::parse_base32(&typed).unwrap();
            prop_assert_eq!(secret.expose(), bytes);
        }

        #[test]
        fn exactly_the_neighbouring_steps_above_the_last_used_match(
            secret: [u8; SECRET_LENGTH], seconds in 0_i64..100_000_000_000, offset in -5_i64..=5, used in -6_i64..=6,
        ) {
            let secret = TotpSecret(Zeroizing::new(secret.to_vec()));
            let now = at(seconds + 300);
            let present = TimeStep::at(now).0;
            let typed = code(&secret.code_at(TimeStep(present + offset)));
            let last = TimeStep(present + used);
            let matched = secret.matched_step(&typed, now, Some(last));
            let expected = (-1..=1).contains(&offset) && offset > used;
            // Two steps share a code once in a million; then another step of the window may answer.
            let twin = (present - 1..=present + 1)
                .any(|step| step != present + offset && step > last.0 && *secret.code_at(TimeStep(step)) == *typed.0);
            prop_assert!(twin || matched == expected.then_some(TimeStep(present + offset)));
        }

        #[test]
        fn a_code_is_never_accepted_twice(secret: [u8; SECRET_LENGTH], seconds in 0_i64..10_000_000_000, later in 0_i64..120) {
            let secret = TotpSecret(Zeroizing::new(secret.to_vec()));
            let typed = code(&secret.code_at(TimeStep::at(at(seconds))));
            let first = secret.matched_step(&typed, at(seconds), None).unwrap();
            if let Some(second) = secret.matched_step(&typed, at(seconds) + TimeDelta::seconds(later), Some(first)) {
                // Only a later step that happens to share the code may match.
                prop_assert!(second > first && *secret.code_at(second) == *typed.0);
            }
        }
    }
}
