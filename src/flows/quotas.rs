//! Bounds on what is sent: how much of it, to whom, in which time.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, Fault};
use crate::domain::one_time_code::Quota;
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
            .subjects
            .hash(&format!("{} {}", quota.window.num_hours(), quota.subject))?;
        if !quotas::take(connection, &key, window, quota.most)? {
            return Ok(Some(window.1 - now));
        }
    }
    Ok(None)
}
