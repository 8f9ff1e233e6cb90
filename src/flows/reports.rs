//! Reports of what has happened outside of the database, and cannot be undone.

use std::sync::Arc;
use std::time::Duration;

use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};

/// How often, and at which interval, a report is attempted. What was sent but not marked would be sent again, so a short
/// outage of the database is waited for.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// Writes a report in a transaction, also if the database cannot be used for a moment.
///
/// # Errors
///
/// Returns the fault of the last attempt.
pub(in crate::flows) async fn write_down(
    core: &Arc<Core>,
    name: &'static str,
    report: impl Fn(&mut Tx<'_>) -> Result<(), Fault> + Send + Sync + 'static,
) -> Result<(), Fault> {
    let report = Arc::new(report);
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        let report = Arc::clone(&report);
        match core.transaction(name, core.own_origin(), move |tx| report(tx)).await {
            Err(fault) if fault.is_temporary() && attempts_left > 0 => tokio::time::sleep(PAUSE).await,
            written => return written,
        }
    }
}
