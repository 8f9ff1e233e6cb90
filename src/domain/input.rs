//! What is wrong with a request's members, told member by member.
//!
//! Parsing collects every fault before it gives up, so that a person corrects a form once.

/// Drops what surrounds a text that went through a file or a clipboard and that its reader does not see: white space, line
/// ends, the byte order mark, zero-width characters and marks of the writing direction.
pub fn trim_unseen(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(
                character,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}'
            )
    })
}

/// One rule that one member breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the member.
    pub pointer: &'static str,
    /// What is wanted of it, in words that never repeat the value.
    pub detail: String,
}

/// The faults found in one request; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvalidInput {
    /// In the order in which the members were looked at.
    pub errors: Vec<FieldError>,
}

impl InvalidInput {
    /// Returns the single fault as an input error.
    pub fn of(pointer: &'static str, detail: impl Into<String>) -> Self {
        let mut found = Self::default();
        found.push(pointer, detail);
        found
    }

    /// Adds a fault.
    pub fn push(&mut self, pointer: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError {
            pointer,
            detail: detail.into(),
        });
    }

    /// Notes the fault of a failed parse and goes on.
    pub fn keep<T>(&mut self, pointer: &'static str, parsed: Result<T, &'static str>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(detail) => {
                self.push(pointer, detail);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_seen_is_dropped_around_a_text_and_kept_inside(
            before in "[\\s\\p{Cc}\u{feff}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2060}\u{ad}]{0,4}",
            after in "[\\s\\p{Cc}\u{feff}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2060}\u{ad}]{0,4}",
            text in "[!-~ä](.{0,8}[!-~ä])?",
        ) {
            let surrounded = format!("{before}{text}{after}");
            prop_assert_eq!(trim_unseen(&surrounded), text.as_str());
        }
    }
}
