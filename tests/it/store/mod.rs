//! The schema and the way it is changed.

mod migrations;
mod schema;
mod sweep;
