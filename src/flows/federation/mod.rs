//! Upstream sign-in: a user of a provider signs in, gets an account, or is linked to the account of a session.
//!
//! It may call `account`, `factors`, `notify`, `session`, `sign_in`.

mod finish;
mod identification;
mod linking;
mod newcomer;
mod start;

pub use crate::providers::ProviderFault;
pub use finish::{Federation, FinishRequest, finish};
pub use identification::ProviderReply;
pub use start::{FederationStart, StartedFederation, Starting, callback, start};
