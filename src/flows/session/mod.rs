//! Sessions after the sign-in: continued, listed, looked up and ended.

pub mod introspect;
pub mod logout;
pub mod refresh;
pub mod revoke;
pub(in crate::flows) mod session_end;
pub mod sessions;
