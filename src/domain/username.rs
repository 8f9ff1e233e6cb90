//! User names in the one form in which they are stored and compared.
//!
//! A narrow ASCII alphabet, in lower case: no two names look alike by case or script, and none can be taken for an
//! e-mail address.

use std::fmt;

use super::typed_text;

/// Fewest and most characters of a name.
const SHORTEST: usize = 3;
const LONGEST: usize = 32;

/// A canonical user name: 3 to 32 of `a-z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Parses a user name. Upper-case ASCII letters are folded; white space and invisible characters around it are
    /// removed.
    ///
    /// # Errors
    ///
    /// Names the rule that the name breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let name = typed_text::trim(text).to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        // Before the length, which counts bytes.
        if name.contains('@') {
            return Err("must not have an @, which e-mail addresses have");
        }
        if !name.bytes().all(allowed) {
            return Err("must have only letters a-z, digits, dots, dashes and underscores");
        }
        if name.len() < SHORTEST {
            return Err("must have at least 3 characters");
        }
        if name.len() > LONGEST {
            return Err("must have at most 32 characters");
        }
        if !name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err("must begin with a letter or digit");
        }
        Ok(Self(name))
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

    #[test]
    fn the_rule_that_is_broken_is_named() {
        for (text, says) in [
            ("", "at least 3"),
            (" jo ", "at least 3"),
            (&"a".repeat(33), "at most 32"),
            ("-jo", "must begin with"),
            ("_jo", "must begin with"),
            ("...", "must begin with"),
            ("jo@doe", "must not have an @"),
            ("jo doe", "only letters a-z"),
            ("jö-doe", "only letters a-z"),
            ("\u{212a}im", "only letters a-z"),
            ("жжж", "only letters a-z"),
        ] {
            let wrong = Username::parse(text).unwrap_err();
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
    }

    proptest! {
        /// Each rule alone decides: one fault in a good name is named by its rule.
        #[test]
        fn one_fault_in_a_good_name_is_the_one_that_is_named(
            name in "[a-z0-9][a-z0-9._-]{2,30}", odd in "[!-,/:-?\\[-^`{-~¡-ÿ]", at in 1..3_usize,
        ) {
            let (before, after) = name.split_at(at);
            let wrong = Username::parse(&format!("{before}{odd}{after}")).unwrap_err();
            prop_assert!(wrong.contains("only letters a-z"), "{}", wrong);
            let wrong = Username::parse(&format!("-{name}")).unwrap_err();
            prop_assert!(wrong.contains("must begin with"), "{}", wrong);
            let wrong = Username::parse(&name.repeat(33)).unwrap_err();
            prop_assert!(wrong.contains("at most 32"), "{}", wrong);
        }

        #[test]
        fn what_stands_around_a_name_is_not_part_of_it(
            name in "[a-z0-9][a-z0-9._-]{2,31}", before in typing::margin(), after in typing::margin(),
        ) {
            let parsed = Username::parse(&format!("{before}{name}{after}")).unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }
    }
}
