//! Operations on existing tokens: refresh, introspection, validation, revocation, and the list of those that ended.

pub mod ended;
pub mod introspect;
pub mod refresh;
pub mod revoke;
pub mod validate;
