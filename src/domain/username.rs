//! User names in the one form in which they are stored and compared.
//!
//! A narrow ASCII alphabet, in lower case: no two names look alike by case or script, and none can be taken for an
//! e-mail address.

use std::fmt;

use chrono::TimeDelta;

use super::typed_text;

/// How long other accounts cannot take a name that an account gave up: long enough for those who knew the former owner
/// by that name to learn that it changed.
pub const RESTS_FOR: TimeDelta = TimeDelta::days(30);
/// User names that one account may request in a day. Each request reveals whether a name is taken, and each change
/// leaves a name that no other account can take for [`RESTS_FOR`].
pub const REQUESTS_A_DAY: i32 = 10;

/// A canonical user name: 3 to 32 of `a-z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Parses a user name. Upper-case ASCII letters are folded; white space and invisible characters around it are
    /// removed.
    ///
    /// # Errors
    ///
    /// Describes the expected form if length or alphabet do not match.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let name = typed_text::trim(text).to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if (3..=32).contains(&name.len()) && starts_well && name.bytes().all(allowed) {
            Ok(Self(name))
        } else {
            Err("must be 3 to 32 letters a-z, digits, dots, dashes or underscores, beginning with a letter or digit")
        }
    }

    /// Accepts a name that was canonical when it was stored.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// Returns the canonical name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keeps names out of logs: they are personal data.
impl fmt::Debug for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Username(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::typed_text::typing;

    #[test]
    fn names_are_folded_to_lower_case() {
        assert_eq!(Username::parse("Jo_Doe.7").unwrap().as_str(), "jo_doe.7");
    }

    #[test]
    fn other_alphabets_and_lengths_are_refused() {
        for text in [
            "",
            "jo",
            "-jo",
            "jo@doe",
            "jo doe",
            "jö-doe",
            "jo\0doe",
            "\u{212a}im",
            &"a".repeat(33),
        ] {
            assert!(Username::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn what_stands_around_a_name_is_no_part_of_it(
            name in "[a-z0-9][a-z0-9._-]{2,31}", before in typing::margin(), after in typing::margin(),
        ) {
            let parsed = Username::parse(&format!("{before}{name}{after}")).unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }
    }
}
