//! The `users` table.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::users;
use super::usernames::{self, ClaimedUsername, Claims};
use crate::crypto::hasher::StoredPassword;
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::message::Locale;
use crate::domain::user::{AccountNames, Identifier, User};
use crate::domain::username::Username;

/// The scheme of an account whose password was taken away.
const NO_PASSWORD: &str = "none";

/// What became of an attempt to make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// It was made.
    Inserted,
    /// Another account has the address.
    EmailTaken,
}

/// What a login needs to know of an account.
pub struct LoginUser {
    /// Whose it is.
    pub user: User,
    /// The hash to check the password against, if the account has a password that is not disabled.
    pub password: Option<StoredPassword>,
    /// When that password was set; marks the sessions opened with it.
    pub password_changed_at: DateTime<Utc>,
    /// Tells that password from those before and after it.
    pub password_version: i32,
    /// Whether the account may be used.
    pub active: bool,
}

/// What a new account is found by.
pub struct NewNames<'a> {
    /// Where its owner is reached.
    pub email: Option<&'a Email>,
    /// The name that was claimed for it.
    pub username: Option<&'a ClaimedUsername>,
}

/// Makes an account unless its address is taken. Of two at once, the database lets one win.
pub fn insert(
    connection: &mut PgConnection,
    id: UserId,
    names: &NewNames<'_>,
    password: &StoredPassword,
    locale: Locale,
    now: DateTime<Utc>,
) -> Result<Insertion, StoreError> {
    let inserted = diesel::insert_into(users::table)
        .values((
            users::id.eq(id.uuid()),
            users::email.eq(names.email.map(Email::as_str)),
            users::username.eq(names.username.map(ClaimedUsername::as_str)),
            users::password_scheme.eq(&password.scheme),
            users::password_key_id.eq(i16::from(password.key_id)),
            users::password_hash.eq(&password.hash),
            users::password_changed_at.eq(now),
            users::created_at.eq(now),
            users::locale.eq(locale.as_str()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    // The name was claimed, so that only the address can be another account's.
    Ok(if inserted == 1 {
        Insertion::Inserted
    } else {
        Insertion::EmailTaken
    })
}

/// Finds the account that a login names.
pub fn find_for_login(connection: &mut PgConnection, identifier: &Identifier) -> Result<Option<LoginUser>, StoreError> {
    let mut query = users::table.select(LoginRow::as_select()).into_boxed();
    query = match identifier {
        Identifier::Email(email) => query.filter(users::email.eq(email.as_str())),
        Identifier::Username(username) => query.filter(users::username.eq(username.as_str())),
    };
    let row = query.first(connection).optional()?;
    row.map(LoginRow::into_login_user).transpose()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Pg))]
struct LoginRow {
    #[diesel(embed)]
    user: UserRow,
    password_scheme: String,
    password_key_id: i16,
    password_hash: String,
    password_changed_at: DateTime<Utc>,
    password_disabled_at: Option<DateTime<Utc>>,
    password_version: i32,
    status: String,
}

impl LoginRow {
    fn into_login_user(self) -> Result<LoginUser, StoreError> {
        Ok(LoginUser {
            user: self.user.into(),
            password: is_usable(&self.password_scheme, self.password_disabled_at).then_some(StoredPassword {
                scheme: self.password_scheme,
                key_id: u8::try_from(self.password_key_id)
                    .map_err(|_out_of_range| StoreError::Corrupt("users.password_key_id"))?,
                hash: self.password_hash,
            }),
            password_changed_at: self.password_changed_at,
            password_version: self.password_version,
            active: self.status == "active",
        })
    }
}

fn is_usable(scheme: &str, disabled_at: Option<DateTime<Utc>>) -> bool {
    scheme != NO_PASSWORD && disabled_at.is_none()
}

/// Holds an account, if there is one, for the rest of the transaction.
pub fn lock_user(connection: &mut PgConnection, id: Option<UserId>) -> Result<(), StoreError> {
    // The nil id is nobody's: a name that nobody has costs the same statement.
    let row = users::table.find(id.map_or_else(Uuid::nil, UserId::uuid));
    let _found: Option<Uuid> = row.select(users::id).for_no_key_update().first(connection).optional()?;
    Ok(())
}

/// Counts a wrong password of an account that has one which is not disabled, and holds the account. Returns which it is, and
/// how many there were in a row.
pub fn count_wrong_password(
    connection: &mut PgConnection,
    id: Option<UserId>,
) -> Result<Option<(UserId, i32)>, StoreError> {
    let guessed = users::table
        // The nil id is nobody's.
        .filter(users::id.eq(id.map_or_else(Uuid::nil, UserId::uuid)))
        .filter(users::status.eq("active"))
        .filter(users::password_scheme.ne(NO_PASSWORD))
        .filter(users::password_disabled_at.is_null());
    let counted: Option<(Uuid, i32)> = diesel::update(guessed)
        .set(users::failed_passwords.eq(users::failed_passwords + 1))
        .returning((users::id, users::failed_passwords))
        .get_result(connection)
        .optional()?;
    Ok(counted.map(|(id, in_a_row)| (UserId::from_uuid(id), in_a_row)))
}

/// Disables a password until a new one is set. Returns whether this was what did.
pub fn disable_password(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let enabled = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::password_disabled_at.is_null());
    Ok(diesel::update(enabled)
        .set(users::password_disabled_at.eq(now))
        .execute(connection)?
        == 1)
}

/// Lets a password count again that was disabled, from no wrong ones on.
pub fn enable_password(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::failed_passwords.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Forgets wrong passwords after a right one. Returns whether there were any.
pub fn reset_password_failures(connection: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    let guessed = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::failed_passwords.gt(0));
    Ok(diesel::update(guessed)
        .set(users::failed_passwords.eq(0))
        .execute(connection)?
        == 1)
}

/// Writes down the wrong second factors in a row of an account that the caller holds.
pub fn set_failed_codes(connection: &mut PgConnection, id: UserId, in_a_row: i32) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::failed_codes.eq(in_a_row))
        .execute(connection)?;
    Ok(())
}

/// Disables the second factors of an account but for recovery codes. Returns whether this was what did.
pub fn disable_codes(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let enabled = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::codes_disabled_at.is_null());
    Ok(diesel::update(enabled)
        .set(users::codes_disabled_at.eq(now))
        .execute(connection)?
        == 1)
}

/// Lets the second factors of an account count again, from no wrong ones on.
pub fn enable_codes(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::failed_codes.eq(0),
            users::codes_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Finds what a login needs to know of an account that may be used.
pub fn find_login(connection: &mut PgConnection, id: UserId) -> Result<Option<LoginUser>, StoreError> {
    let row = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq("active"))
        .select(LoginRow::as_select())
        .first(connection)
        .optional()?;
    row.map(LoginRow::into_login_user).transpose()
}

/// Finds what a login needs to know of an account that may be used, and holds the account still for the rest of the
/// transaction.
pub fn find_login_for_update(connection: &mut PgConnection, id: UserId) -> Result<Option<LoginUser>, StoreError> {
    let row = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq("active"))
        .select(LoginRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    row.map(LoginRow::into_login_user).transpose()
}

/// Finds the account with an address that may be used.
pub fn find_active_by_email(connection: &mut PgConnection, email: &Email) -> Result<Option<User>, StoreError> {
    let found = users::table
        .filter(users::email.eq(email.as_str()))
        .filter(users::status.eq("active"))
        .select(UserRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.map(User::from))
}

/// Sets the password of an account. Every pending session dies with the old one, and so does what was counted of guesses at
/// it.
pub fn set_password(
    connection: &mut PgConnection,
    id: UserId,
    password: &StoredPassword,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::password_scheme.eq(&password.scheme),
            users::password_key_id.eq(i16::from(password.key_id)),
            users::password_hash.eq(&password.hash),
            users::password_changed_at.eq(now),
            users::password_version.eq(users::password_version + 1),
            users::failed_passwords.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Takes the password of an account away: none fits until a new one is set.
pub fn remove_password(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::password_scheme.eq(NO_PASSWORD),
            users::password_hash.eq(""),
            users::password_changed_at.eq(now),
            users::password_version.eq(users::password_version + 1),
            users::failed_passwords.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// What became of the wish for another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Renaming {
    /// It is the account's.
    Renamed,
    /// Another account has it.
    Taken,
}

/// Gives an account an address that its owner has proven to be theirs.
pub fn set_verified_email(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<Renaming, StoreError> {
    // Looked at first, and under the unique constraint: a violation would end the transaction that consumes the token.
    let others = users::table
        .filter(users::email.eq(email.as_str()))
        .filter(users::id.ne(id.uuid()));
    if diesel::select(exists(others)).get_result(connection)? {
        return Ok(Renaming::Taken);
    }
    diesel::update(users::table.find(id.uuid()))
        .set((users::email.eq(email.as_str()), users::email_verified_at.eq(now)))
        .execute(connection)?;
    Ok(Renaming::Renamed)
}

/// Gives an account the name that was claimed for it. The name that it had rests from then on.
pub fn rename(
    connection: &mut PgConnection,
    id: UserId,
    username: &ClaimedUsername,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    usernames::release(connection, id, now)?;
    diesel::update(users::table.find(id.uuid()))
        .set(users::username.eq(username.as_str()))
        .execute(connection)?;
    Ok(())
}

/// Sets the language of an account's messages.
pub fn set_locale(connection: &mut PgConnection, id: UserId, locale: Locale) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::locale.eq(locale.as_str()))
        .execute(connection)?;
    Ok(())
}

/// Deletes an account and everything that belongs to it but the audit trail. Its name rests from then on.
pub fn delete(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    usernames::release(connection, id, now)?;
    diesel::delete(users::table.find(id.uuid())).execute(connection)?;
    Ok(())
}

/// The columns that make a [`User`]; other tables' files join them to theirs.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Pg))]
pub(super) struct UserRow {
    id: Uuid,
    email: Option<String>,
    email_verified_at: Option<DateTime<Utc>>,
    username: Option<String>,
    roles: Vec<String>,
    created_at: DateTime<Utc>,
    locale: String,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId::from_uuid(row.id),
            email: row.email.map(Email::from_stored),
            email_verified_at: row.email_verified_at,
            username: row.username.map(Username::from_stored),
            roles: row.roles,
            created_at: row.created_at,
            // A language that a newer release knows is written in English until this one is gone.
            locale: Locale::of_tag(&row.locale).unwrap_or_default(),
        }
    }
}

/// Finds an account that may be used, and holds it still for the rest of the transaction: what counts or bounds things
/// of one user is then right however many requests there are at once.
pub fn find_active_for_update(connection: &mut PgConnection, id: UserId) -> Result<Option<LockedUser>, StoreError> {
    let found: Option<(UserRow, GuardRow)> = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq("active"))
        .select((UserRow::as_select(), GuardRow::as_select()))
        // Not against the references of new sessions, which only need the row to stay.
        .for_no_key_update()
        .first(connection)
        .optional()?;
    Ok(found.map(LockedUser::from))
}

/// An account whose row is held for the rest of the transaction.
pub struct LockedUser {
    /// The account.
    pub user: User,
    /// Its wrong second factors in a row, however long ago.
    pub failed_codes: i32,
    /// Whether none but recovery codes are looked at.
    pub codes_disabled: bool,
    /// The version of its password, if there is one that is not disabled.
    pub usable_password: Option<i32>,
}

impl From<(UserRow, GuardRow)> for LockedUser {
    fn from((user, guard): (UserRow, GuardRow)) -> Self {
        Self {
            user: user.into(),
            failed_codes: guard.failed_codes,
            codes_disabled: guard.codes_disabled_at.is_some(),
            usable_password: is_usable(&guard.password_scheme, guard.password_disabled_at)
                .then_some(guard.password_version),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Pg))]
struct GuardRow {
    failed_codes: i32,
    codes_disabled_at: Option<DateTime<Utc>>,
    password_scheme: String,
    password_version: i32,
    password_disabled_at: Option<DateTime<Utc>>,
}

/// Notes an account's first sign-in, once. Returns whether this was it.
pub fn note_first_sign_in(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let never = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::first_signed_in_at.is_null());
    let noted = diesel::update(never)
        .set(users::first_signed_in_at.eq(now))
        .execute(connection)?;
    Ok(noted == 1)
}

/// Which proofs of an account are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsableProofs {
    /// Whether it has a password that is not disabled.
    pub password: bool,
    /// Whether codes other than recovery codes are looked at.
    pub codes: bool,
}

/// Finds which proofs of an account are looked at; none of one that may not be used.
pub fn usable_proofs(connection: &mut PgConnection, id: UserId) -> Result<UsableProofs, StoreError> {
    let found: Option<GuardRow> = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq("active"))
        .select(GuardRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.map_or_else(UsableProofs::default, |guard| UsableProofs {
        password: is_usable(&guard.password_scheme, guard.password_disabled_at),
        codes: guard.codes_disabled_at.is_none(),
    }))
}

/// Finds an account that may be used.
pub fn find_active(connection: &mut PgConnection, id: UserId) -> Result<Option<User>, StoreError> {
    let found = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq("active"))
        .select(UserRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.map(User::from))
}

/// Asks the database for the least answer that proves that it works, and takes changes: nothing is served without some.
///
/// # Errors
///
/// Returns faults of the database only, among them [`StoreError::Unavailable`] for one that takes no changes.
pub fn probe(connection: &mut PgConnection) -> Result<(), StoreError> {
    users::table.select(users::id).limit(0).load::<Uuid>(connection)?;
    let setting = diesel::dsl::sql::<Bool>("current_setting('transaction_read_only')::bool");
    if diesel::select(setting).get_result(connection)? {
        let why = "it takes no changes, for it is a standby or set to read only";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    Ok(())
}

/// Puts a new hash of the same password in the place of the old one. What was opened with that password stays open. `false`:
/// the password was changed meanwhile, or somebody else was first.
pub fn renew_password(
    connection: &mut PgConnection,
    id: UserId,
    old: &StoredPassword,
    new: &StoredPassword,
) -> Result<bool, StoreError> {
    let unchanged = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::password_hash.eq(&old.hash));
    let updated = diesel::update(unchanged)
        .set((
            users::password_scheme.eq(&new.scheme),
            users::password_key_id.eq(i16::from(new.key_id)),
            users::password_hash.eq(&new.hash),
        ))
        .execute(connection)?;
    Ok(updated == 1)
}

/// An account that was made elsewhere.
pub struct NewUser {
    /// Names it.
    pub id: UserId,
    /// What it is found by.
    pub names: AccountNames,
    /// Whether the address is known to be its owner's.
    pub email_verified: bool,
    /// The hash to check the password against.
    pub password: StoredPassword,
    /// Granted by operators.
    pub roles: Vec<String>,
    /// The language of messages.
    pub locale: Locale,
    /// When it was made there.
    pub created_at: DateTime<Utc>,
}

/// Makes accounts, but for those of which a name is taken or was not claimed. Returns those made.
pub fn insert_many(
    connection: &mut PgConnection,
    new: &[&NewUser],
    claims: &Claims,
    now: DateTime<Utc>,
) -> Result<Vec<UserId>, StoreError> {
    let is_claimed = |user: &&&NewUser| user.names.username.as_ref().is_none_or(|name| claims.allow(name));
    let rows: Vec<_> = new
        .iter()
        .filter(is_claimed)
        .map(|user| {
            (
                users::id.eq(user.id.uuid()),
                users::email.eq(user.names.email.as_ref().map(Email::as_str)),
                users::email_verified_at.eq(user.email_verified.then_some(now)),
                users::username.eq(user.names.username.as_ref().map(Username::as_str)),
                users::password_scheme.eq(&user.password.scheme),
                users::password_key_id.eq(i16::from(user.password.key_id)),
                users::password_hash.eq(&user.password.hash),
                users::password_changed_at.eq(now),
                users::roles.eq(&user.roles),
                users::created_at.eq(user.created_at),
                users::locale.eq(user.locale.as_str()),
            )
        })
        .collect();
    let made: Vec<Uuid> = diesel::insert_into(users::table)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(users::id)
        .get_results(connection)?;
    Ok(made.into_iter().map(UserId::from_uuid).collect())
}

/// Finds the names of the accounts that have one of these.
pub fn find_names(
    connection: &mut PgConnection,
    emails: &[&str],
    usernames: &[&str],
) -> Result<Vec<AccountNames>, StoreError> {
    let found: Vec<(Option<String>, Option<String>)> = users::table
        .filter(
            users::email
                .assume_not_null()
                .eq_any(emails)
                .or(users::username.assume_not_null().eq_any(usernames)),
        )
        .select((users::email, users::username))
        .load(connection)?;
    let names = |(email, username): (Option<String>, Option<String>)| AccountNames {
        email: email.map(Email::from_stored),
        username: username.map(Username::from_stored),
    };
    Ok(found.into_iter().map(names).collect())
}
