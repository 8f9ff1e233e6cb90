//! Checks whether a password is on a list of stolen ones, without revealing the password.
//!
//! This is the range protocol of Have I Been Pwned: the first five hexadecimal digits of the SHA-1 are sent, all known
//! suffixes of that prefix are returned, and the comparison is made here. The server learns only that a password is one
//! of the hundreds of thousands with that prefix (k-anonymity). The list dictates SHA-1, which protects nothing here.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use zeroize::Zeroizing;

use super::password::Password;

/// Hexadecimal digits that are sent.
const PREFIX_LENGTH: usize = 5;

/// A query for a password.
pub struct BreachRange {
    hash: Zeroizing<String>,
}

impl BreachRange {
    /// Makes the query for a password.
    pub fn of(password: &Password) -> Self {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
        let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hash: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        Self {
            hash: Zeroizing::new(hash.to_ascii_uppercase()),
        }
    }

    /// Returns the prefix that is sent.
    pub fn prefix(&self) -> &str {
        self.hash.get(..PREFIX_LENGTH).unwrap_or_default()
    }

    /// Returns whether the password is in the response: lines of suffix, colon and how often it was seen. Lines with a
    /// count of zero are padding.
    pub fn is_in(&self, answer: &str) -> bool {
        let suffix = self.hash.get(PREFIX_LENGTH..).unwrap_or_default();
        answer.lines().any(|line| {
            let (found, count) = line.trim().split_once(':').unwrap_or((line.trim(), "1"));
            found.eq_ignore_ascii_case(suffix) && count.trim() != "0"
        })
    }
}

impl fmt::Debug for BreachRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BreachRange(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(password: &str) -> BreachRange {
        BreachRange::of(&Password::new(&password.to_owned().into()))
    }

    #[test]
    fn five_digits_go_out_and_the_rest_is_compared_here() {
        // SHA-1 of "password", as in every description of the protocol.
        let range = range("password");
        assert_eq!(range.prefix(), "5BAA6");
        assert!(range.is_in("003D68EB55068C33ACE09247EE4C639306B:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824"));
        assert!(range.is_in("1e4c9b93f3f0682250b6cf8331b7ee68fd8:1"));
    }

    #[test]
    fn other_suffixes_padding_and_garbage_are_not_the_password() {
        let range = range("password");
        for answer in [
            "",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD9:7",
            "<html>nothing here</html>",
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1",
        ] {
            assert!(!range.is_in(answer), "{answer}");
        }
        assert_eq!(format!("{range:?}"), "BreachRange(…)");
    }
}
