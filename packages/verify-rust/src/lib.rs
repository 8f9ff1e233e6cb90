//! Verifies access tokens of Vestibule in a back end: who calls, and whether they may.
//!
//! Make one [`Verifier`] when the program starts; it caches the keys of the service. With the features `axum` and
//! `actix`, handlers take a [`User`] or an [`AnyCaller`] as an argument.

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
mod caller;
mod claims;
mod clock;
mod dpop;
mod ended;
mod fetch;
mod keys;
mod options;
mod refusal;
mod replays;
#[cfg(test)]
mod tests;
mod verifier;

pub use caller::{AnyCaller, Caller, CallerKind, User};
pub use options::{Algorithm, InvalidOption, Options};
pub use refusal::{Code, Refusal};
pub use replays::{IsNew, ReplayMemory};
pub use verifier::{RequestHead, Verifier};
