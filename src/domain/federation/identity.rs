//! Who a user is at a provider.

use chrono::{DateTime, Utc};

use crate::domain::email::Email;
use crate::domain::ids::IdentityId;

/// Names a user of a provider (OpenID Connect Core 1.0 §5.7). An address never does: it can be given to another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The `iss` claim of the provider, exactly.
    pub issuer: String,
    /// The `sub` claim, which is never given to another user of that issuer.
    pub subject: String,
}

/// A user of a provider who signs in to an account.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// The user at the provider.
    pub subject: Subject,
    /// The address that the provider named last. For the owner to read; no decision rests on it.
    pub email_seen: Option<Email>,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When it last signed its user in.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A user of a provider. Only what passed every check of the provider's answer becomes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// The user at the provider.
    pub subject: Subject,
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
