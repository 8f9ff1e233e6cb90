//! Measures how long something takes, and signals processes by their id.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::waits::eventually;

/// Measures how long something takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

/// Sends a signal. It is not an error if the process has ended.
pub(crate) fn send(signal: Signal, pid: u32) {
    let _ = kill_process(number(pid), signal);
}

/// Waits until a process that is not a child has ended.
#[track_caller]
pub(crate) fn wait_for_end(pid: u32) {
    eventually("the end of a process", || (!runs(pid)).then_some(()));
}

/// Returns whether a process runs; one that has ended and was not waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which is in parentheses.
        Ok(line) => !line
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with(['Z', 'X'])),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => test_kill_process(number(pid)).is_ok(),
    }
}

fn number(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap_or_else(|| panic!("{pid} is not a process"))
}
