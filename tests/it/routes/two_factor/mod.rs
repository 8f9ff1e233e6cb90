//! The second door.

mod challenge;
mod out_of_band;
mod recovery_codes;
mod state;
mod totp;
mod totp_replacement;
mod verify;
