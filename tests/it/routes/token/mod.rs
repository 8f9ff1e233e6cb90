//! Tokens that exist.

mod introspect;
mod refresh;
mod revoke;
mod validate;
