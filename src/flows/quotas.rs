//! Bounds on what is sent: how much of it, to whom, in which time.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, Fault};
use crate::domain::sent_code::Quota;
use crate::store::{PgConnection, quotas};

/// Takes one of each quota, in order. Returns how long to wait when one of them is used up; those before it are taken then.
pub(super) fn wait_or_take(
    core: &Core,
    connection: &mut PgConnection,
    bounds: &[Quota],
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, Fault> {
    for quota in bounds {
        let window = quota.window_at(now);
        let key = core
            .identifier_hasher
            .hash(&format!("{} {}", quota.window.num_hours(), quota.subject))?;
        if !quotas::take(connection, &key, window, quota.most)? {
            return Ok(Some(window.1 - now));
        }
    }
    Ok(None)
}

/// A window of time that began with the first of what is counted in it.
pub(super) struct Window {
    /// The hash of what is counted.
    pub(super) key: Vec<u8>,
    /// How many there were, this one included.
    pub(super) used: i32,
    /// When it ends.
    pub(super) end: DateTime<Utc>,
}

/// Counts one of a subject, in a window that begins with the first.
pub(super) fn count_since_first(
    core: &Core,
    connection: &mut PgConnection,
    subject: &str,
    length: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Window, Fault> {
    let key = core.identifier_hasher.hash(subject)?;
    let (used, end) = quotas::count_since_first(connection, &key, now, now + length)?;
    Ok(Window { key, used, end })
}
