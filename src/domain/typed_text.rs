//! Text that users type and paste, parsed in the same way wherever it comes in.
//!
//! Codes copied from mails contain no-break spaces and bidi marks, numbers from address books every sort of dash, and
//! keyboards write the digits of their own script. None of that is part of the value. Each kind of typed text has its
//! parser in a file of its own; all of them begin here. Passwords do not: every character of them counts.

use icu_properties::props::{Dash, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Some programs write it at the beginning of UTF-8 text (RFC 8259 §8.1 lets a reader ignore it).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Japanese keyboards have the long vowel mark in the place of the dash; Unicode counts it among the letters.
const LONG_VOWEL_MARK: char = 'ー';

/// Returns a code, a number or a secret without the characters around and between its own: in NFKC, without white
/// space, line breaks, dashes and invisible characters, and with ASCII digits for those of every script.
///
/// It never changes which digits there are, nor their order: two texts that mean different codes stay different.
pub fn compact(text: &str) -> Zeroizing<String> {
    // Reserved in full, so that growing leaves no copies of a secret in memory.
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    let meant = text.nfkc().filter(|character| !is_between(*character));
    compact.extend(meant.map(|character| decimal_digit(character).unwrap_or(character)));
    compact
}

/// Returns the text without white space and invisible characters around it. Those inside stay.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || shows_nothing(character))
}

/// Returns whether a text has no control characters and no separators of lines or paragraphs: it stays one line in every
/// log and program. PostgreSQL and C refuse the zero byte, which is one of them.
pub fn is_one_line(text: &str) -> bool {
    let ends_line = |character: char| {
        matches!(
            category(character),
            GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
        )
    };
    !text.contains(ends_line)
}

/// Returns the bytes of a text without the byte order mark at its beginning.
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Parses a code of `count` digits.
///
/// # Errors
///
/// Describes what is wrong with it.
pub fn digits(text: &str, count: usize) -> Result<Zeroizing<String>, String> {
    let digits = compact(text);
    let wrong = if digits.is_empty() {
        "is empty"
    } else if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        "has characters that are not digits"
    } else if digits.len() < count {
        "has too few digits"
    } else if digits.len() > count {
        "has too many digits"
    } else {
        return Ok(digits);
    };
    Err(format!("{wrong}; must be {count} digits"))
}

/// Returns whether a character only separates or joins others.
fn is_between(character: char) -> bool {
    character.is_whitespace()
        || shows_nothing(character)
        || character == LONG_VOWEL_MARK
        || CodePointSetData::new::<Dash>().contains(character)
}

/// Returns whether a character is invisible: format characters such as bidi marks, and what fonts leave out.
pub(super) fn shows_nothing(character: char) -> bool {
    category(character) == GeneralCategory::Format
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Returns the ASCII digit for a decimal digit of any script.
fn decimal_digit(character: char) -> Option<char> {
    let is_digit = |character: char| category(character) == GeneralCategory::DecimalNumber;
    if character.is_ascii_digit() || !is_digit(character) {
        return None;
    }
    // The ten digits of each script are consecutive, from zero to nine (The Unicode Standard §4.6), and the ranges of
    // two scripts may adjoin.
    let before = (1..).map_while(|distance| u32::from(character).checked_sub(distance).and_then(char::from_u32));
    let place = before.take_while(|before| is_digit(*before)).count();
    char::from_digit(u32::try_from(place % 10).ok()?, 10)
}

/// Returns the general category of a character.
pub(super) fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

/// Texts for the tests of typed text.
#[cfg(test)]
pub(super) mod typing {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    static NOISE: LazyLock<Vec<char>> = LazyLock::new(|| all(is_between));
    static MARGIN: LazyLock<Vec<char>> =
        LazyLock::new(|| all(|character| character.is_whitespace() || shows_nothing(character)));
    static DIGITS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let valued = |character| Some((decimal_digit(character)?, character));
        (char::MIN..=char::MAX).filter_map(valued).collect()
    });

    fn all(wanted: impl Fn(char) -> bool) -> Vec<char> {
        (char::MIN..=char::MAX).filter(|character| wanted(*character)).collect()
    }

    /// Any characters that are not part of a code.
    pub(in crate::domain) fn noise() -> impl Strategy<Value = String> {
        prop::collection::vec(select(NOISE.as_slice()), 0..4).prop_map(String::from_iter)
    }

    /// Any characters that are not part of a name.
    pub(in crate::domain) fn margin() -> impl Strategy<Value = String> {
        prop::collection::vec(select(MARGIN.as_slice()), 0..4).prop_map(String::from_iter)
    }

    /// The text with its digits in any scripts, and with noise around and between its characters.
    pub(in crate::domain) fn typed(text: &str) -> impl Strategy<Value = String> + use<> {
        let characters: Vec<_> = text.chars().map(spelt).collect();
        (noise(), characters).prop_map(|(begin, rest)| begin + &rest.concat())
    }

    fn spelt(character: char) -> impl Strategy<Value = String> {
        let of_value = DIGITS.iter().filter(|(value, _)| *value == character);
        let spellings: Vec<char> = of_value.map(|(_, other)| *other).chain([character]).collect();
        (select(spellings), any::<bool>(), noise()).prop_map(move |(other, plain, noise)| {
            let shown = if plain { character } else { other };
            format!("{shown}{noise}")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_programs_put_between_digits_is_dropped() {
        for text in [
            "123\u{a0}456",
            "123\u{2009}456",
            "123\t456\r\n",
            "\u{200b}123456\u{feff}",
            "\u{202a}123456\u{202c}",
            "\u{2066}123\u{2069} 456",
            "123-456",
            "123–456",
            "123—456",
            "123−456",
            "123ー456",
            "123\u{ad}456",
            "１２３４５６",
            "١٢٣٤٥٦",
            "१२३४५६",
            "𝟏𝟐𝟑𝟜𝟝𝟞",
            "①②③④⑤⑥",
            "1\u{fe0f}23456",
        ] {
            assert_eq!(digits(text, 6).unwrap().as_str(), "123456", "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("", "is empty; must be 6 digits"),
            (" \u{200b}\n", "is empty; must be 6 digits"),
            ("12345", "has too few digits; must be 6 digits"),
            ("1234567", "has too many digits; must be 6 digits"),
            ("12345x", "has characters that are not digits; must be 6 digits"),
            ("+123456", "has characters that are not digits; must be 6 digits"),
            ("12345\0", "has characters that are not digits; must be 6 digits"),
            ("12345½", "has characters that are not digits; must be 6 digits"),
            ("12345四", "has characters that are not digits; must be 6 digits"),
        ] {
            assert_eq!(digits(text, 6).unwrap_err(), wrong, "{text:?}");
        }
    }

    /// The ranges in which digits are counted: if one were truncated or moved, digits would be read as others.
    #[test]
    fn decimal_digits_stand_in_rows_of_ten() {
        let is_digit = |character: &char| category(*character) == GeneralCategory::DecimalNumber;
        let mut all = (char::MIN..=char::MAX).peekable();
        let mut rows = 0;
        while let Some(character) = all.next() {
            if is_digit(&character) {
                let mut length = 1;
                while all.next_if(is_digit).is_some() {
                    length += 1;
                }
                assert_eq!(length % 10, 0, "{character:?}");
                rows += length / 10;
            }
        }
        assert!(rows > 70, "{rows}");
    }

    #[test]
    fn inside_a_name_everything_stays() {
        assert_eq!(trim("\u{feff} jo\u{200b}doe \r\n\u{200e}"), "jo\u{200b}doe");
        assert_eq!(trim("-jo-"), "-jo-");
        assert_eq!(trim(" \u{200b} "), "");
    }

    proptest! {
        #[test]
        fn blanks_dashes_format_characters_and_scripts_do_not_change_a_code(
            (code, typed) in "[0-9]{1,8}".prop_flat_map(|code| (Just(code.clone()), typing::typed(&code))),
        ) {
            let read = digits(&typed, code.len()).unwrap();
            prop_assert_eq!(read.as_str(), code);
        }

        #[test]
        fn other_codes_stay_other_codes(
            (one, other, typed) in ("[0-9]{6}", "[0-9]{6}")
                .prop_flat_map(|(one, other)| (Just(one.clone()), Just(other), typing::typed(&one))),
        ) {
            let read = digits(&typed, 6).unwrap();
            prop_assert_eq!(read.as_str() == other, one == other);
        }

        #[test]
        fn any_text_is_classified_and_cleaning_is_idempotent(text in "\\PC{0,40}") {
            let once = compact(&text);
            prop_assert!(!once.chars().any(is_between));
            let _ = digits(&text, 6);
        }
    }
}
