//! The base of every test: its own database, the real application, a clock that is moved by hand.

pub(crate) mod actors;
pub(crate) mod app;
pub(crate) mod certificate;
pub(crate) mod db;
pub(crate) mod oath;
pub(crate) mod response;
pub(crate) mod statements;
