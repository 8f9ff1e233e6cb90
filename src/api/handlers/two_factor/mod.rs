//! The second door, and what opens it.

pub mod challenge;
pub mod recovery_codes;
pub mod sent_code;
pub mod state;
pub mod totp;
pub mod verify;
