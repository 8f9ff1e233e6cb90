//! Ways in: the password or a mailed link first, then the second factor; or a passkey alone.
//!
//! It may call `account`, `factors`, `limits`, `notify`, `session`.

pub mod login;
pub mod magic_link;
pub mod passkey;
mod password_renewal;
pub mod second_factor;

pub(in crate::flows) use login::{FirstFactorLogin, Login, Opened, open_session, outcome as login_outcome};
