//! Vestibule: an authentication service with two factors.
//!
//! `/login` verifies the first factor and returns a pre-auth token. `/2fa/verify` verifies the second factor and
//! exchanges the pre-auth token for an access token. Back ends verify access tokens with nothing but the service's URL.
//!
//! Dependencies point down only. `docs/ARCHITECTURE.md` has the table of layers and what each uses; a test reads the
//! `use` lines and compares them with it.
//!
//! - [`domain`] makes decisions and has no side effects.
//! - [`crypto`] contains all keys and all slow computations.
//! - [`store`] contains all SQL.
//! - [`delivery`] contains the texts of messages, and the transports that send them.
//! - [`flows`] contains the use cases. It is the only layer that combines the four above.
//! - [`api`] is HTTP: it parses a request, calls one flow and maps the outcome to a response.
//! - [`breach_list`] queries an external list of breached passwords.
//! - [`client_documents`] fetches the documents of applications that describe themselves.
//! - [`providers`] talks to the providers that users sign in with.
//! - [`outbound`] says how servers of others are reached.
//! - [`metrics`] counts what happens, for operators; every layer but `domain` may call it.
//! - [`rate_limits`] counts the requests of each client address, in this process.
//!
//! To add an endpoint, write: the decision in `domain` with its tests, its statements in `store`, the use case in
//! `flows`, a handler and its DTOs in `api`, a row in `api/routes/table.rs`, and tests under `tests/it/routes`.

pub mod api;
pub mod app;
pub mod breach_list;
pub mod cli;
pub mod client_documents;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod domain;
pub mod flows;
pub mod jobs;
pub mod metrics;
pub mod outbound;
pub mod providers;
pub mod rate_limits;
pub mod registration_hook;
pub mod server;
pub mod store;
pub mod system;
pub mod telemetry;
