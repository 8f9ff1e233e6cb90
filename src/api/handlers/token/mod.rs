//! Operations on existing tokens: refresh, introspection, validation, revocation.

pub mod introspect;
pub mod refresh;
pub mod revoke;
pub mod validate;
