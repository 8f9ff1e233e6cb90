//! The second factor.

mod challenge;
mod passkeys;
mod recovery_codes;
mod sent_code;
mod state;
mod totp;
mod totp_replacement;
mod verify;
