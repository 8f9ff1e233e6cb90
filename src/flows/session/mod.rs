//! Sessions: begun when all factors are verified, continued, listed, looked up and ended.
//!
//! It may call `notify`.

mod activate;
pub mod introspect;
pub mod logout;
pub mod refresh;
pub mod revoke;
pub(in crate::flows) mod session_end;
pub mod sessions;

pub use activate::TokenGrant;
pub(in crate::flows) use activate::{Activated, SessionActivation, activate, grant};
pub use sessions::Caller;
