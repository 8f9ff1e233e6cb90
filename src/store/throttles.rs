//! The `throttles` table: consecutive wrong passwords and codes, under a hash of their target and source.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel::{IntoSql, PgConnection, pg::Pg};

use super::error::StoreError;
use super::schema::throttles;
use crate::domain::failed_attempts::FailedAttempts;
use crate::domain::policy::numbers::BackoffPolicy;

/// Finds the failed attempts under the keys of one proof. A key that is missing from the result has none.
pub fn find(connection: &mut PgConnection, keys: &[&[u8]]) -> Result<HashMap<Vec<u8>, FailedAttempts>, StoreError> {
    let rows: Vec<(Vec<u8>, ThrottleRow)> = throttles::table
        .filter(throttles::key.eq_any(keys))
        .select((throttles::key, ThrottleRow::as_select()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(key, row)| (key, row.into())).collect())
}

/// The effect of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Counted {
    /// It causes no wait.
    Free,
    /// It began a wait.
    Began,
    /// A concurrent attempt began a wait just before; this is how much of it remains.
    Waits(TimeDelta),
}

/// Counts a failed attempt. Attempts during a wait are not counted: several that were let through at once cost one wait
/// together, and an attacker cannot prolong the owner's.
pub fn count(
    connection: &mut PgConnection,
    key: &[u8],
    policy: BackoffPolicy,
    now: DateTime<Utc>,
) -> Result<Counted, StoreError> {
    let waits = throttles::locked_until
        .is_not_null()
        .and(throttles::locked_until.assume_not_null().gt(now));
    let fresh = throttles::last_failed_at.gt(policy.remembers_since(now));
    let one = 1_i32.into_sql::<Integer>();
    let failures = diesel::dsl::case_when(waits, throttles::failures)
        .when(fresh, throttles::failures + 1)
        .otherwise(one);
    let row: ThrottleRow = diesel::insert_into(throttles::table)
        .values((
            throttles::key.eq(key),
            throttles::failures.eq(1),
            throttles::last_failed_at.eq(now),
        ))
        .on_conflict(throttles::key)
        .do_update()
        .set((throttles::failures.eq(failures), throttles::last_failed_at.eq(now)))
        .returning(ThrottleRow::as_returning())
        .get_result(connection)?;
    let counted = FailedAttempts::from(row);
    if let Some(wait) = counted.wait(now) {
        return Ok(Counted::Waits(wait));
    }
    // The statement above has locked the row.
    let locked_until = policy.cost(counted.count).map(|wait| now + wait);
    diesel::update(throttles::table.find(key))
        .set(throttles::locked_until.eq(locked_until))
        .execute(connection)?;
    Ok(if locked_until.is_some() {
        Counted::Began
    } else {
        Counted::Free
    })
}

/// Deletes the failed attempts under these keys.
pub fn forget(connection: &mut PgConnection, keys: &[&[u8]]) -> Result<(), StoreError> {
    diesel::delete(throttles::table.filter(throttles::key.eq_any(keys))).execute(connection)?;
    Ok(())
}

/// Deletes counts whose last attempt was before a moment. Returns how many.
pub fn delete_before(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(diesel::delete(throttles::table.filter(throttles::last_failed_at.lt(moment))).execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = throttles, check_for_backend(Pg))]
struct ThrottleRow {
    failures: i32,
    last_failed_at: DateTime<Utc>,
    locked_until: Option<DateTime<Utc>>,
}

impl From<ThrottleRow> for FailedAttempts {
    fn from(row: ThrottleRow) -> Self {
        Self {
            count: row.failures,
            last_at: Some(row.last_failed_at),
            locked_until: row.locked_until,
        }
    }
}
