//! What is wrong with a setting.

use std::fmt;

use super::settings::Setting;

/// What is wrong with a setting; never repeats a value, which might be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub(super) variable: &'static str,
    wanted: String,
}

impl ConfigFault {
    /// Says what is wrong with something else than one setting.
    pub fn of(variable: &'static str, wanted: impl Into<String>) -> Self {
        Self {
            variable,
            wanted: wanted.into(),
        }
    }

    /// Says what is wrong with a setting.
    pub fn new(setting: &Setting, wanted: impl Into<String>) -> Self {
        Self {
            variable: setting.variable,
            wanted: wanted.into(),
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.variable, self.wanted)
    }
}
