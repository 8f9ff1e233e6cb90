//! Tokens that exist: kept going, looked at, ended.

pub mod introspect;
pub mod refresh;
pub mod revoke;
pub mod validate;
