//! Waits of tests that have other work in the same thread.

use std::time::Duration;

use actix_web::rt::time::{sleep, timeout};

use super::waits::PATIENCE;

const POLL: Duration = Duration::from_millis(5);

/// Waits until `holds` returns true. Fails after [`PATIENCE`], because a test that waits for ever tells nothing.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(POLL).await;
        }
    };
    let waited = timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "this did not happen in time: {what}");
}
