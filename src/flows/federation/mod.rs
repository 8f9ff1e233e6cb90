//! Upstream sign-in: a user of a provider signs in, gets an account, or is linked to the account of a session.
//!
//! It may call `account`, `dpop`, `factors`, `notify`, `session`, `sign_in`.

mod arrival;
mod finish;
pub mod identities;
mod newcomer;
mod start;

pub use crate::providers::ProviderFault;
pub use arrival::ProviderReply;
pub use finish::{Federation, FinishRequest, finish};
pub use identities::Linked;
pub use start::{FederationStart, StartedFederation, Starting, callback, start};
