//! Why a provider does not say who a user is.

use std::error::Error;
use std::fmt;

use crate::domain::federation::id_token::Route;

/// Why there is no identity. The texts are for operators: they are fixed, and never have what a provider or a browser
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// The provider cannot be asked at this moment, or does not accept this client.
    Unavailable(&'static str),
    /// The provider refuses the code: it is wrong, was used, or has expired.
    Refused(&'static str),
    /// An answer of the provider breaks a rule.
    Untrusted(&'static str),
    /// The ID token that a client brought breaks a rule.
    WrongToken(&'static str),
}

impl ProviderFault {
    /// Returns the fault of an ID token, by the way that it took: what came with a code is an answer of the provider,
    /// and what an app brought may be of any other source.
    pub(super) const fn of_token(route: Route, why: &'static str) -> Self {
        match route {
            Route::Code => Self::Untrusted(why),
            Route::Native => Self::WrongToken(why),
        }
    }

    /// Returns the name under which it is counted.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Refused(_) => "refused",
            Self::Untrusted(_) => "untrusted",
            Self::WrongToken(_) => "wrong_token",
        }
    }
}

impl fmt::Display for ProviderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(why) | Self::Refused(why) | Self::Untrusted(why) | Self::WrongToken(why)) = self;
        formatter.write_str(why)
    }
}

impl Error for ProviderFault {}

/// Why a provider cannot be used, for the operator who tries it out.
#[derive(Debug, PartialEq, Eq)]
pub struct TrialFault {
    /// The fault.
    pub fault: ProviderFault,
    /// The issuer that its configuration names, if the operator wrote another one into their file.
    pub named_issuer: Option<String>,
}

impl From<ProviderFault> for TrialFault {
    fn from(fault: ProviderFault) -> Self {
        Self {
            fault,
            named_issuer: None,
        }
    }
}
