//! The base of every test: its own database, the real application, a clock that is moved by hand.

pub(crate) mod actors;
pub(crate) mod api_keys;
pub(crate) mod app;
pub(crate) mod applications;
pub(crate) mod db;
pub(crate) mod devices;
pub(crate) mod documents;
pub(crate) mod dpop;
pub(crate) mod endpoints;
pub(crate) mod federation;
pub(crate) mod hooks;
pub(crate) mod lies;
pub(crate) mod passkeys;
pub(crate) mod providers;
pub(crate) mod response;
pub(crate) mod statements;
mod trail;
pub(crate) mod until;

// What unit tests or the tests of the program as a process use, too.
#[path = "../../support/authenticator.rs"]
pub(crate) mod authenticator;
#[path = "../../support/certificate.rs"]
pub(crate) mod certificate;
#[path = "../../support/oath.rs"]
pub(crate) mod oath;
#[path = "../../support/peer.rs"]
pub(crate) mod peer;
#[path = "../../support/token.rs"]
pub(crate) mod token;
#[path = "../../../crates/private-postgres/tests/lifecycle/waits.rs"]
pub(crate) mod waits;
#[path = "../../support/work.rs"]
pub(crate) mod work;
