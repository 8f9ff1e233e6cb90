//! All SQL, one file per table: synchronous functions on a connection.
//!
//! Where exactly one of several concurrent requests may succeed, one conditional statement decides, and its row count
//! is checked. No decision rests on a value that was read earlier without a lock. `now` is an argument: SQL never asks
//! the database for the time.

pub mod account_names;
pub mod api_keys;
pub mod audit_events;
pub mod batch;
mod cached_statement;
pub mod clients;
pub mod conditions;
mod connector;
pub mod consents;
pub mod device_requests;
pub mod distribution;
pub mod error;
pub mod factors;
pub mod identities;
pub mod inspection;
pub mod instances;
pub mod link_tokens;
pub mod managed_users;
pub mod migrations;
mod old_rows;
pub mod outbox;
pub mod passkeys;
pub mod pool;
pub mod quotas;
pub mod recent_ends;
pub mod recovery_codes;
pub mod retired_keys;
mod schema;
pub mod sealed_values;
pub mod sent_code_factors;
pub mod sent_codes;
pub mod session_batches;
pub mod sessions;
pub mod signing_keys;
mod silence;
pub mod spent_federation_tokens;
mod stored_text;
pub mod throttles;
pub mod totp_factors;
pub mod transaction;
pub mod trusted_devices;
pub mod unfinished_registrations;
pub mod user_handles;
pub mod users;
pub mod webhook_deliveries;
pub mod webhooks;

pub use diesel::pg::PgConnection;
