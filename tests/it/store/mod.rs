//! The schema and the way it is changed.

mod audit_events;
mod migrations;
mod pool;
mod retention;
mod schema;
mod sharding;
