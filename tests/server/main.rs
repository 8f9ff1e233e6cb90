//! The program as operators run it: a separate process, over real sockets.
//!
//! Each process has its own directory and a clean environment, and ends when its guard is dropped, also after a failed
//! test. These tests are a binary of their own, because they wait more than they work: a change of one links only this.

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

mod first_change;
mod readme;
mod verifiers;

// The files beside this one; the name is the first part of their tests' paths.
#[path = "."]
mod server {
    pub(crate) mod http;
    pub(crate) mod instances;
    pub(crate) mod person;
    pub(crate) mod postgres;
    pub(crate) mod process;
    pub(crate) mod program;
    pub(crate) mod quiet;
    pub(crate) mod travellers;

    mod behind_a_prefix;
    mod broken_deployments;
    mod cli;
    mod cli_check;
    mod cli_users;
    mod clock;
    mod crashes;
    mod cut_connections;
    mod database_conditions;
    mod database_outage;
    #[cfg(target_os = "linux")]
    mod database_role;
    mod deploy;
    mod dev_hosts;
    mod disk_full;
    #[cfg(target_os = "linux")]
    mod failover;
    mod federation;
    mod lifecycle;
    mod limits;
    mod listening;
    mod logs;
    mod metrics;
    pub(crate) mod nginx;
    mod once_only;
    mod operators;
    mod origins;
    mod outbox;
    mod passkey_import;
    mod peer;
    mod pgbouncer;
    mod reference;
    mod restore;
    mod rewrap;
    mod rolling_restart;
    mod rotated_secrets;
    mod sharding;
    mod slow_senders;
    mod systemd;
    #[cfg(feature = "otlp")]
    mod traces;
    mod two_on_one_host;
    mod under_load;
    mod user_import;
    mod webhooks;
    mod work;
}

#[path = "../support"]
mod support {
    pub(crate) mod authenticator;
    pub(crate) mod certificate;
    pub(crate) mod oath;
    pub(crate) mod peer;
    pub(crate) mod token;
    #[path = "../../crates/private-postgres/tests/lifecycle/waits.rs"]
    pub(crate) mod waits;
    pub(crate) mod work;
}
