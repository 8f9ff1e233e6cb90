//! The schema and its migrations.

mod audit_events;
mod migrations;
mod pool;
mod retention;
mod schema;
