//! The extractors of the handlers: strict bodies, bearer tokens, proofs of possession, and the origin of a request.

pub mod administrator;
pub mod after;
pub mod bearer;
pub mod client;
pub mod device;
pub mod filter;
pub mod form;
pub mod json;
pub mod monitoring;
pub mod oauth;
pub mod origin;
pub mod page;
pub mod proof;
mod query;
pub mod refresh_tokens;
pub mod service;
pub mod then;
