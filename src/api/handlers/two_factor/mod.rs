//! The second door, and what opens it.

pub mod challenge;
pub mod out_of_band;
pub mod recovery_codes;
pub mod state;
pub mod totp;
pub mod verify;
