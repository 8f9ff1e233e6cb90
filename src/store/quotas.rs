//! The `quotas` table: how much of a bounded thing was used in a window of time, over all instances.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;

use super::error::StoreError;
use super::schema::quotas;

/// Takes one of the allowed number: of many at once, no more than that succeed.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn take(
    connection: &mut PgConnection,
    key: &[u8],
    (window_start, window_end): (DateTime<Utc>, DateTime<Utc>),
    most: i32,
) -> Result<bool, StoreError> {
    let taken = diesel::insert_into(quotas::table)
        .values((
            quotas::key.eq(key),
            quotas::window_start.eq(window_start),
            quotas::used.eq(1),
            quotas::expires_at.eq(window_end),
        ))
        .on_conflict((quotas::key, quotas::window_start))
        .do_update()
        .set(quotas::used.eq(quotas::used + 1))
        .filter(quotas::used.lt(most))
        .execute(connection)?;
    Ok(taken == 1)
}
