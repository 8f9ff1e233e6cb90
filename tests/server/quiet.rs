//! Tests that measure have the machine to themselves: no other test of this binary starts a program meanwhile.
//!
//! A test takes its side of the lock when it starts its first program, and keeps it to its end, with the thread that
//! the test runner gave it. If it gave the lock back with the program, a test that starts a second one would wait for
//! measurements in the middle of its own.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

static QUIET: RwLock<()> = RwLock::new(());

thread_local! {
    static SIDE: RefCell<Option<Side>> = const { RefCell::new(None) };
}

enum Side {
    WithOthers { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// Waits for the tests that measure, unless this test is one. [`Launch::start`](super::program::Launch::start) calls
/// it.
pub(super) fn join_others() {
    // A thread that a test starts has no name, and belongs to a test that has its side.
    if thread::current().name().is_none() {
        return;
    }
    SIDE.with_borrow_mut(|side| {
        side.get_or_insert_with(|| Side::WithOthers {
            _guard: QUIET.read().unwrap_or_else(PoisonError::into_inner),
        });
    });
}

/// Waits until no other test runs a program, and keeps them from starting one until this test ends.
pub(crate) fn alone() {
    SIDE.with_borrow_mut(|side| {
        // With one test thread, the runner runs every test in its own; the side of the last test is still there.
        *side = None;
        *side = Some(Side::Alone {
            _guard: QUIET.write().unwrap_or_else(PoisonError::into_inner),
        });
    });
}

#[test]
fn a_test_that_measures_is_alone() {
    alone();
    assert!(QUIET.try_read().is_err());
    // Its own programs do not wait for it, in whichever thread they start.
    join_others();
    thread::scope(|scope| scope.spawn(join_others).join().unwrap());
    assert!(QUIET.try_read().is_err());
}
