//! The second door, and what opens it.

pub mod totp;
pub mod verify;
