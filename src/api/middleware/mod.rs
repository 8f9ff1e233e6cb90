//! Middleware for every request and response, in the order of `api::build_app`.

pub mod address_limits;
pub mod cors;
pub mod dpop;
pub mod draining;
pub mod expected_host;
pub mod observe;
pub mod panics;
pub mod problems;
pub mod security_headers;
#[cfg(feature = "otlp")]
mod trace_context;
pub mod unread_body;
