//! What is sent to users: the decision whether, links and security notices, and the outbox.

pub mod links;
pub mod outbox;
pub(in crate::flows) mod security_notices;
pub(in crate::flows) mod sending;
