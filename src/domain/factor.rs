//! What all second factors have in common.

/// The state of a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorState {
    /// Its first code was not verified yet.
    Pending,
    /// Confirmed by a code.
    Active,
}

impl FactorState {
    /// Returns the name under which the state is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Active]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}
