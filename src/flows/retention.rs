//! What is of no use any more goes: sessions long over, tokens, counters, resting names and messages past their time,
//! and in the end whole months of the audit trail, whose coming months are made ready here, too.
//!
//! In small batches, each a transaction of its own, and passing over rows that somebody holds: nothing waits for a sweep.
//! Rows are found by the time in their id.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, Fault};
use crate::domain::ids::least_of;
use crate::store::{PgConnection, audit_events, link_tokens, outbox, quotas, sessions, throttles, usernames};

/// Rows of a batch.
const BATCH: i64 = 500;
/// Sessions, counted from the login: none lasts longer than thirty days, and where it came from is remembered for ninety.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(120);
/// Tokens in mails: none counts longer than a day.
const LINK_TOKENS_KEPT: TimeDelta = TimeDelta::days(2);
/// Messages that could not be sent: none is worth sending longer than three days; the rest is for operators.
const MESSAGES_KEPT: TimeDelta = TimeDelta::days(30);
/// Counts of wrong passwords: they are forgotten after a day.
const THROTTLES_KEPT: TimeDelta = TimeDelta::days(1);

/// Deletes rows of one table that are of no use at a moment. Returns how many, and so whether there may be more.
type Deletion = fn(&mut PgConnection, DateTime<Utc>) -> Result<usize, Fault>;

const DELETIONS: [Deletion; 7] = [
    |connection, now| {
        Ok(sessions::delete_before(
            connection,
            least_of(now - SESSIONS_KEPT),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(link_tokens::delete_before(
            connection,
            least_of(now - LINK_TOKENS_KEPT),
            BATCH,
        )?)
    },
    |connection, now| Ok(outbox::delete_before(connection, least_of(now - MESSAGES_KEPT), BATCH)?),
    |connection, now| Ok(quotas::delete_before(connection, now)?),
    |connection, now| Ok(throttles::delete_before(connection, now - THROTTLES_KEPT)?),
    |connection, now| Ok(usernames::delete_rested(connection, now)?),
    // How long the trail is kept is the schema's matter: the service may not delete it. Last, since a role that may not even ask
    // for it is no reason to keep the rest.
    |connection, now| Ok(audit_events::tend(connection, now)?),
];

/// Deletes a batch of each table. Returns how many rows went: the caller comes back for more until there are none.
///
/// # Errors
///
/// Returns faults only.
pub async fn delete_expired(core: &Arc<Core>) -> Result<usize, Fault> {
    let now = core.clock.now();
    let mut deleted = 0;
    for deletion in DELETIONS {
        deleted += core
            .db
            .transaction("retention.delete_expired", move |connection| deletion(connection, now))
            .await?;
    }
    Ok(deleted)
}
