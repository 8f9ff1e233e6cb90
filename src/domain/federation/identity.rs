//! What a provider said about a user, after all checks.

use crate::domain::email::Email;

/// A user of a provider. Only what passed every check of the provider's answer becomes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// The issuer, which is the provider's own; exactly as its tokens have it.
    pub issuer: String,
    /// The subject: names the user at this issuer, and is never given to another one (OpenID Connect Core 1.0 §5.7).
    pub subject: String,
    /// The address that the provider names, if it is one.
    pub address: Option<ClaimedAddress>,
    /// Whether the provider says that the user gave two factors, and the operator believes it.
    pub is_two_factors: bool,
}

/// An address that a provider names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedAddress {
    /// The address.
    pub email: Email,
    /// Whether it counts as verified: the claim is the JSON value `true`, and the operator takes the provider's word
    /// for addresses of that domain.
    pub is_proven: bool,
}
