//! What is wrong with a setting.

use std::fmt;

use super::settings::Setting;

/// What is wrong with a setting. It never repeats the value, which might be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub(super) variable: &'static str,
    wanted: String,
}

impl ConfigFault {
    /// Makes a fault of something other than a setting, such as `.env`.
    pub fn of(variable: &'static str, wanted: impl Into<String>) -> Self {
        Self {
            variable,
            wanted: wanted.into(),
        }
    }

    /// Makes a fault of a setting.
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
