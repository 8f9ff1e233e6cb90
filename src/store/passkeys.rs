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
use super::user_handles;
use crate::domain::ids::{PasskeyId, UserId};
use crate::domain::passkey::{
    CredentialId, KeyAlgorithm, KnownHandle, NewPasskey, Passkey, PasskeyName, PasskeyRecord, PasskeyUse, PublicKey,
    Transport, UserHandle,
};

/// Rows that one statement inserts. PostgreSQL allows 65,535 parameters.
const MOST_ROWS: usize = 1000;
/// What is stored of a handle that another program gave and did not tell.
const UNKNOWN_HANDLE: &[u8] = b"";

/// A passkey that passed the checks of its registration, here or in another program.
pub struct Registered<'a> {
    /// Its row.
    pub id: PasskeyId,
    /// Its user.
    pub user_id: UserId,
    /// The handle of its user.
    pub user_handle: &'a KnownHandle,
    /// What the authenticator says.
    pub passkey: &'a NewPasskey,
    /// How browsers reach the authenticator.
    pub transports: &'a [Transport],
    /// Its name.
    pub name: &'a PasskeyName,
    /// The passkey answers no challenge that was made then or before.
    pub last_challenge_at: DateTime<Utc>,
    /// When it is registered.
    pub now: DateTime<Utc>,
}

/// A passkey, as an assertion is compared with it.
pub struct StoredPasskey {
    /// Its row.
    pub id: PasskeyId,
    /// The handle of its user.
    pub user_handle: KnownHandle,
    /// Its public key.
    pub public_key: PublicKey,
    /// Whether the key may leave its device, if that is known.
    pub backup_eligible: Option<bool>,
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
    let added = diesel::insert_into(passkeys::table)
        .values(NewRow::of(new))
        .on_conflict((passkeys::user_id, passkeys::credential_id))
        .do_nothing()
        .execute(connection)?;
    Ok(added == 1)
}

/// Adds the passkeys of accounts that were created in this transaction, and that have claimed the handles in them.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn insert_imported(connection: &mut PgConnection, new: &[Registered<'_>]) -> Result<(), StoreError> {
    for some in new.chunks(MOST_ROWS) {
        let rows: Vec<NewRow<'_>> = some.iter().map(NewRow::of).collect();
        diesel::insert_into(passkeys::table).values(rows).execute(connection)?;
    }
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = passkeys, treat_none_as_default_value = false)]
struct NewRow<'a> {
    id: Uuid,
    user_id: Uuid,
    user_handle: Option<Vec<u8>>,
    credential_id: &'a [u8],
    algorithm: i32,
    public_key: &'a [u8],
    sign_count: i64,
    user_verified: bool,
    backup_eligible: Option<bool>,
    backed_up: bool,
    transports: &'a [Transport],
    aaguid: Uuid,
    name: &'a str,
    last_challenge_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl<'a> NewRow<'a> {
    fn of(new: &'a Registered<'_>) -> Self {
        let passkey = new.passkey;
        Self {
            id: new.id.uuid(),
            user_id: new.user_id.uuid(),
            user_handle: match new.user_handle {
                KnownHandle::UserId => None,
                KnownHandle::Given(handle) => Some(handle.as_bytes().to_vec()),
                KnownHandle::Unknown => Some(UNKNOWN_HANDLE.to_vec()),
            },
            credential_id: passkey.credential_id.as_bytes(),
            algorithm: passkey.public_key.algorithm.number(),
            public_key: &passkey.public_key.bytes,
            sign_count: passkey.sign_count.into(),
            user_verified: passkey.user_verified,
            backup_eligible: passkey.backup_eligible,
            backed_up: passkey.backed_up,
            transports: new.transports,
            aaguid: passkey.aaguid,
            name: new.name.as_str(),
            last_challenge_at: new.last_challenge_at,
            created_at: new.now,
        }
    }
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

/// Lists the passkeys of several users, the oldest of each first.
///
/// # Errors
///
/// Returns an error if the statement fails, or a row cannot be read.
pub fn list_among(connection: &mut PgConnection, users: &[UserId]) -> Result<Vec<(UserId, Passkey)>, StoreError> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
    let rows: Vec<RecordRow> = passkeys::table
        .filter(passkeys::user_id.eq_any(ids))
        .order((passkeys::user_id, passkeys::id))
        .select(RecordRow::as_select())
        .load(connection)?;
    let read = |row: RecordRow| Ok((UserId::from_uuid(row.user_id), row.into_passkey()?));
    rows.into_iter().map(read).collect()
}

/// Lists all that is stored of the passkeys of a user, the oldest first.
///
/// # Errors
///
/// Returns an error if the statement fails, or a row cannot be read.
pub fn list_records(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<PasskeyRecord>, StoreError> {
    let rows: Vec<WholeRow> = of_user(user_id)
        .order(passkeys::id)
        .select(WholeRow::as_select())
        .load(connection)?;
    rows.into_iter().map(WholeRow::into_record).collect()
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
        // As it was, unless the program that registered the passkey did not know it.
        passkeys::backup_eligible.eq(used.backup_eligible),
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
    let removed: Option<(String, Option<Vec<u8>>)> = diesel::delete(row)
        .returning((passkeys::name, passkeys::user_handle))
        .get_result(connection)
        .optional()?;
    let Some((name, handle)) = removed else {
        return Ok(None);
    };
    if let Some(handle) = handle {
        let others: Option<Uuid> = of_user(user_id)
            .filter(passkeys::user_handle.eq(&handle))
            .select(passkeys::id)
            .first(connection)
            .optional()?;
        if others.is_none() {
            user_handles::remove(connection, &[handle])?;
        }
    }
    Ok(Some(name))
}

/// Returns whether a user has a passkey that signs in alone, other than a given one if there is one.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn another_signs_in_alone(
    connection: &mut PgConnection,
    user_id: UserId,
    id: Option<PasskeyId>,
) -> Result<bool, StoreError> {
    let excluded = id.map_or_else(Uuid::nil, PasskeyId::uuid);
    let others = of_user(user_id)
        .filter(passkeys::signs_in_alone)
        .filter(passkeys::id.ne(excluded));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(connection)?)
}

/// Removes all passkeys of a user.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId) -> Result<(), StoreError> {
    let handles: Vec<Option<Vec<u8>>> = diesel::delete(of_user(user_id))
        .returning(passkeys::user_handle)
        .get_results(connection)?;
    let handles: Vec<Vec<u8>> = handles.into_iter().flatten().collect();
    user_handles::remove(connection, &handles)
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId) -> _ {
    let id: Uuid = user_id.uuid();
    passkeys::table.filter(passkeys::user_id.eq(id))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(Pg))]
struct RecordRow {
    user_id: Uuid,
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
struct WholeRow {
    #[diesel(embed)]
    record: RecordRow,
    user_handle: Option<Vec<u8>>,
    aaguid: Uuid,
    sign_count: i64,
    user_verified: bool,
    backup_eligible: Option<bool>,
    signs_in_alone: bool,
}

impl WholeRow {
    fn into_record(self) -> Result<PasskeyRecord, StoreError> {
        Ok(PasskeyRecord {
            passkey: self.record.into_passkey()?,
            // The handle is empty if it is not known.
            user_handle: self.user_handle.and_then(UserHandle::from_bytes),
            aaguid: self.aaguid,
            sign_count: u32::try_from(self.sign_count).map_err(|_out| StoreError::Corrupt("passkeys.sign_count"))?,
            user_verified: self.user_verified,
            backup_eligible: self.backup_eligible,
            signs_in_alone: self.signs_in_alone,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(Pg))]
struct KeyRow {
    id: Uuid,
    user_handle: Option<Vec<u8>>,
    algorithm: i32,
    public_key: Vec<u8>,
    backup_eligible: Option<bool>,
    name: String,
    last_challenge_at: DateTime<Utc>,
}

impl KeyRow {
    fn into_stored(self) -> Result<StoredPasskey, StoreError> {
        let user_handle = match self.user_handle {
            None => KnownHandle::UserId,
            Some(bytes) if bytes == UNKNOWN_HANDLE => KnownHandle::Unknown,
            Some(bytes) => UserHandle::from_bytes(bytes)
                .map(KnownHandle::Given)
                .ok_or(StoreError::Corrupt("passkeys.user_handle"))?,
        };
        Ok(StoredPasskey {
            id: PasskeyId::from_uuid(self.id),
            user_handle,
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
