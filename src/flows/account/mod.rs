//! What an owner does with an account, from the registration to the deletion, and accounts that come from elsewhere.

pub mod email;
pub mod email_verification;
pub(in crate::flows) mod new_password;
pub mod password;
pub(in crate::flows) mod password_renewal;
pub mod profile;
pub mod register;
pub mod user_import;
