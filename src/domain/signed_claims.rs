//! What this service signs: a JWT says by its `typ` which kind of claims it has (RFC 8725 §3.11).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The claims of one kind of token.
pub trait SignedClaims: Serialize + DeserializeOwned {
    /// The `typ` of its header.
    const TYPE: &'static str;
}
