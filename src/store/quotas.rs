//! The `quotas` table: how much of a bounded thing was used in a window of time, over all instances.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::prelude::*;

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
    let upsert = diesel::insert_into(quotas::table)
        .values((
            quotas::key.eq(key),
            quotas::window_start.eq(window_start),
            quotas::used.eq(1),
            quotas::expires_at.eq(window_end),
        ))
        .on_conflict((quotas::key, quotas::window_start))
        .do_update()
        .set(quotas::used.eq(quotas::used + 1));
    let within = diesel::query_dsl::methods::FilterDsl::filter(upsert, quotas::used.lt(most));
    let taken = within.execute(connection)?;
    Ok(taken == 1)
}

/// Deletes windows that ended before a moment. Returns how many.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn delete_before(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(diesel::delete(quotas::table.filter(quotas::expires_at.lt(moment))).execute(connection)?)
}
