//! Phone numbers in the one form under which they are sealed, compared and written to: E.164.
//!
//! Only numbers that a text message can reach, and none that costs its sender more than others: premium numbers are how
//! sending codes is turned into money (toll fraud).

use std::fmt;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type};
use zeroize::Zeroizing;

/// Longest text looked at: fifteen digits (ITU-T E.164 §6) and what people put between them.
const MAX_LENGTH: usize = 32;
/// Digits at the end that tell one phone from another in a block that a carrier was given.
const DIGITS_IN_BLOCK: usize = 4;

/// A number that takes text messages.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(Zeroizing<String>);

impl PhoneNumber {
    /// Parses a number with its country code; blanks, dashes, dots and brackets are dropped.
    ///
    /// # Errors
    ///
    /// Says what is wanted when it is no mobile number.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "must be a phone number with its country code, such as +4915112345678";
        let plain: Zeroizing<String> = Zeroizing::new(
            text.chars()
                .filter(|character| !matches!(character, ' ' | '-' | '.' | '(' | ')' | '/'))
                .collect(),
        );
        let digits = plain.strip_prefix('+').ok_or(WANTED)?;
        if text.len() > MAX_LENGTH || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WANTED);
        }
        let number = phonenumber::parse(None, plain.as_str()).map_err(|_not_parsed| WANTED)?;
        if !number.is_valid() {
            return Err(WANTED);
        }
        match number.number_type(&DATABASE) {
            Type::Mobile | Type::FixedLineOrMobile => {
                Ok(Self(Zeroizing::new(number.format().mode(Mode::E164).to_string())))
            }
            _ => Err("must be the number of a mobile phone"),
        }
    }

    /// Takes a number that was canonical when it was sealed.
    pub fn from_stored(number: String) -> Self {
        Self(Zeroizing::new(number))
    }

    /// Returns the number, to be sealed or written to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns enough of it for its owner to know which it is, and nobody else.
    pub fn hint(&self) -> String {
        format!("•••{}", self.last_digits())
    }

    /// Returns the two digits that it ends in.
    pub fn last_digits(&self) -> &str {
        let shown = self.0.len().saturating_sub(2);
        self.0.get(shown..).unwrap_or_default()
    }

    /// Returns the block of numbers that it is one of: messages to many phones of one block look like toll fraud.
    pub fn block(&self) -> &str {
        let end = self.0.len().saturating_sub(DIGITS_IN_BLOCK);
        self.0.get(..end).unwrap_or_default()
    }
}

/// Keeps numbers out of logs: they are personal data.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PhoneNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_number_are_one() {
        for text in ["+4915112345678", "+49 151 1234 5678", "+49 (151) 12345-678"] {
            assert_eq!(PhoneNumber::parse(text).unwrap().as_str(), "+4915112345678", "{text}");
        }
        assert_eq!(PhoneNumber::parse("+1 202 555 0123").unwrap().as_str(), "+12025550123");
        assert_eq!(PhoneNumber::parse("+44 7400 123456").unwrap().as_str(), "+447400123456");
    }

    #[test]
    fn what_takes_no_text_message_or_costs_more_is_refused() {
        for text in [
            "",
            "+",
            "015112345678",
            "0049 151 12345678",
            "+49",
            "+4915112345678901234",
            "+49 800 1234567",
            "+49 900 1 234567",
            "+49 30 901820",
            "+999 1234567",
            "+49151١٢٣٤٥٦٧٨",
            "tel:+4915112345678",
            "+4915112345678;ext=1",
            "+49 151 1234 5678 x1",
            "+4915112345678\r\n",
        ] {
            assert!(PhoneNumber::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_hint_shows_two_digits_and_a_block_hides_four() {
        let number = PhoneNumber::parse("+4915112345678").unwrap();
        assert_eq!((number.hint().as_str(), number.block()), ("•••78", "+491511234"));
        assert_eq!(format!("{number:?}"), "PhoneNumber(…)");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_judged(text in "[+]?\\PC{0,40}") {
            let _ = PhoneNumber::parse(&text);
        }

        #[test]
        fn digits_are_canonical_once_accepted(digits in "[1-9][0-9]{0,16}") {
            if let Ok(number) = PhoneNumber::parse(&format!("+{digits}")) {
                prop_assert_eq!(&PhoneNumber::parse(number.as_str()).unwrap(), &number);
            }
        }
    }
}
