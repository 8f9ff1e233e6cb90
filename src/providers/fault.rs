//! Why a provider does not say who a user is.

use std::error::Error;
use std::fmt;

/// Why there is no identity. The texts are for operators: they are fixed, and never have what a provider or a browser
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// The provider cannot be asked at this moment, or does not accept this client.
    Unavailable(&'static str),
    /// The provider refuses the code: it is wrong, was used, or has expired.
    Refused(&'static str),
    /// An answer of the provider, or an ID token, breaks a rule.
    Untrusted(&'static str),
}

impl ProviderFault {
    /// Returns the name under which it is counted.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Refused(_) => "refused",
            Self::Untrusted(_) => "untrusted",
        }
    }
}

impl fmt::Display for ProviderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(why) | Self::Refused(why) | Self::Untrusted(why)) = self;
        formatter.write_str(why)
    }
}

impl Error for ProviderFault {}
