//! Ways in: the password or a mailed link first, then the second factor.
//!
//! It may call `account`, `factors`, `limits`, `notify`, `session`.

pub mod login;
pub mod magic_link;
mod password_renewal;
pub mod second_factor;
