//! The `quotas` table: how much of a limited resource was used in a window of time, over all instances.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Timestamptz};
use diesel::{IntoSql, PgConnection};

use super::error::StoreError;
use super::schema::quotas;

/// Takes one use of a quota. Of several concurrent calls, no more than `most` succeed in a window.
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

/// Counts one use in the window that began with the first use, or begins a new window if that has expired. Of several
/// concurrent calls, one begins the window. Returns how many uses there were in the window, and its end.
pub fn count_since_first(
    connection: &mut PgConnection,
    key: &[u8],
    now: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Result<(i32, DateTime<Utc>), StoreError> {
    let is_expired = || quotas::expires_at.le(now);
    let one = 1_i32.into_sql::<Integer>();
    let used = diesel::dsl::case_when(is_expired(), one).otherwise(quotas::used + 1);
    let ends = diesel::dsl::case_when(is_expired(), end.into_sql::<Timestamptz>()).otherwise(quotas::expires_at);
    Ok(diesel::insert_into(quotas::table)
        .values((
            quotas::key.eq(key),
            // One row for all windows of the key, since their starts are not known in advance.
            quotas::window_start.eq(DateTime::UNIX_EPOCH),
            quotas::used.eq(1),
            quotas::expires_at.eq(end),
        ))
        .on_conflict((quotas::key, quotas::window_start))
        .do_update()
        .set((quotas::used.eq(used), quotas::expires_at.eq(ends)))
        .returning((quotas::used, quotas::expires_at))
        .get_result(connection)?)
}

/// Deletes windows that ended before a moment. Returns how many.
pub fn delete_before(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(diesel::delete(quotas::table.filter(quotas::expires_at.lt(moment))).execute(connection)?)
}
