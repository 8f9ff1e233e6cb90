//! Limits: waits after wrong proofs, quotas, and the networks that an owner is known by.

pub(in crate::flows) mod networks;
pub(in crate::flows) mod quotas;
pub(in crate::flows) mod throttle;
