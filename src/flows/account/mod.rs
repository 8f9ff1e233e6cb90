//! What an owner does with an account, from the registration to the deletion, and accounts that come from elsewhere.
//!
//! It may call `factors`, `limits`, `notify`, `oauth`, `session`.

mod admission;
pub mod email;
pub mod email_verification;
mod new_password;
pub mod password;
pub mod passwordless;
pub mod profile;
pub mod register;
mod unfinished;
pub mod user_import;

pub use admission::NotAdmitted;
pub(in crate::flows) use admission::{Admitted, ask as ask_registration_hook};
pub(in crate::flows) use register::register_privately;
pub(in crate::flows) use unfinished::{delete_expired as delete_unfinished_registrations, free_names};

pub(in crate::flows) use email::{
    RESET, confirm_address, confirm_invited, federation_awaits_verification, password_awaits_verification,
    refuse_unverified, requires_email_verification, reset_unverified_account,
};
