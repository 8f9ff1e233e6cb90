//! The `spent_federation_tokens` table: sign-ins at providers that were finished.

use diesel::PgConnection;
use diesel::prelude::*;
use uuid::Uuid;

use super::error::StoreError;
use super::old_rows;
use super::schema::spent_federation_tokens;
use crate::domain::ids::{FederationId, UserId};

/// Spends a federation token for an account. Returns whether this call did: of several concurrent ones one succeeds.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn spend(connection: &mut PgConnection, user_id: UserId, id: FederationId) -> Result<bool, StoreError> {
    let spent = diesel::insert_into(spent_federation_tokens::table)
        .values((
            spent_federation_tokens::user_id.eq(user_id.uuid()),
            spent_federation_tokens::id.eq(id.uuid()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(spent == 1)
}

/// Returns whether a federation token was spent for an account. The caller has locked the user's row.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn is_spent(connection: &mut PgConnection, user_id: UserId, id: FederationId) -> Result<bool, StoreError> {
    let spent = spent_federation_tokens::table.find((user_id.uuid(), id.uuid()));
    Ok(diesel::select(diesel::dsl::exists(spent)).get_result(connection)?)
}

/// Deletes up to `most` rows of tokens that were made before an id. Returns how many were deleted.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    old_rows::delete_before!(spent_federation_tokens, connection, id, most)
}

/// Returns whether there are rows of tokens that were made before an id.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn exist_before(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    old_rows::exist_before!(spent_federation_tokens, connection, id)
}
