//! The handlers, one file for each operation or group: parse, call one flow, map its outcome.

pub mod account_pages;
pub mod admin;
pub mod api_keys;
pub mod applications;
pub mod console;
pub mod dev;
pub mod devices;
pub mod docs;
pub mod email;
pub mod fallback;
pub mod federation;
pub mod health;
pub mod identities;
pub mod login;
pub mod logout;
pub mod magic_link;
pub mod me;
pub mod metrics;
pub mod oauth;
pub mod openapi;
pub mod passkey;
pub mod passkey_documents;
pub mod password;
pub mod register;
pub mod sessions;
pub mod step_up;
pub mod token;
pub mod two_factor;
pub mod well_known;

use actix_web::http::header::{CACHE_CONTROL, HeaderName};

use crate::domain::policy::numbers::JWKS_MAX_AGE;

/// Lets clients cache the documents at well-known paths. Errors are never cached: they have `no-store`.
fn cacheable() -> (HeaderName, String) {
    let max_age = JWKS_MAX_AGE.num_seconds();
    (CACHE_CONTROL, format!("public, max-age={max_age}"))
}
