//! The shapes that go over the wire. Requests refuse unknown members; answers show no more than the contract says.

pub mod account;
pub mod admin;
pub mod dev;
pub mod enrolment;
pub mod health;
pub mod login;
pub mod register;
pub mod tokens;
pub mod two_factor;
pub mod user;
pub mod well_known;
pub mod words;

use secrecy::{ExposeSecret, SecretString};

/// Shows a secret to the one client that must keep it. This is the only way from a secret into an answer.
pub fn reveal(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
