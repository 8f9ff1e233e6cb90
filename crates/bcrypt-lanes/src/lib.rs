//! bcrypt of several passwords at once in one thread, without unsafe code.
//!
//! One bcrypt leaves most of a processor core idle, because each step of Blowfish waits for what the step before loads
//! from memory. [`Lanes`] computes independent hashes in turn, step by step, which fills that time. A finished hash
//! makes room for the next password at once, while the others go on. Their costs may differ.
//!
//! ```
//! use bcrypt_lanes::{Cost, Lanes};
//!
//! let cost = Cost::new(4).expect("between 0 and 31");
//! let salt = *b"sixteen of bytes";
//! let passwords: [&[u8]; 3] = [b"correct horse", b"battery", b"staple"];
//! let mut waiting = passwords.iter().enumerate();
//! let mut hashes = Vec::new();
//!
//! let mut lanes: Lanes<2, usize> = Lanes::new();
//! while hashes.len() < passwords.len() {
//!     while lanes.has_room()
//!         && let Some((number, password)) = waiting.next()
//!     {
//!         assert!(lanes.add(cost, salt, password, number).is_ok());
//!     }
//!     lanes.advance(16);
//!     while let Some((hash, number)) = lanes.take_finished() {
//!         hashes.push((number, hash));
//!     }
//! }
//! # for (number, hash) in hashes {
//! #     let key = [passwords[number], b"\0"].concat();
//! #     assert_eq!(hash, bcrypt::bcrypt(4, salt, &key)[..23]);
//! # }
//! ```
//!
//! The crate computes only the hash. Use another, such as `bcrypt`, for the notation (`$2b$12$…`) and for salts, and
//! compare hashes in constant time.

#![no_std]
#![forbid(unsafe_code)]

mod lanes;
mod pi;
mod state;

pub use lanes::{Cost, Hash, Lanes, MOST_LANES};
