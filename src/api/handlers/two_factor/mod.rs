//! Second factors: set up, use, removal.

pub mod challenge;
pub mod recovery_codes;
pub mod sent_code;
pub mod state;
pub mod totp;
pub mod verify;
