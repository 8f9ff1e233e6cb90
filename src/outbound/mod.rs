//! How servers of others are reached: the one client for URLs that a stranger, an administrator or a provider names.
//!
//! Such a URL could lead to servers of the operator's own network (server-side request forgery). So [`GuardedClient`]
//! connects to public addresses only, and to those that the operator allows; to the very address that it has checked; it
//! follows no redirect, uses no proxy, and keeps no connection. Each call ends in bounded time, with a bounded answer.
//! [`OutboundCalls`] gives one kind of calls places of its own, so that no other kind waits for it.

mod calls;
mod client;
mod fault;
mod network;

pub use self::calls::{Answer, Limits, OutboundCalls};
pub use self::client::{Access, GuardedClient, Response};
pub use self::fault::OutboundFault;
pub use self::network::{Network, SystemNetwork};
