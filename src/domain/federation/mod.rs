//! Upstream sign-in: an OpenID provider, or GitHub, says who a user is.
//!
//! A provider is one factor. The pair of its issuer and a subject identifies a user; an address never does.

pub mod callback;
pub mod identity;
pub mod newcomer;
pub mod provider;
