//! The only integration test binary: linking takes most of the build time, and each further one would add as much.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "an unexpected result should stop a test at once"
)]

mod contract;
mod delivery;
mod fuzz;
mod races;
mod readme;
mod routes;
mod security;
mod server;
mod store;
mod support;
mod verifiers;
