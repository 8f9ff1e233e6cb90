//! What handlers are given: strict bodies, bearers, and where a request came from.

pub mod administrator;
pub mod bearer;
pub mod client;
pub mod filter;
pub mod form;
pub mod json;
pub mod monitoring;
pub mod origin;
pub mod page;
mod query;
pub mod then;
