//! Threads that end with their test; the waits and signals are those of the private PostgreSQL's tests.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::waits;

#[path = "../../crates/private-postgres/tests/lifecycle/process.rs"]
mod processes;

pub(crate) use self::processes::{runs, send, timed, wait_for_end};
pub(crate) use self::waits::{PATIENCE, eventually};

/// Stops threads when it is dropped, even if a test fails while they run: a scope waits for its threads.
pub(crate) struct StopAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
