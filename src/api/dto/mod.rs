//! The JSON of requests and responses. Unknown members of requests are refused. Responses contain only what the
//! contract lists.

pub mod account;
pub mod admin;
pub mod api_key;
pub mod client;
pub mod dev;
pub mod device;
pub mod enrolment;
pub mod federation;
pub mod health;
pub mod login;
pub mod managed_provider;
pub mod oauth;
pub mod passkey;
pub mod passkey_documents;
pub mod register;
pub mod statistics;
pub mod tokens;
pub mod two_factor;
pub mod user;
pub mod webhook;
pub mod well_known;
pub mod words;
pub mod work;

use secrecy::{ExposeSecret, SecretString};

/// Returns the text of a secret, for the one client that must store it. This is the only way from a secret to a
/// response.
pub fn reveal(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
