//! The second door.

mod totp;
mod verify;
