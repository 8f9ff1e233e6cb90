//! Phone numbers in the one form in which they are sealed, compared and used: E.164.
//!
//! Only numbers that can receive a text message, and none that costs its sender more than others: with premium and
//! satellite numbers, attackers turn the sending of codes into money (toll fraud).

use std::fmt;

use zeroize::Zeroizing;

use super::numbering_plan::{self, Found};
use super::typed_text;

/// Most digits of a number (ITU-T E.164 §6).
const MAX_DIGITS: usize = 15;
/// Digits at the end that distinguish the phones in a carrier's block.
const DIGITS_IN_BLOCK: usize = 4;

/// A number that can receive text messages.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(Zeroizing<String>);

impl PhoneNumber {
    /// Parses a number with its country code, as users type and paste it; dots, slashes and brackets are removed, too.
    ///
    /// # Errors
    ///
    /// Describes what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut plain = typed_text::compact(text);
        plain.retain(|character| !matches!(character, '.' | '(' | ')' | '[' | ']' | '/'));
        let digits = plain
            .strip_prefix('+')
            .ok_or("must begin with + and the country code, such as +4915112345678")?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("must be a plus sign and digits, such as +4915112345678");
        }
        if digits.len() > MAX_DIGITS {
            return Err("must have at most 15 digits");
        }
        match numbering_plan::look_up(digits) {
            Found::Mobile { code, national, .. } => Ok(Self(Zeroizing::new(format!("+{code}{national}")))),
            Found::Other => Err("must be the number of a mobile phone"),
            Found::NoCountry => Err(
                "must be the number of a mobile phone in a country: satellite phones and international services get no text \
                 messages",
            ),
            Found::Nothing => Err("must be a phone number that exists, with its country code, such as +4915112345678"),
        }
    }

    /// Accepts a number that was canonical when it was sealed.
    pub fn from_stored(number: String) -> Self {
        Self(Zeroizing::new(number))
    }

    /// Returns the number, to be sealed or sent to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a hint by which only its owner can recognise it.
    pub fn hint(&self) -> String {
        format!("•••{}", self.last_digits())
    }

    /// Returns its last two digits.
    pub fn last_digits(&self) -> &str {
        let shown = self.0.len().saturating_sub(2);
        self.0.get(shown..).unwrap_or_default()
    }

    /// Returns its block of numbers: messages to many phones of one block indicate toll fraud.
    pub fn block(&self) -> &str {
        let end = self.0.len().saturating_sub(DIGITS_IN_BLOCK);
        self.0.get(..end).unwrap_or_default()
    }
}

/// The countries whose mobile phones can receive text messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsCountries {
    /// Every country.
    All,
    /// The listed ones, by their codes (ISO 3166-1 alpha-2).
    Only(Vec<&'static str>),
}

impl SmsCountries {
    /// Parses `*`, or country codes separated by commas, in either case.
    ///
    /// # Errors
    ///
    /// Names the first code that is not that of a country with phones.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "must be * or a list of ISO 3166 country codes, such as DE,AT,CH";
        if text.trim() == "*" {
            return Ok(Self::All);
        }
        let code = |text: &str| {
            let code = text.trim().to_ascii_uppercase();
            numbering_plan::country(&code).ok_or_else(|| format!("{WANTED}; \"{code}\" is not one"))
        };
        text.split(',').map(code).collect::<Result<_, _>>().map(Self::Only)
    }

    /// Returns whether a number belongs to one of them.
    pub fn include(&self, number: &PhoneNumber) -> bool {
        let Self::Only(listed) = self else {
            return true;
        };
        let digits = number.as_str().strip_prefix('+').unwrap_or_default();
        match numbering_plan::look_up(digits) {
            Found::Mobile { countries, .. } => countries.iter().any(|country| listed.contains(country)),
            Found::Other | Found::NoCountry | Found::Nothing => false,
        }
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
    use crate::domain::typed_text::typing;

    #[test]
    fn spellings_of_one_number_are_one() {
        for text in [
            "+4915112345678",
            "+49 151 1234 5678",
            "+49 (151) 12345-678",
            "+49 (0) 151 / 12345678",
            "+49\u{a0}151\u{2009}12345678",
            "\u{202a}+49 151 12345678\u{202c}",
            "+49–151–12345678",
            "＋４９１５１１２３４５６７８",
            "+49151١٢٣٤٥٦٧٨",
            "+4915112345678\r\n",
            "+49.151.12345678",
            "+49ー151ー12345678",
        ] {
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
            "tel:+4915112345678",
            "+4915112345678;ext=1",
            "+49 151 1234 5678 x1",
            "++4915112345678",
            "+012015550123",
            "+0",
            "+49+15112345678",
            "+881612345678",
            "+870773111632",
        ] {
            assert!(PhoneNumber::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |text: &str| PhoneNumber::parse(text).unwrap_err();
        assert!(wrong("0151 12345678").contains("country code"));
        assert!(wrong("+49 151 CALLME").contains("digits"));
        assert!(wrong("+4915112345678901234").contains("at most 15"));
        assert!(wrong("+49 30 901820").contains("mobile"));
        assert!(wrong("+999 1234567").contains("exists"));
        for text in ["+8816 1234 5678", "+870 773 111 632", "+979 1 2345 6789"] {
            assert!(wrong(text).contains("satellite phones"), "{text}");
        }
        for text in ["+49 900 1 234567", "+1 900 234 5678", "+44 909 012 3456"] {
            assert!(wrong(text).contains("mobile"), "{text}");
        }
    }

    #[test]
    fn countries_are_listed_or_all() {
        let number = |text: &str| PhoneNumber::parse(text).unwrap();
        let listed = SmsCountries::parse("de, AT,ch").unwrap();
        assert!(listed.include(&number("+4915112345678")));
        assert!(!listed.include(&number("+12015550123")) && !listed.include(&number("+447400123456")));
        assert!(SmsCountries::parse(" * ").unwrap().include(&number("+2250712345678")));
        // Three countries share this range, and a number in it may belong to any of them.
        assert!(SmsCountries::parse("MF").unwrap().include(&number("+590690001234")));
        for text in ["", "DE,", "XX", "DEU", "*,DE", "Germany", "49", "001"] {
            assert!(SmsCountries::parse(text).is_err(), "{text:?}");
        }
        assert!(SmsCountries::parse("DE,XX").unwrap_err().contains("\"XX\""));
    }

    #[test]
    fn a_hint_shows_two_digits_and_a_block_hides_four() {
        let number = PhoneNumber::parse("+4915112345678").unwrap();
        assert_eq!((number.hint().as_str(), number.block()), ("•••78", "+491511234"));
        assert_eq!(format!("{number:?}"), "PhoneNumber(…)");
    }

    proptest! {
        #[test]
        fn a_number_is_read_however_it_was_copied(typed in typing::typed("+2250712345678")) {
            let number = PhoneNumber::parse(&typed).unwrap();
            prop_assert_eq!(number.as_str(), "+2250712345678");
        }

        #[test]
        fn no_text_is_too_odd_to_be_parsed(text in "[+]?\\PC{0,40}") {
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
