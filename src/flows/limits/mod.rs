//! Limits: waits after wrong proofs, quotas, and the networks that an owner is known by.
//!
//! It may call no other folder.

pub(in crate::flows) mod networks;
pub(in crate::flows) mod quotas;
mod throttle;

pub(in crate::flows) use networks::{guesser, is_known_network, network_name};
pub(in crate::flows) use quotas::{Window, count_since_first, wait_or_take};
pub use throttle::Wait;
pub(in crate::flows) use throttle::{
    Admission, Buckets, Guard, Passage, ProofSource, Throttle, forget_codes, identifier_hash, work_on_codes,
};
