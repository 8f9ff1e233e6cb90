//! The `passkeys` table: WebAuthn credentials, several for each user.
//!
//! The caller has locked the user's row, so that changes to one user's factors are serialized.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{IntoSql, PgConnection, pg::Pg};
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::schema::passkeys;
use crate::domain::ids::{PasskeyId, UserId};
use crate::domain::passkey::{
    CredentialId, KeyAlgorithm, NewPasskey, Passkey, PasskeyName, PasskeyUse, PublicKey, Transport,
};

/// A passkey that passed the checks of its registration.
pub struct Registered<'a> {
    /// Its row.
    pub id: PasskeyId,
    /// Its user.
    pub user_id: UserId,
    /// What the authenticator says.
    pub passkey: &'a NewPasskey,
    /// How browsers reach the authenticator.
    pub transports: &'a [Transport],
    /// Its name.
    pub name: &'a PasskeyName,
    /// When the challenge of the registration was made.
    pub challenge_at: DateTime<Utc>,
    /// When it is registered.
    pub now: DateTime<Utc>,
    /// Whether it was made to sign in alone.
    pub signs_in_alone: bool,
}

/// A passkey, as an assertion is compared with it.
pub struct StoredPasskey {
    /// Its row.
    pub id: PasskeyId,
    /// Its public key.
    pub public_key: PublicKey,
    /// Whether the key may leave its device.
    pub backup_eligible: bool,
    /// The owner's name for it.
    pub name: String,
    /// When the newest challenge that it answered was made.
    pub last_challenge_at: DateTime<Utc>,
}

/// Adds a passkey. Returns `false` if the user has one with its credential id.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn insert(connection: &mut PgConnection, new: &Registered<'_>) -> Result<bool, StoreError> {
    let passkey = new.passkey;
    let added = diesel::insert_into(passkeys::table)
        .values((
            passkeys::id.eq(new.id.uuid()),
            passkeys::user_id.eq(new.user_id.uuid()),
            passkeys::credential_id.eq(passkey.credential_id.as_bytes()),
            passkeys::algorithm.eq(passkey.public_key.algorithm.number()),
            passkeys::public_key.eq(&passkey.public_key.bytes),
            passkeys::sign_count.eq(i64::from(passkey.sign_count)),
            passkeys::user_verified.eq(passkey.user_verified),
            passkeys::backup_eligible.eq(passkey.backup_eligible),
            passkeys::backed_up.eq(passkey.backed_up),
            passkeys::transports.eq(new.transports),
            passkeys::aaguid.eq(passkey.aaguid),
            passkeys::name.eq(new.name.as_str()),
            passkeys::last_challenge_at.eq(new.challenge_at),
            passkeys::created_at.eq(new.now),
            passkeys::signs_in_alone.eq(new.signs_in_alone),
        ))
        .on_conflict((passkeys::user_id, passkeys::credential_id))
        .do_nothing()
        .execute(connection)?;
    Ok(added == 1)
}

/// Lists the passkeys of a user, the oldest first.
///
/// # Errors
///
/// Returns an error if the statement fails, or a row cannot be read.
pub fn list(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<Passkey>, StoreError> {
    let rows: Vec<RecordRow> = of_user(user_id)
        .order(passkeys::id)
        .select(RecordRow::as_select())
        .load(connection)?;
    rows.into_iter().map(RecordRow::into_passkey).collect()
}

/// Finds the passkey of a user that an assertion names.
///
/// # Errors
///
/// Returns an error if the statement fails, or the row cannot be read.
pub fn find(
    connection: &mut PgConnection,
    user_id: UserId,
    credential_id: &CredentialId,
) -> Result<Option<StoredPasskey>, StoreError> {
    let row: Option<KeyRow> = of_user(user_id)
        .filter(passkeys::credential_id.eq(credential_id.as_bytes()))
        .select(KeyRow::as_select())
        .first(connection)
        .optional()?;
    row.map(KeyRow::into_stored).transpose()
}

/// Records a use. Of several concurrent calls with the same challenge one succeeds, and none with an older challenge or
/// with a counter that has not risen: then another authenticator has the same key (WebAuthn §6.1.1). Authenticators
/// that do not count always say zero.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn use_once(
    connection: &mut PgConnection,
    user_id: UserId,
    id: PasskeyId,
    used: &PasskeyUse,
    (challenge_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, StoreError> {
    let count = i64::from(used.sign_count);
    let neither_counts = passkeys::sign_count
        .eq(0)
        .and(count.into_sql::<diesel::sql_types::BigInt>().eq(0));
    let using = diesel::update(
        of_user(user_id)
            .filter(passkeys::id.eq(id.uuid()))
            .filter(passkeys::last_challenge_at.lt(challenge_at))
            .filter(passkeys::sign_count.lt(count).or(neither_counts)),
    )
    .set((
        passkeys::sign_count.eq(count),
        passkeys::backed_up.eq(used.backed_up),
        passkeys::last_challenge_at.eq(challenge_at),
        passkeys::last_used_at.eq(now),
        passkeys::signs_in_alone.eq(passkeys::signs_in_alone.or(used.alone.into_sql::<diesel::sql_types::Bool>())),
    ));
    Ok(CachedStatement(using).execute(connection)? == 1)
}

/// Gives a passkey another name. Returns `false` if the user has no such passkey.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn rename(
    connection: &mut PgConnection,
    user_id: UserId,
    id: PasskeyId,
    name: &PasskeyName,
) -> Result<bool, StoreError> {
    let row = of_user(user_id).filter(passkeys::id.eq(id.uuid()));
    Ok(diesel::update(row)
        .set(passkeys::name.eq(name.as_str()))
        .execute(connection)?
        == 1)
}

/// Removes one passkey of a user. Returns its name.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn remove(connection: &mut PgConnection, user_id: UserId, id: PasskeyId) -> Result<Option<String>, StoreError> {
    let row = of_user(user_id).filter(passkeys::id.eq(id.uuid()));
    Ok(diesel::delete(row)
        .returning(passkeys::name)
        .get_result(connection)
        .optional()?)
}

/// Returns whether a user has a passkey that signs in alone, other than a given one.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn another_signs_in_alone(
    connection: &mut PgConnection,
    user_id: UserId,
    id: PasskeyId,
) -> Result<bool, StoreError> {
    let others = of_user(user_id)
        .filter(passkeys::signs_in_alone)
        .filter(passkeys::id.ne(id.uuid()));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(connection)?)
}

/// Removes all passkeys of a user.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    diesel::delete(of_user(user_id)).execute(connection)?;
    Ok(())
}

/// Returns those of several users who have a passkey.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn owners_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let found: Vec<Uuid> = passkeys::table
        .filter(passkeys::user_id.eq_any(ids))
        .select(passkeys::user_id)
        .distinct()
        .load(connection)?;
    Ok(found.into_iter().map(UserId::from_uuid).collect())
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId) -> _ {
    let id: Uuid = user_id.uuid();
    passkeys::table.filter(passkeys::user_id.eq(id))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(Pg))]
struct RecordRow {
    id: Uuid,
    credential_id: Vec<u8>,
    name: String,
    transports: Vec<Transport>,
    backed_up: bool,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl RecordRow {
    fn into_passkey(self) -> Result<Passkey, StoreError> {
        Ok(Passkey {
            id: PasskeyId::from_uuid(self.id),
            credential_id: CredentialId::from_bytes(self.credential_id)
                .ok_or(StoreError::Corrupt("passkeys.credential_id"))?,
            name: self.name,
            transports: self.transports,
            backed_up: self.backed_up,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(Pg))]
struct KeyRow {
    id: Uuid,
    algorithm: i32,
    public_key: Vec<u8>,
    backup_eligible: bool,
    name: String,
    last_challenge_at: DateTime<Utc>,
}

impl KeyRow {
    fn into_stored(self) -> Result<StoredPasskey, StoreError> {
        Ok(StoredPasskey {
            id: PasskeyId::from_uuid(self.id),
            public_key: PublicKey {
                algorithm: KeyAlgorithm::from_number(self.algorithm)
                    .ok_or(StoreError::Corrupt("passkeys.algorithm"))?,
                bytes: self.public_key,
            },
            backup_eligible: self.backup_eligible,
            name: self.name,
            last_challenge_at: self.last_challenge_at,
        })
    }
}
