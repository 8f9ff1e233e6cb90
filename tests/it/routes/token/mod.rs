//! Operations on existing tokens.

mod ended;
mod introspect;
mod refresh;
mod revoke;
mod validate;
