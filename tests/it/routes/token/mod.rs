//! Operations on existing tokens.

mod introspect;
mod refresh;
mod revoke;
mod validate;
