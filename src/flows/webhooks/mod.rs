//! Messages to endpoints of back ends about what happened to accounts: made of the trail, signed, sent and tried again.
//!
//! It owns what becomes of a message. Its rows are written by [`Tx::audit`](super::tx::Tx), and its endpoints belong to
//! `admin`.
//!
//! It may call no other folder.

mod message;
mod sender;

pub use sender::WebhookSender;
