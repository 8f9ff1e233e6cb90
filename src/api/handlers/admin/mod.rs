//! `/admin`: administration over HTTP, for accounts with the role `admin` and two verified factors.

pub mod claims;
pub mod clients;
pub mod devices;
pub mod events;
pub mod health;
pub mod identities;
pub mod keys;
pub mod providers;
pub mod statistics;
pub mod user;
pub mod users;
pub mod webhooks;
