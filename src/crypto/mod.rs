//! All key material, and everything slow: sealing, proving, hashing, signing.
//!
//! One provider (aws-lc) does all of it; nothing here is a primitive of our own. Keys never leave this layer.

pub mod checked_tokens;
pub mod code_hash;
pub mod fair_queue;
pub mod foreign_hash;
pub mod hash_threads;
pub mod hasher;
pub mod jwt;
pub mod keyring;
pub mod mac;
pub mod retired_keys;
pub mod sealer;
pub mod signing_key;
pub mod stored_password;
pub mod webhook_signer;
