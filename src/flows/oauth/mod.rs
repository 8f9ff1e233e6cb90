//! OAuth 2.1 and OpenID Connect: how applications get grants of users, and services get tokens of their own.
//!
//! A grant is a session, so it is refreshed, looked up and ended by what does that for every session.
//!
//! It may call `admin`, `factors`, `limits`, `session`.

pub mod api_keys;
pub mod authorize;
pub mod consents;
pub mod device;
pub mod end_session;
pub mod known_clients;
pub mod services;
pub mod tokens;
pub mod userinfo;

pub use consents::ListedApplication;
