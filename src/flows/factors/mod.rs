//! Second factors: what an account has, how one is added, verified and removed, and the step-up.

pub mod challenge;
pub(in crate::flows) mod destination;
pub mod enrolment;
pub mod inventory;
pub mod proof;
pub mod recovery;
pub mod sent_code;
pub mod step_up;
