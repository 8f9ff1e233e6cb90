//! Attacks, and secrets that must never be stored.

mod accounts;
mod address_limits;
mod api_keys;
mod applications;
mod at_rest;
mod audit;
mod bounds;
mod breaches;
mod current_password;
mod end_of_guessing;
mod enumeration;
mod guessing;
mod master_keys;
mod origins;
mod passkey_registrations;
mod passkeys;
mod passwordless;
mod pending;
mod role_factors;
mod second_factors;
mod security_notices;
mod sequences;
mod tampering;
mod trusted_device_ends;
mod trusted_devices;
mod usernames;
