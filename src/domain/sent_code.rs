//! Codes that the service makes and sends: eight digits by mail, six by text message.
//!
//! A code is short enough to type, so other limits must prevent guessing: it is valid for minutes, for the session that
//! requested it, for a few attempts, and once (NIST SP 800-63B-4 §3.1.3.2; ASVS 6.5 and 6.6).

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use zeroize::Zeroizing;

use super::message::Channel;
use super::names::names;
use super::policy::numbers::{Allowance, MAILED_CODE_LIFE, TEXTED_CODE_LIFE};
use super::random::{self, Random};
use super::session::SessionKey;
use super::typed_text;

/// What a code is for. A code for one purpose is not accepted for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// Completes a login, or steps a session up.
    Authentication,
    /// Confirms that an address or a phone is the user's.
    Enrolment,
}

names!(CodePurpose {
    Authentication = "authentication",
    Enrolment = "enrolment",
});

/// Where a code is valid. Its hash is bound to all of it, and to the code's destination, so that the code is not
/// accepted elsewhere (ASVS 6.6.2).
#[derive(Clone, Copy, Debug)]
pub struct CodePlace {
    /// The session that requested it.
    pub session: SessionKey,
    /// What it is for.
    pub purpose: CodePurpose,
    /// The way it is sent.
    pub channel: Channel,
}

/// A code of digits.
#[derive(Clone, PartialEq, Eq)]
pub struct SentCode(Zeroizing<String>);

impl SentCode {
    /// Makes a code for a channel. All codes are equally likely.
    pub fn generate(channel: Channel, random: &dyn Random) -> Self {
        let digits = digits(channel);
        let codes = 10_u64.pow(digits);
        // Numbers above the last full round of codes are discarded: their remainders would make low codes likelier than
        // high ones.
        let fair = u64::MAX - u64::MAX % codes;
        let number = loop {
            let number = u64::from_be_bytes(random::bytes(random));
            if number < fair {
                break number % codes;
            }
        };
        let width = usize::try_from(digits).unwrap_or_default();
        Self(Zeroizing::new(format!("{number:0width$}")))
    }

    /// Parses a code of the channel's length as users type and paste it.
    ///
    /// # Errors
    ///
    /// Describes what is wrong.
    pub fn parse(channel: Channel, text: &str) -> Result<Self, String> {
        let length = usize::try_from(digits(channel)).unwrap_or_default();
        typed_text::digits(text, length).map(Self)
    }

    /// Returns the digits, only to be sent or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SentCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SentCode(…)")
    }
}

/// Digits of a code. Mail stays readable for longer, and to more readers, than a text message.
const fn digits(channel: Channel) -> u32 {
    match channel {
        Channel::Email => 8,
        Channel::Sms => 6,
    }
}

/// Returns how long a code is valid.
pub const fn life(channel: Channel) -> TimeDelta {
    match channel {
        Channel::Email => MAILED_CODE_LIFE,
        Channel::Sms => TEXTED_CODE_LIFE,
    }
}

/// A limit on how often something may happen in a window of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is limited, and for whom; hashed before it is stored.
    pub subject: String,
    /// How long the window is.
    pub window: TimeDelta,
    /// How much is allowed in it.
    pub most: i32,
}

impl Quota {
    /// Limits a subject to what a policy allows.
    pub fn new(subject: String, allowance: Allowance) -> Self {
        Self {
            subject,
            window: allowance.window(),
            most: i32::try_from(allowance.most).unwrap_or(i32::MAX),
        }
    }

    /// Returns the beginning and the end of the window that contains `now`. Windows begin at multiples of their length.
    pub fn window_at(&self, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let length = self.window.num_seconds().max(1);
        let start = now.timestamp() - now.timestamp().rem_euclid(length);
        let start = DateTime::from_timestamp(start, 0).unwrap_or(now);
        (start, start + self.window)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// Draws the given numbers, one after the other.
    struct Drawn(Vec<u64>, AtomicU64);

    impl Random for Drawn {
        fn fill(&self, destination: &mut [u8]) {
            let index = self.1.fetch_add(1, Ordering::Relaxed);
            let number = self.0[usize::try_from(index).unwrap()];
            destination.copy_from_slice(&number.to_be_bytes());
        }
    }

    fn drawn(numbers: &[u64], channel: Channel) -> String {
        let random = Drawn(numbers.to_vec(), AtomicU64::new(0));
        SentCode::generate(channel, &random).expose().to_owned()
    }

    #[test]
    fn codes_have_their_length_with_leading_zeros() {
        assert_eq!(drawn(&[42], Channel::Sms), "000042");
        assert_eq!(drawn(&[42], Channel::Email), "00000042");
        assert_eq!(drawn(&[1_999_999], Channel::Sms), "999999");
    }

    #[test]
    fn numbers_beyond_the_last_full_round_are_drawn_again() {
        assert_eq!(drawn(&[u64::MAX, 7], Channel::Sms), "000007");
    }

    #[test]
    fn only_digits_of_the_right_number_are_a_code() {
        assert!(SentCode::parse(Channel::Sms, "123 456").is_ok());
        assert!(SentCode::parse(Channel::Email, " 1234 5678").is_ok());
        for text in ["", "12345", "1234567", "12345x", "123.456", "+123456"] {
            assert!(SentCode::parse(Channel::Sms, text).is_err(), "{text:?}");
        }
        assert!(SentCode::parse(Channel::Email, "123456").is_err());
    }

    proptest! {
        #[test]
        fn a_moment_lies_in_its_window(seconds in 0_i64..4_000_000_000, hours in 1_i64..48) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let quota = Quota { subject: String::new(), window: TimeDelta::hours(hours), most: 1 };
            let (start, end) = quota.window_at(now);
            prop_assert!(start <= now && now < end && end - start == quota.window);
            prop_assert_eq!(quota.window_at(start), (start, end));
        }
    }
}
