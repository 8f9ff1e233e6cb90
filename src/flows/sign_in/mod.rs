//! Ways in: the password or a mailed link first, then the second factor, and one end for all of them.

pub mod activate;
pub mod login;
pub mod magic_link;
pub mod second_factor;
