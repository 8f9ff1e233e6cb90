//! The schema and its migrations.

mod audit_events;
mod batch;
mod migrations;
mod passkeys;
mod pool;
mod retention;
mod schema;
mod session_batches;
