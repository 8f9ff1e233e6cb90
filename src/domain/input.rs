//! Faults in a request's members, listed member by member.
//!
//! Parsing collects every fault before it fails, so that a user corrects a form once.

/// A rule that one member breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the member.
    pub pointer: &'static str,
    /// What is expected of it, in words that never repeat the value.
    pub detail: String,
}

/// The faults found in one request; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvalidInput {
    /// In the order in which the members were checked.
    pub errors: Vec<FieldError>,
}

impl InvalidInput {
    /// Returns a single fault as an input error.
    pub fn of(pointer: &'static str, detail: impl Into<String>) -> Self {
        let mut found = Self::default();
        found.push(pointer, detail);
        found
    }

    /// Returns a line for each fault, in which `named` names the member as its giver knows it.
    pub fn in_lines(&self, named: impl Fn(&str) -> &'static str) -> String {
        let line = |error: &FieldError| format!("{}: {}", named(error.pointer), error.detail);
        let lines: Vec<String> = self.errors.iter().map(line).collect();
        lines.join("\n")
    }

    /// Adds a fault.
    pub fn push(&mut self, pointer: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError {
            pointer,
            detail: detail.into(),
        });
    }

    /// Records the fault of a failed parse and continues.
    pub fn keep<T>(&mut self, pointer: &'static str, parsed: Result<T, impl Into<String>>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(detail) => {
                self.push(pointer, detail);
                None
            }
        }
    }
}
