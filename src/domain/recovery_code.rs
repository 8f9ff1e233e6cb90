//! Recovery codes: the second factor when the authenticator is lost.
//!
//! They have 120 bits, so that a plain keyed hash protects them at rest (ASVS 6.5.2). They are written in Crockford's
//! base 32, which reads look-alike characters as one, because users copy them from paper under stress.

use std::cmp::Ordering;
use std::fmt;

use base32::Alphabet;
use zeroize::Zeroizing;

use super::policy::numbers::RECOVERY_CODES;
use super::random::{self, Random};
use super::typed_text;

const CODE_BYTES: usize = 15;
const CODE_CHARACTERS: usize = 24;

/// One recovery code.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; CODE_BYTES]>);

impl RecoveryCode {
    /// Makes a new set.
    pub fn generate_set(random: &dyn Random) -> Vec<Self> {
        (0..RECOVERY_CODES)
            .map(|_| Self(Zeroizing::new(random::bytes(random))))
            .collect()
    }

    /// Parses a code as users type and paste it: case, dashes and blanks do not matter; `O` is zero, `I` and `L` are
    /// one.
    ///
    /// # Errors
    ///
    /// Describes what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let compact = typed_text::compact(text);
        let letter = |character: char| match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let mut canonical = Zeroizing::new(String::with_capacity(compact.len()));
        canonical.extend(compact.chars().map(letter));
        let decoded = base32::decode(Alphabet::Crockford, &canonical).map(Zeroizing::new);
        let bytes = decoded.as_ref().and_then(|bytes| bytes.as_slice().try_into().ok());
        match (canonical.chars().count(), bytes) {
            (CODE_CHARACTERS, Some(bytes)) => Ok(Self(Zeroizing::new(bytes))),
            (count, _) => Err(describe(count)),
        }
    }

    /// Returns the bytes, only to be hashed.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Returns the code in the form in which it is shown once: six groups of four.
    pub fn to_display(&self) -> String {
        let plain = base32::encode(Alphabet::Crockford, self.0.as_slice());
        let characters: Vec<char> = plain.chars().collect();
        let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    }
}

/// Describes what is wrong with a code of so many characters.
fn describe(count: usize) -> String {
    let wrong = match count.cmp(&CODE_CHARACTERS) {
        Ordering::Less => "has too few characters",
        Ordering::Greater => "has too many characters",
        Ordering::Equal => "has characters that no recovery code has",
    };
    format!("{wrong}; must be a recovery code: {CODE_CHARACTERS} letters and digits in groups of four")
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::typed_text::typing;

    proptest! {
        #[test]
        fn a_code_is_read_back_however_it_was_copied(bytes: [u8; CODE_BYTES], lower: bool, spaced: bool) {
            let code = RecoveryCode(Zeroizing::new(bytes));
            let mut shown = code.to_display();
            prop_assert_eq!(shown.len(), 29);
            if lower { shown = shown.to_lowercase().replace('0', "o").replace('1', "l"); }
            if spaced { shown = format!(" {} ", shown.replace('-', "  ")); }
            prop_assert_eq!(RecoveryCode::parse(&shown), Ok(code));
        }

        #[test]
        fn what_a_copy_brings_along_does_not_matter(
            (bytes, typed) in any::<[u8; CODE_BYTES]>().prop_flat_map(|bytes| {
                (Just(bytes), typing::typed(&RecoveryCode(Zeroizing::new(bytes)).to_display()))
            }),
        ) {
            prop_assert_eq!(RecoveryCode::parse(&typed), Ok(RecoveryCode(Zeroizing::new(bytes))));
        }

        #[test]
        fn other_lengths_and_letters_are_not_codes(text in "[0-9A-Z -]{0,23}|[0-9a-z]{23}[uU!*é]") {
            prop_assert!(RecoveryCode::parse(&text).is_err());
        }
    }

    #[test]
    fn a_code_is_not_printed() {
        assert_eq!(
            format!("{:?}", RecoveryCode(Zeroizing::new([7; CODE_BYTES]))),
            "RecoveryCode(…)"
        );
    }
}
