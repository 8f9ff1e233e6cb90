//! Vestibule: a room between two doors.
//!
//! The password opens the first (`/login` gives a pre-auth token), the second factor the second (`/2fa/verify` exchanges
//! it for an access token that back ends verify with nothing but our URL).
//!
//! Arrows point down only; a test holds the `use` lines to it:
//!
//! ```text
//! cli ─► server ─► api ─► flows ─► { domain, crypto, store, delivery }
//!                                  crypto ─► domain    store ─► domain    delivery ─► { domain, crypto }
//!         jobs ─► flows
//!         app builds every part once and hands it down
//!         metrics counts what happens, for operators: every layer but domain may call it
//!         config is read by cli, app and server, and reaches the rest as small structures
//! ```
//!
//! - [`domain`] decides, and is pure.
//! - [`crypto`] holds all keys and everything slow.
//! - [`store`] holds all SQL.
//! - [`delivery`] holds the words of messages and the ways out for them.
//! - [`flows`] are the use cases, the only layer that composes the four.
//! - [`api`] is HTTP: parse, call one flow, map.
//! - [`breach_list`] asks a list of stolen passwords that somebody else keeps.
//! - [`metrics`] counts what happens, for operators; every layer may call it.
//! - [`rate_limits`] counts how often one address asks, in this process.
//! - [`embedded_postgres`] runs a private database when none is named.
//!
//! To add an endpoint: the decision in `domain` with its tests, its statements in `store`, the use case in `flows`, a
//! handler and its shapes in `api`, a row in `api/routes.rs`, tests under `tests/it/routes`.

pub mod api;
pub mod app;
pub mod breach_list;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod domain;
pub mod embedded_postgres;
pub mod flows;
pub mod jobs;
pub mod metrics;
pub mod rate_limits;
pub mod server;
pub mod store;
pub mod system;
pub mod telemetry;
