//! Waits for events.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a slow machine with other work.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// Calls `look` again and again until it returns something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "this did not happen in time: {what}");
        thread::sleep(POLL);
    }
}
