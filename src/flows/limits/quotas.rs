//! Quotas: how often something may happen in a window of time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::sent_code::Quota;
use crate::flows::Fault;
use crate::flows::tx::Tx;
use crate::store::quotas;

/// Takes one from each quota, in order. Returns how long to wait if one of them is used up; those before it are taken
/// from nevertheless.
pub(in crate::flows) fn wait_or_take(tx: &mut Tx<'_>, bounds: &[Quota]) -> Result<Option<TimeDelta>, Fault> {
    for quota in bounds {
        let window = quota.window_at(tx.now);
        let key = tx
            .core
            .identifier_hasher
            .hash(&format!("{} {}", quota.window.num_hours(), quota.subject))?;
        if !quotas::take(tx.connection, &key, window, quota.most)? {
            return Ok(Some(window.1 - tx.now));
        }
    }
    Ok(None)
}

/// A window of time that begins with the first event counted in it.
pub(in crate::flows) struct Window {
    /// The hash of the counted subject.
    pub(in crate::flows) key: Vec<u8>,
    /// The number of events in it, including this one.
    pub(in crate::flows) used: i32,
    /// When the window ends.
    pub(in crate::flows) end: DateTime<Utc>,
}

/// Counts one event of a subject, in a window that begins with the first.
pub(in crate::flows) fn count_since_first(tx: &mut Tx<'_>, subject: &str, length: TimeDelta) -> Result<Window, Fault> {
    let key = tx.core.identifier_hasher.hash(subject)?;
    let (used, end) = quotas::count_since_first(tx.connection, &key, tx.now, tx.now + length)?;
    Ok(Window { key, used, end })
}
