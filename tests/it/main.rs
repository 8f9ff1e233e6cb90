//! The tests of the application without a socket. Those that start the program as a process are in `tests/server`.

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

mod answers;
mod contract;
mod delivery;
mod fuzz;
mod outbound;
mod providers;
mod races;
mod routes;
mod security;
mod store;
mod support;
