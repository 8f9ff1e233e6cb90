//! The `users` table.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Nullable, Timestamptz};
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::account_names::{self, Insertion};
use super::error::StoreError;
use super::schema::{identities, passkeys, users};
use crate::crypto::stored_password::StoredPassword;
use crate::domain::account_event::{ToldAccount, ToldNames};
use crate::domain::app_claims::AppClaims;
use crate::domain::email::Email;
use crate::domain::failed_attempts::{Consecutive, Guesser, strangers_are_refused};
use crate::domain::ids::UserId;
use crate::domain::message::Locale;
use crate::domain::policy::numbers::{MAX_FAILURES_OF_STRANGERS, USERNAME_RESERVED_FOR};
use crate::domain::user::{AccountNames, Identifier, User, UserStatus};
use crate::domain::username::Username;

/// The scheme of an account without a password.
pub(super) const NO_PASSWORD: &str = "none";

/// The account data that a login needs.
pub struct LoginUser {
    /// The account.
    pub user: User,
    /// The hash to check the password against, if the account has a password and it is not disabled.
    pub password: Option<StoredPassword>,
    /// When that password was set. Pending sessions are valid for the password they were opened with.
    pub password_changed_at: DateTime<Utc>,
    /// Counts the account's passwords, to distinguish this one from earlier and later ones.
    pub password_version: i32,
    /// Whether the account may be used.
    pub active: bool,
    /// Whether only recovery codes are accepted as second factors.
    pub codes_disabled: bool,
    /// Which of its proofs are refused to strangers.
    pub refused_to_strangers: RefusedToStrangers,
}

impl LoginUser {
    /// Returns whether a password is checked that this guesser gives.
    pub fn accepts_password_of(&self, guesser: Guesser) -> bool {
        guesser == Guesser::Known || !self.refused_to_strangers.password
    }
}

/// Which proofs of an account are accepted from known networks only, after too many wrong ones from others.
#[derive(Clone, Copy, Debug)]
pub struct RefusedToStrangers {
    /// The password.
    pub password: bool,
    /// Second factors that can be guessed.
    pub codes: bool,
}

impl RefusedToStrangers {
    const fn after(failed_passwords: i32, failed_codes: i32) -> Self {
        Self {
            password: strangers_are_refused(failed_passwords),
            codes: strangers_are_refused(failed_codes),
        }
    }
}

/// Creates an account, with a password or without, unless one of its names is taken. Of several concurrent calls one
/// succeeds.
pub fn insert(
    connection: &mut PgConnection,
    user: &User,
    password: Option<&StoredPassword>,
    now: DateTime<Utc>,
) -> Result<Insertion, StoreError> {
    let names = AccountNames {
        email: user.email.clone(),
        username: user.username.clone(),
    };
    let claimed = account_names::claim(connection, &names, user.id, now)?;
    if claimed != Insertion::Inserted {
        return Ok(claimed);
    }
    diesel::insert_into(users::table)
        .values((
            users::id.eq(user.id.uuid()),
            users::email.eq(user.email.as_ref().map(Email::as_str)),
            users::username.eq(user.username.as_ref().map(Username::as_str)),
            users::password_scheme.eq(password.map_or(NO_PASSWORD, |password| &password.scheme)),
            users::password_key_id.eq(password.map_or(0, |password| i16::from(password.key_id))),
            users::password_hash.eq(password.map_or("", |password| &password.hash)),
            users::password_changed_at.eq(now),
            users::roles.eq(&user.roles),
            users::created_at.eq(now),
            users::locale.eq(user.locale.as_str()),
            users::claims.eq(&user.claims),
        ))
        .execute(connection)?;
    Ok(Insertion::Inserted)
}

/// Finds the account with the identifier of a login.
pub fn find_for_login(connection: &mut PgConnection, identifier: &Identifier) -> Result<Option<LoginUser>, StoreError> {
    let row: Option<LoginRow> = users::table
        .find(account_names::holder(connection, identifier)?)
        .select(LoginRow::as_select())
        .first(connection)
        .optional()?;
    let found = row.map(LoginRow::into_login_user).transpose()?;
    // The account may have given the name up between the two statements.
    Ok(found.filter(|found| found.user.has_name(identifier)))
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
    codes_disabled_at: Option<DateTime<Utc>>,
    failed_passwords_of_strangers: i32,
    failed_codes_of_strangers: i32,
    status: UserStatus,
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
            active: self.status == UserStatus::Active,
            codes_disabled: self.codes_disabled_at.is_some(),
            refused_to_strangers: RefusedToStrangers::after(
                self.failed_passwords_of_strangers,
                self.failed_codes_of_strangers,
            ),
        })
    }
}

fn is_usable(scheme: &str, disabled_at: Option<DateTime<Utc>>) -> bool {
    scheme != NO_PASSWORD && disabled_at.is_none()
}

/// Finds the account that has a name. If there is none, returns the nil id, which no account has: the caller then runs
/// the same statements, so that the response takes the same time.
pub fn holder(connection: &mut PgConnection, name: &Identifier) -> Result<UserId, StoreError> {
    Ok(UserId::from_uuid(account_names::holder(connection, name)?))
}

/// Locks an account, if there is one, for the rest of the transaction.
pub fn lock_user(connection: &mut PgConnection, id: Option<UserId>) -> Result<(), StoreError> {
    // No account has the nil id: for an unknown identifier the same statement runs, so that it takes the same time.
    let row = users::table.find(id.map_or_else(Uuid::nil, UserId::uuid));
    let _found: Option<Uuid> = row.select(users::id).for_no_key_update().first(connection).optional()?;
    Ok(())
}

/// Counts a wrong password of an active account whose password is accepted from this guesser, and locks the account.
/// Returns its id and its consecutive failures.
pub fn count_wrong_password(
    connection: &mut PgConnection,
    id: Option<UserId>,
    guesser: Guesser,
) -> Result<Option<(UserId, Consecutive)>, StoreError> {
    let (one, most) = match guesser {
        Guesser::Known => (0, i32::MAX),
        Guesser::Stranger => (1, MAX_FAILURES_OF_STRANGERS),
    };
    let guessed = users::table
        // No account has the nil id.
        .filter(users::id.eq(id.map_or_else(Uuid::nil, UserId::uuid)))
        .filter(users::status.eq(UserStatus::Active))
        .filter(users::password_scheme.ne(NO_PASSWORD))
        .filter(users::password_disabled_at.is_null())
        .filter(users::failed_passwords_of_strangers.lt(most));
    let counted: Option<(Uuid, i32, i32)> = diesel::update(guessed)
        .set((
            users::failed_passwords.eq(users::failed_passwords + 1),
            users::failed_passwords_of_strangers.eq(users::failed_passwords_of_strangers + one),
        ))
        .returning((users::id, users::failed_passwords, users::failed_passwords_of_strangers))
        .get_result(connection)
        .optional()?;
    Ok(counted.map(|(id, all, of_strangers)| (UserId::from_uuid(id), Consecutive { all, of_strangers })))
}

/// Disables a password until a new one is set. Returns whether this call did.
pub fn disable_password(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let enabled = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::password_disabled_at.is_null());
    Ok(diesel::update(enabled)
        .set(users::password_disabled_at.eq(now))
        .execute(connection)?
        == 1)
}

/// Enables a disabled password again and resets its failures.
pub fn enable_password(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::failed_passwords.eq(0),
            users::failed_passwords_of_strangers.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Resets the password failures after a right password. Returns whether there were any.
pub fn reset_password_failures(connection: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    let guessed = users::table
        .filter(users::id.eq(id.uuid()))
        // A release that knows only one of the counts may have reset it alone.
        .filter(
            users::failed_passwords
                .gt(0)
                .or(users::failed_passwords_of_strangers.gt(0)),
        );
    Ok(diesel::update(guessed)
        .set((
            users::failed_passwords.eq(0),
            users::failed_passwords_of_strangers.eq(0),
        ))
        .execute(connection)?
        == 1)
}

/// Stores the number of consecutive wrong second factors of an account that the caller has locked.
pub fn set_failed_codes(connection: &mut PgConnection, id: UserId, failed: Consecutive) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::failed_codes.eq(failed.all),
            users::failed_codes_of_strangers.eq(failed.of_strangers),
        ))
        .execute(connection)?;
    Ok(())
}

/// Disables the second factors of an account, except for recovery codes. Returns whether this call did.
pub fn disable_codes(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let enabled = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::codes_disabled_at.is_null());
    Ok(diesel::update(enabled)
        .set(users::codes_disabled_at.eq(now))
        .execute(connection)?
        == 1)
}

/// Enables the second factors of an account again and resets their failures.
pub fn enable_codes(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::failed_codes.eq(0),
            users::failed_codes_of_strangers.eq(0),
            users::codes_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Begins another epoch of an account: no device that was trusted before counts any longer.
pub fn raise_factor_epoch(connection: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::factor_epoch.eq(users::factor_epoch + 1))
        .execute(connection)?;
    Ok(())
}

/// Finds the login data of an active account.
pub fn find_login(connection: &mut PgConnection, id: UserId) -> Result<Option<LoginUser>, StoreError> {
    let row = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq(UserStatus::Active))
        .select(LoginRow::as_select())
        .first(connection)
        .optional()?;
    row.map(LoginRow::into_login_user).transpose()
}

/// Finds the login data of an active account and locks the account for the rest of the transaction.
pub fn find_login_for_update(connection: &mut PgConnection, id: UserId) -> Result<Option<LoginUser>, StoreError> {
    let row = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq(UserStatus::Active))
        .select(LoginRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    row.map(LoginRow::into_login_user).transpose()
}

/// Finds the active account with an address.
pub fn find_active_by_email(connection: &mut PgConnection, email: &Email) -> Result<Option<User>, StoreError> {
    let identifier = Identifier::Email(email.clone());
    let found = users::table
        .filter(users::id.eq(account_names::holder(connection, &identifier)?))
        .filter(users::status.eq(UserStatus::Active))
        .select(UserRow::as_select())
        .first(connection)
        .optional()?;
    // The account may have given the address up between the two statements.
    Ok(found.map(User::from).filter(|user| user.has_name(&identifier)))
}

/// Sets the password of an account. Pending sessions of the old password become invalid, and its failures are reset.
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
            users::failed_passwords_of_strangers.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Removes the password of an account: no password is accepted until a new one is set.
pub fn remove_password(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::password_scheme.eq(NO_PASSWORD),
            users::password_hash.eq(""),
            users::password_changed_at.eq(now),
            users::password_version.eq(users::password_version + 1),
            users::failed_passwords.eq(0),
            users::failed_passwords_of_strangers.eq(0),
            users::password_disabled_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?;
    Ok(())
}

/// The result of changing a name or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Renaming {
    /// The account has it now.
    Renamed,
    /// Another account has it.
    Taken,
}

/// Sets an address that the owner of the account has verified. Any account may have its previous address from then on.
pub fn set_verified_email(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<Renaming, StoreError> {
    let (previous, _) = lock_names(connection, id)?;
    if previous.as_deref() != Some(email.as_str()) {
        if !account_names::claim_name(connection, email.as_str(), id, now)? {
            return Ok(Renaming::Taken);
        }
        if let Some(previous) = previous {
            account_names::remove(connection, &previous, id)?;
        }
    }
    diesel::update(users::table.find(id.uuid()))
        .set((
            users::email.eq(email.as_str()),
            users::email_verified_at.eq(now),
            change(now),
        ))
        .execute(connection)?;
    Ok(Renaming::Renamed)
}

/// The result of taking an address from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Loss {
    /// The account no longer has it.
    Lost,
    /// The account has verified it, or has another one.
    Kept,
    /// Another account has the spare name.
    NameTaken,
}

/// Takes an address from an account that has not verified it: any account may have it from then on. An account without
/// a user name gets a spare one, since every account has a name.
pub fn lose_email(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
    spare: &Username,
    now: DateTime<Utc>,
) -> Result<Loss, StoreError> {
    let (_, username) = lock_names(connection, id)?;
    let unverified = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::email.eq(email.as_str()))
        .filter(users::email_verified_at.is_null());
    let name = username.as_deref().unwrap_or(spare.as_str());
    if username.is_none() && !account_names::claim_name(connection, name, id, now)? {
        return Ok(Loss::NameTaken);
    }
    let lost = diesel::update(unverified)
        .set((users::email.eq(None::<String>), users::username.eq(name), change(now)))
        .execute(connection)?;
    let given_up = if lost == 1 {
        Some(email.as_str())
    } else {
        username.is_none().then_some(name)
    };
    if let Some(given_up) = given_up {
        account_names::remove(connection, given_up, id)?;
    }
    Ok(if lost == 1 { Loss::Lost } else { Loss::Kept })
}

/// Gives an account another user name. Its previous name is reserved from then on.
pub fn rename(
    connection: &mut PgConnection,
    id: UserId,
    username: &Username,
    now: DateTime<Utc>,
) -> Result<Renaming, StoreError> {
    let (_, previous) = lock_names(connection, id)?;
    if !account_names::claim_name(connection, username.as_str(), id, now)? {
        return Ok(Renaming::Taken);
    }
    if let Some(previous) = previous.filter(|previous| previous != username.as_str()) {
        account_names::reserve(connection, &previous, id, now + USERNAME_RESERVED_FOR)?;
    }
    diesel::update(users::table.find(id.uuid()))
        .set((users::username.eq(username.as_str()), change(now)))
        .execute(connection)?;
    Ok(Renaming::Renamed)
}

/// Notes when an account got other names or another status. The time is later than that of the change before: requests
/// read their time before they wait for the lock of the account, and the clocks of instances differ.
pub(super) fn change(now: DateTime<Utc>) -> impl AsChangeset<Target = users::table, Changeset: QueryFragment<Pg>> {
    let changed_at =
        sql::<Nullable<Timestamptz>>("GREATEST(COALESCE(changed_at, created_at) + interval '1 microsecond', ");
    users::changed_at.eq(changed_at.bind::<Timestamptz, _>(now).sql(")"))
}

/// Returns what messages to webhooks tell of an account.
pub fn told(connection: &mut PgConnection, id: UserId) -> Result<Option<ToldAccount>, StoreError> {
    let found: Option<(UserRow, UserStatus, Option<DateTime<Utc>>)> = users::table
        .find(id.uuid())
        .select((UserRow::as_select(), users::status, users::changed_at))
        .first(connection)
        .optional()?;
    Ok(found.map(|(row, status, changed_at)| {
        let user = User::from(row);
        ToldAccount {
            disabled: status == UserStatus::Disabled,
            changed_at: changed_at.unwrap_or(user.created_at),
            names: Some(ToldNames::from(&user)),
        }
    }))
}

/// Returns the address and the user name of an account, and locks the account so that they stay the same.
fn lock_names(connection: &mut PgConnection, id: UserId) -> Result<(Option<String>, Option<String>), StoreError> {
    let names = users::table
        .find(id.uuid())
        .select((users::email, users::username))
        .for_no_key_update()
        .first(connection)
        .optional()?;
    Ok(names.unwrap_or_default())
}

/// Sets the language of an account's messages.
pub fn set_locale(connection: &mut PgConnection, id: UserId, locale: Locale) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::locale.eq(locale.as_str()))
        .execute(connection)?;
    Ok(())
}

/// Deletes an account and everything that belongs to it, except for the audit trail. Its user name is reserved from
/// then on.
pub fn delete(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (email, username) = lock_names(connection, id)?;
    // Their user handles have rows that no foreign key removes.
    super::passkeys::remove_all(connection, id)?;
    // So have the names of identities.
    super::identities::remove_all(connection, id)?;
    let reserved_until = now + USERNAME_RESERVED_FOR;
    account_names::release(connection, email.as_deref(), username.as_deref(), id, reserved_until)?;
    diesel::delete(users::table.find(id.uuid())).execute(connection)?;
    Ok(())
}

/// Deletes an account that has no way in, and frees its names at once: it was never used. Returns whether it was deleted.
pub fn delete_without_way_in(connection: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    // Locked by a statement of its own: the next one must see what a transaction that held the lock has written.
    let (email, username) = lock_names(connection, id)?;
    let has_passkey = passkeys::table.filter(passkeys::user_id.eq(id.uuid()));
    let has_identity = identities::table.filter(identities::user_id.eq(id.uuid()));
    let unused = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::password_scheme.eq(NO_PASSWORD))
        .filter(users::email_verified_at.is_null())
        .filter(users::first_signed_in_at.is_null())
        .filter(not(exists(has_passkey)))
        .filter(not(exists(has_identity)));
    if diesel::delete(unused).execute(connection)? == 0 {
        return Ok(false);
    }
    let mut freed: Vec<String> = email.into_iter().chain(username).collect();
    // In the order in which a registration claims them.
    freed.sort_unstable();
    for name in freed {
        account_names::remove(connection, &name, id)?;
    }
    Ok(true)
}

/// The columns of a [`User`]. The files of other tables join them to theirs.
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
    password_scheme: String,
    claims: AppClaims,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId::from_uuid(row.id),
            email: row.email.map(Email::from_stored),
            email_verified_at: row.email_verified_at,
            username: row.username.map(Username::from_stored),
            roles: row.roles,
            claims: row.claims,
            created_at: row.created_at,
            has_password: row.password_scheme != NO_PASSWORD,
            // A language that only a newer release knows falls back to English until that release writes it again.
            locale: Locale::of_tag(&row.locale).unwrap_or_default(),
        }
    }
}

/// Finds an active account and locks it for the rest of the transaction, so that counts and limits per user are right
/// however many requests arrive at once.
pub fn find_active_for_update(connection: &mut PgConnection, id: UserId) -> Result<Option<LockedUser>, StoreError> {
    let found: Option<(UserRow, GuardRow)> = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq(UserStatus::Active))
        .select((UserRow::as_select(), GuardRow::as_select()))
        // Does not conflict with the foreign keys of new sessions, which only need the row to stay.
        .for_no_key_update()
        .first(connection)
        .optional()?;
    Ok(found.map(LockedUser::from))
}

/// An account whose row is locked for the rest of the transaction.
pub struct LockedUser {
    /// The account.
    pub user: User,
    /// Its consecutive wrong second factors, however long ago.
    pub failed_codes: Consecutive,
    /// Whether only recovery codes are accepted.
    pub codes_disabled: bool,
    /// Whether only recovery codes are accepted from networks that the owner is not known by.
    pub codes_refused_to_strangers: bool,
    /// The version of its password, if there is one that is not disabled.
    pub usable_password: Option<i32>,
}

impl From<(UserRow, GuardRow)> for LockedUser {
    fn from((user, guard): (UserRow, GuardRow)) -> Self {
        Self {
            user: user.into(),
            failed_codes: Consecutive {
                all: guard.failed_codes,
                of_strangers: guard.failed_codes_of_strangers,
            },
            codes_refused_to_strangers: strangers_are_refused(guard.failed_codes_of_strangers),
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
    failed_codes_of_strangers: i32,
    codes_disabled_at: Option<DateTime<Utc>>,
    password_scheme: String,
    password_version: i32,
    password_disabled_at: Option<DateTime<Utc>>,
}

/// Records an account's first sign-in, once. Returns whether this call did.
pub fn note_first_sign_in(connection: &mut PgConnection, id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let never = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::first_signed_in_at.is_null());
    let noted = diesel::update(never)
        .set(users::first_signed_in_at.eq(now))
        .execute(connection)?;
    Ok(noted == 1)
}

/// Which proofs of an account are accepted.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsableProofs {
    /// Whether it has a password that is not disabled.
    pub password: bool,
    /// Whether codes other than recovery codes are accepted.
    pub codes: bool,
}

/// Returns which proofs of an account are accepted; none if the account is not active.
pub fn usable_proofs(connection: &mut PgConnection, id: UserId) -> Result<UsableProofs, StoreError> {
    let found: Option<GuardRow> = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq(UserStatus::Active))
        .select(GuardRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.map_or_else(UsableProofs::default, |guard| UsableProofs {
        password: is_usable(&guard.password_scheme, guard.password_disabled_at),
        codes: guard.codes_disabled_at.is_none(),
    }))
}

/// Finds an active account.
pub fn find_active(connection: &mut PgConnection, id: UserId) -> Result<Option<User>, StoreError> {
    let found = users::table
        .filter(users::id.eq(id.uuid()))
        .filter(users::status.eq(UserStatus::Active))
        .select(UserRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.map(User::from))
}

/// Replaces the hash of a password with a new hash of the same password. Sessions stay valid. Returns `false` if the
/// password was changed, or its hash replaced, since it was read.
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

/// An account that was created in another system.
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// Its identifiers.
    pub names: AccountNames,
    /// Whether its address is known to be verified.
    pub email_verified: bool,
    /// The hash to check the password against; none for an account without one.
    pub password: Option<StoredPassword>,
    /// Granted by operators.
    pub roles: Vec<String>,
    /// Set by operators.
    pub claims: AppClaims,
    /// The language of messages.
    pub locale: Locale,
    /// When it was created in the other system.
    pub created_at: DateTime<Utc>,
}

/// Creates accounts, except for those of which a name is taken or reserved. Returns the accounts that were created. No
/// name is given twice.
pub fn insert_many(
    connection: &mut PgConnection,
    new: &[&NewUser],
    now: DateTime<Utc>,
) -> Result<Vec<UserId>, StoreError> {
    let mut names: Vec<_> = new
        .iter()
        .flat_map(|user| user.names.iter().map(|name| (name, user.id)))
        .collect();
    // In one order everywhere, so that two transactions that claim the same names cannot deadlock.
    names.sort_unstable_by_key(|(name, _)| *name);
    let claimed = account_names::claim_many(connection, &names, now)?;
    let (made, refused): (Vec<&NewUser>, Vec<&NewUser>) = new
        .iter()
        .partition(|user| user.names.iter().all(|name| claimed.contains(name)));
    for user in refused {
        let names: Vec<&str> = user.names.iter().collect();
        account_names::give_back(connection, &names, user.id)?;
    }
    let rows: Vec<_> = made
        .iter()
        .map(|user| {
            let password = user.password.as_ref();
            (
                users::id.eq(user.id.uuid()),
                users::email.eq(user.names.email.as_ref().map(Email::as_str)),
                users::email_verified_at.eq(user.email_verified.then_some(now)),
                users::username.eq(user.names.username.as_ref().map(Username::as_str)),
                users::password_scheme.eq(password.map_or(NO_PASSWORD, |password| &password.scheme)),
                users::password_key_id.eq(password.map_or(0, |password| i16::from(password.key_id))),
                users::password_hash.eq(password.map_or("", |password| &password.hash)),
                users::password_changed_at.eq(now),
                users::roles.eq(&user.roles),
                users::created_at.eq(user.created_at),
                users::locale.eq(user.locale.as_str()),
                users::claims.eq(&user.claims),
            )
        })
        .collect();
    diesel::insert_into(users::table).values(rows).execute(connection)?;
    Ok(made.into_iter().map(|user| user.id).collect())
}

/// Returns those among some ids that accounts have.
pub fn existing_among(connection: &mut PgConnection, ids: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let found: Vec<Uuid> = users::table
        .filter(users::id.eq_any(ids))
        .select(users::id)
        .load(connection)?;
    Ok(found.into_iter().map(UserId::from_uuid).collect())
}

/// Finds the names of all accounts that have one of these.
pub fn find_names(connection: &mut PgConnection, names: &[&str]) -> Result<Vec<AccountNames>, StoreError> {
    let found: Vec<(Option<String>, Option<String>)> = users::table
        .filter(users::id.eq_any(account_names::holders(connection, names)?))
        .select((users::email, users::username))
        .load(connection)?;
    let names = |(email, username): (Option<String>, Option<String>)| AccountNames {
        email: email.map(Email::from_stored),
        username: username.map(Username::from_stored),
    };
    Ok(found.into_iter().map(names).collect())
}
