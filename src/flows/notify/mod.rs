//! What is sent to users: the decision whether, links and security notices, and the outbox.
//!
//! It may call `limits`.

pub mod links;
pub mod outbox;
mod security_notices;
mod sending;

pub(in crate::flows) use links::require_mail;
pub(in crate::flows) use security_notices::{notify_failures, notify_new_place, notify_success};
pub(in crate::flows) use sending::{Contents, Decision, Permit, count_unsent, decide, post, source_of};
