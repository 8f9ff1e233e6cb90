//! The `recovery_codes` table: one set per user; each code works once.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::dsl::count_star;
use diesel::prelude::*;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::recovery_codes;
use crate::domain::ids::UserId;

/// Replaces the old set with a new one.
pub fn replace_set(
    connection: &mut PgConnection,
    user_id: UserId,
    hashes: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let old = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id.uuid()));
    diesel::delete(old).execute(connection)?;
    let rows: Vec<_> = hashes
        .iter()
        .map(|hash| {
            (
                recovery_codes::user_id.eq(user_id.uuid()),
                recovery_codes::code_hash.eq(hash),
                recovery_codes::created_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(recovery_codes::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}

/// Uses up a code. `candidates` are the hashes it may be stored under. Of several concurrent calls one succeeds.
pub fn consume(
    connection: &mut PgConnection,
    user_id: UserId,
    candidates: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let unused = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user_id.uuid()))
        .filter(recovery_codes::code_hash.eq_any(candidates))
        .filter(recovery_codes::used_at.is_null());
    let updated = diesel::update(unused)
        .set(recovery_codes::used_at.eq(now))
        .execute(connection)?;
    Ok(updated == 1)
}

/// Returns whether a code of the current set has been used.
pub fn is_spent(connection: &mut PgConnection, user_id: UserId, candidates: &[Vec<u8>]) -> Result<bool, StoreError> {
    let spent = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user_id.uuid()))
        .filter(recovery_codes::code_hash.eq_any(candidates))
        .filter(recovery_codes::used_at.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(spent)).get_result(connection)?)
}

/// Removes the set.
pub fn remove(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    let set = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id.uuid()));
    diesel::delete(set).execute(connection)?;
    Ok(())
}

/// Counts the unused codes of several users. Users without any are left out.
pub fn remaining_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<(UserId, i64)>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let counts: Vec<(Uuid, i64)> = recovery_codes::table
        .filter(recovery_codes::user_id.eq_any(ids))
        .filter(recovery_codes::used_at.is_null())
        .group_by(recovery_codes::user_id)
        .select((recovery_codes::user_id, count_star()))
        .load(connection)?;
    Ok(counts
        .into_iter()
        .map(|(id, count)| (UserId::from_uuid(id), count))
        .collect())
}

/// Counts the unused codes of a user.
pub fn remaining(connection: &mut PgConnection, user_id: UserId) -> Result<i64, StoreError> {
    let count = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user_id.uuid()))
        .filter(recovery_codes::used_at.is_null())
        .count()
        .get_result(connection)?;
    Ok(count)
}
