//! What a password is, and which new ones are refused.
//!
//! Follows NIST SP 800-63B-4 §3.1.1.2: length counted in code points, any character allowed, no composition rules,
//! nothing trimmed, folded or truncated, and the whole password compared with what attackers try first.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::Score;

use super::policy::numbers::PASSWORD_MAX_LENGTH;

/// From this many code points on, the estimator is skipped: no guesser's list contains such passwords, and the
/// estimator's work grows with the square of the length.
const LONG_ENOUGH: usize = 64;

/// A password in Unicode normalisation form C, and as typed; never printed, stored or sent.
#[derive(Clone, Debug)]
pub struct Password {
    composed: SecretString,
    typed: SecretString,
}

impl Password {
    /// Normalises a password to NFC, the only change that is ever made to it (NIST SP 800-63B-4 §3.1.1.2).
    pub fn new(typed: &SecretString) -> Self {
        Self {
            composed: typed.expose_secret().nfc().collect::<String>().into(),
            typed: typed.clone(),
        }
    }

    /// Returns the text, only to be hashed.
    pub fn expose(&self) -> &str {
        self.composed.expose_secret()
    }

    /// Returns the text as typed, to be compared with the hashes of programs that do not normalise.
    pub fn expose_as_typed(&self) -> &str {
        self.typed.expose_secret()
    }
}

/// Why a new password is refused; the `reason` member of `password_rejected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRejection {
    /// Fewer code points than the deployment requires.
    TooShort,
    /// More than [`PASSWORD_MAX_LENGTH`] code points.
    TooLong,
    /// Among the first that a guesser tries: a common one, a pattern, or the user's own words.
    Common,
    /// On a list of stolen passwords.
    Breached,
}

impl PasswordRejection {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::TooShort, Self::TooLong, Self::Common, Self::Breached];

    /// Returns the name that clients switch on.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
            Self::Breached => "breached",
        }
    }
}

/// The rules for new passwords in one deployment.
#[derive(Clone, Copy, Debug)]
pub struct PasswordRules {
    /// Fewest code points: 8 where a second factor is required, 15 where it is optional (ASVS 6.2.1).
    pub min_length: usize,
}

impl PasswordRules {
    /// Checks the length, which costs nothing.
    ///
    /// # Errors
    ///
    /// Returns [`PasswordRejection::TooShort`] or [`PasswordRejection::TooLong`].
    pub fn check_length(self, password: &Password) -> Result<(), PasswordRejection> {
        let length = password.expose().chars().count();
        if length < self.min_length {
            Err(PasswordRejection::TooShort)
        } else if length > PASSWORD_MAX_LENGTH {
            Err(PasswordRejection::TooLong)
        } else {
            Ok(())
        }
    }

    /// Checks that a guesser who knows `own_words` would need more than a million tries.
    ///
    /// Can take milliseconds, so it runs where passwords are hashed, never on a request's thread.
    ///
    /// # Errors
    ///
    /// Returns [`PasswordRejection::Common`].
    pub fn check_guessable(self, password: &Password, own_words: &[String]) -> Result<(), PasswordRejection> {
        if password.expose().chars().count() >= LONG_ENOUGH {
            return Ok(());
        }
        let words: Vec<&str> = own_words.iter().map(String::as_str).collect();
        if zxcvbn::zxcvbn(password.expose(), &words).score() < Score::Two {
            Err(PasswordRejection::Common)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PasswordRules = PasswordRules { min_length: 8 };

    fn password(text: &str) -> Password {
        Password::new(&text.into())
    }

    #[test]
    fn length_is_counted_in_code_points_after_normalisation() {
        assert_eq!(
            RULES.check_length(&password("1234567")),
            Err(PasswordRejection::TooShort)
        );
        assert_eq!(RULES.check_length(&password(&"🙂".repeat(8))), Ok(()));
        assert_eq!(RULES.check_length(&password(&"é".repeat(128))), Ok(()));
        assert_eq!(
            RULES.check_length(&password(&"é".repeat(129))),
            Err(PasswordRejection::TooLong)
        );
        // Seven letters each followed by a combining accent are seven code points in NFC.
        assert_eq!(
            RULES.check_length(&password(&"e\u{301}".repeat(7))),
            Err(PasswordRejection::TooShort)
        );
    }

    #[test]
    fn composed_and_decomposed_spellings_are_one_password_but_case_and_blanks_count() {
        assert_eq!(password("cafe\u{301}").expose(), password("café").expose());
        assert_eq!(password("cafe\u{301}").expose_as_typed(), "cafe\u{301}");
        assert_ne!(password("Café").expose(), password("café").expose());
        assert_ne!(password(" café").expose(), password("café").expose());
    }

    #[test]
    fn what_guessers_try_first_is_refused() {
        for text in [
            "password",
            "Password1",
            "12345678",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "iloveyou1",
            "letmein1!",
        ] {
            assert_eq!(
                RULES.check_guessable(&password(text), &[]),
                Err(PasswordRejection::Common),
                "{text}"
            );
        }
        let own = ["josephine.baker".to_owned(), "josephine".to_owned()];
        assert_eq!(
            RULES.check_guessable(&password("josephine.baker"), &own),
            Err(PasswordRejection::Common)
        );
        assert_eq!(
            RULES.check_guessable(&password("Josephine1"), &own),
            Err(PasswordRejection::Common)
        );
    }

    #[test]
    fn any_composition_is_accepted() {
        for text in [
            "korrekt pferd batterie",
            "tr0ub4dor&3x",
            "9402857163",
            "パスワードではない言葉",
            "🦊🌲🎻🧭🪁🧵🪐🎈",
        ] {
            assert_eq!(RULES.check_guessable(&password(text), &[]), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", password("korrekt pferd")).contains("pferd"));
    }
}
