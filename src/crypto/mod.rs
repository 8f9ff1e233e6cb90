//! All key material, and everything slow: sealing, MACs, hashing, signing.
//!
//! One provider (aws-lc) supplies the primitives, except for those of password hashes that it lacks (bcrypt, Argon2,
//! scrypt, MD5). None is implemented here; bcrypt is in a crate of its own (decision 11). Keys never leave this layer.

mod cbor;
pub mod checked_tokens;
pub mod client_credential;
pub mod client_keys;
pub mod code_hash;
mod cose;
pub mod dpop;
pub mod dpop_nonce;
pub mod fair_queue;
pub mod federation;
pub mod foreign_hash;
pub mod hash_lanes;
pub mod hash_threads;
pub mod hasher;
pub mod jwt;
pub mod key_set;
pub mod keyring;
pub mod mac;
pub mod oauth;
pub mod passkey;
pub mod passkey_challenge;
pub mod provider_keys;
pub mod retired_keys;
pub mod sealer;
pub mod signing_key;
pub mod stored_password;
mod thread_time;
pub mod webhook_signer;
pub mod work;

#[cfg(test)]
#[path = "../../tests/support/authenticator.rs"]
mod authenticator;
