//! Retention: deletes sessions long ended, expired trusted devices and API keys, tokens, counters, reserved names and
//! messages past their time, messages to endpoints that came to an end, accounts whose registration was never finished,
//! and whole months of the audit trail, whose coming months are also prepared here.
//!
//! Rows of large tables are deleted in small batches, each in a transaction by itself, and locked rows are skipped, so
//! that no request waits for a deletion. They are found by the time in their id. Counters and reserved names are few,
//! and are deleted by the time at which they expire.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::ids::least_of;
use crate::domain::policy::numbers::{
    API_KEYS_STORED_FOR, DEAD_STORED_FOR, DELIVERED_STORED_FOR, FAILURES_FORGOTTEN_AFTER, LINK_TOKENS_STORED_FOR,
    MESSAGES_STORED_FOR, SESSIONS_STORED_FOR, SPENT_FEDERATIONS_STORED_FOR, TRUSTED_DEVICES_STORED_FOR,
};
use crate::domain::webhook::DeliveryState;
use crate::flows::account::delete_unfinished_registrations;
use crate::flows::{Core, Fault};
use crate::store::{
    PgConnection, account_names, api_keys, audit_events, device_requests, link_tokens, outbox, quotas, sessions,
    spent_federation_tokens, throttles, trusted_devices, webhook_deliveries, webhooks,
};

/// Rows in one batch.
const BATCH: i64 = 500;

/// Deletes rows of one table that are useless at a given time. Returns how many; if there were any, there may be more.
type DeleteBatch = fn(&mut PgConnection, DateTime<Utc>) -> Result<usize, Fault>;

const DELETIONS: [DeleteBatch; 15] = [
    |connection, now| {
        Ok(sessions::delete_before(
            connection,
            least_of(now - SESSIONS_STORED_FOR),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(trusted_devices::delete_before(
            connection,
            least_of(now - TRUSTED_DEVICES_STORED_FOR),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(api_keys::delete_before(
            connection,
            least_of(now - API_KEYS_STORED_FOR),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(spent_federation_tokens::delete_before(
            connection,
            least_of(now - SPENT_FEDERATIONS_STORED_FOR),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(link_tokens::delete_before(
            connection,
            least_of(now - LINK_TOKENS_STORED_FOR),
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(outbox::delete_before(
            connection,
            least_of(now - MESSAGES_STORED_FOR),
            BATCH,
        )?)
    },
    // First those whose endpoint has been disabled for so long that no instance takes them.
    |connection, now| Ok(webhook_deliveries::give_up_ended(connection, now, BATCH)?),
    |connection, now| {
        Ok(webhook_deliveries::delete_ended_before(
            connection,
            DeliveryState::Delivered,
            now - DELIVERED_STORED_FOR,
            BATCH,
        )?)
    },
    |connection, now| {
        Ok(webhook_deliveries::delete_ended_before(
            connection,
            DeliveryState::Dead,
            now - DEAD_STORED_FOR,
            BATCH,
        )?)
    },
    |connection, now| Ok(webhooks::delete_previous_secrets(connection, now)?),
    |connection, now| Ok(device_requests::delete_before(connection, now)?),
    |connection, now| Ok(quotas::delete_before(connection, now)?),
    |connection, now| Ok(throttles::delete_before(connection, now - FAILURES_FORGOTTEN_AFTER)?),
    |connection, now| Ok(account_names::delete_expired(connection, now)?),
    // The schema decides how long the trail is stored, since the service may not delete it. Last in the list: a
    // database role that may not even call the function must not prevent the other deletions.
    |connection, now| Ok(audit_events::tend(connection, now)?),
];

/// Deletes a batch of each table. Returns the number of deleted rows: the caller repeats until it is zero.
pub async fn delete_expired(core: &Arc<Core>) -> Result<usize, Fault> {
    let now = core.clock.now();
    let mut deleted = 0;
    for deletion in DELETIONS {
        deleted += core
            .db
            .transaction("retention.delete_expired", move |connection| deletion(connection, now))
            .await?;
    }
    Ok(deleted + delete_unfinished_registrations(core, BATCH).await?)
}
