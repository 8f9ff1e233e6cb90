//! One file for each operation, named and placed like its handler. `contract::coverage` reads the first line of each.

mod account_pages;
pub(crate) mod admin;
mod api_keys;
mod applications;
mod dev;
mod devices;
mod docs;
mod email;
mod federation;
mod health;
mod login;
mod logout;
mod magic_link;
mod me;
mod metrics;
mod oauth;
mod openapi;
mod passkey;
mod passkey_documents;
mod password;
mod passwordless;
mod register;
mod sessions;
mod step_up;
mod token;
mod two_factor;
mod well_known;
