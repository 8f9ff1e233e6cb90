//! The `users` table for operators and administrators: every account, including disabled ones.
//!
//! Changes are serialized, so that two administrators cannot remove each other's role at the same time.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::expression::{AsExpression, SqlLiteral};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::account_names;
use super::error::StoreError;
use super::schema::users;
use super::users::{UserRow, change};
use crate::domain::app_claims::AppClaims;
use crate::domain::failed_attempts::strangers_are_refused;
use crate::domain::ids::UserId;
use crate::domain::managed_user::{AccountState, ManagedUser, UserFilter, UserQuery, UserSelector};
use crate::domain::user::{Identifier, User, UserStatus};

/// An arbitrary constant that identifies the advisory lock for these changes.
const LOCK: i64 = 0x7665_7374_6164_6d6e;

// Compares bytes, whatever the database's collation, like the prefix indexes do.
diesel::infix_operator!(BytesAtLeast, " ~>=~ ", backend: Pg);
diesel::infix_operator!(BytesBelow, " ~<~ ", backend: Pg);

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Pg))]
struct ManagedRow {
    #[diesel(embed)]
    user: UserRow,
    status: UserStatus,
    password_disabled_at: Option<DateTime<Utc>>,
    codes_disabled_at: Option<DateTime<Utc>>,
    failed_passwords_of_strangers: i32,
    failed_codes_of_strangers: i32,
}

impl From<ManagedRow> for ManagedUser {
    fn from(row: ManagedRow) -> Self {
        Self {
            user: row.user.into(),
            disabled: row.status == UserStatus::Disabled,
            password_disabled_at: row.password_disabled_at,
            codes_disabled_at: row.codes_disabled_at,
            password_refused_to_strangers: strangers_are_refused(row.failed_passwords_of_strangers),
            codes_refused_to_strangers: strangers_are_refused(row.failed_codes_of_strangers),
        }
    }
}

/// Waits until no other transaction makes an administrative change. The lock is released at the end of the transaction.
pub fn take_turn(connection: &mut PgConnection) -> Result<(), StoreError> {
    diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})")).execute(connection)?;
    Ok(())
}

/// Finds an account.
pub fn find(connection: &mut PgConnection, selector: &UserSelector) -> Result<Option<ManagedUser>, StoreError> {
    let (id, name) = match selector {
        UserSelector::Id(id) => (id.uuid(), None),
        UserSelector::Email(email) => named(connection, Identifier::Email(email.clone()))?,
        UserSelector::Username(username) => named(connection, Identifier::Username(username.clone()))?,
    };
    let row: Option<ManagedRow> = users::table
        .find(id)
        .select(ManagedRow::as_select())
        .first(connection)
        .optional()?;
    let found = row.map(ManagedUser::from);
    // The account may have given the name up between the two statements.
    Ok(found.filter(|found| name.is_none_or(|name| found.user.has_name(&name))))
}

fn named(connection: &mut PgConnection, name: Identifier) -> Result<(Uuid, Option<Identifier>), StoreError> {
    Ok((account_names::holder(connection, &name)?, Some(name)))
}

/// Finds an account and locks it for the rest of the transaction.
pub fn find_for_update(connection: &mut PgConnection, id: UserId) -> Result<Option<ManagedUser>, StoreError> {
    let row: Option<ManagedRow> = users::table
        .find(id.uuid())
        .select(ManagedRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    Ok(row.map(ManagedUser::from))
}

/// Lists accounts, newest first, starting after the account `after` if it is given.
pub fn list(
    connection: &mut PgConnection,
    wanted: &UserFilter,
    after: Option<UserId>,
    most: i64,
) -> Result<Vec<ManagedUser>, StoreError> {
    let mut query = users::table
        .order(users::id.desc())
        .limit(most)
        .select(ManagedRow::as_select())
        .into_boxed();
    if wanted.administrators {
        query = query.filter(is_administrator());
    }
    if let Some(state) = wanted.state {
        query = query.filter(is_in(state));
    }
    match &wanted.query {
        UserQuery::All => {}
        UserQuery::Id(id) => query = query.filter(users::id.eq(id.uuid())),
        UserQuery::Prefix(prefix) => {
            // Names are ASCII without control characters, so DEL sorts after all names with this prefix.
            let end = format!("{prefix}\u{7f}");
            let email = at_least(users::email, prefix.clone()).and(below(users::email, end.clone()));
            let username = at_least(users::username, prefix.clone()).and(below(users::username, end));
            query = query.filter(email.or(username));
        }
    }
    if let Some(after) = after {
        query = query.filter(users::id.lt(after.uuid()));
    }
    let rows: Vec<ManagedRow> = query.load(connection)?;
    Ok(rows.into_iter().map(ManagedUser::from).collect())
}

fn at_least<C: Expression<SqlType = Nullable<Text>>>(
    column: C,
    text: String,
) -> BytesAtLeast<C, <String as AsExpression<Nullable<Text>>>::Expression> {
    BytesAtLeast::new(column, AsExpression::<Nullable<Text>>::as_expression(text))
}

fn below<C: Expression<SqlType = Nullable<Text>>>(
    column: C,
    text: String,
) -> BytesBelow<C, <String as AsExpression<Nullable<Text>>>::Expression> {
    BytesBelow::new(column, AsExpression::<Nullable<Text>>::as_expression(text))
}

/// The condition of a partial index, as that is written.
fn is_administrator() -> SqlLiteral<Bool> {
    sql("'admin' = ANY (roles)")
}

/// The condition of the partial index of a state, as that is written: the planner proves no parameter to be a value.
fn is_in(state: AccountState) -> SqlLiteral<Bool> {
    sql(match state {
        AccountState::Disabled => "status = 'disabled'",
        AccountState::PasswordDisabled => "password_disabled_at IS NOT NULL",
        AccountState::CodesDisabled => "codes_disabled_at IS NOT NULL",
        AccountState::Unverified => "email IS NOT NULL AND email_verified_at IS NULL",
    })
}

/// Returns the oldest accounts that have the role of administrators, a verified address, and are not disabled.
pub fn administrators(connection: &mut PgConnection, most: usize) -> Result<Vec<User>, StoreError> {
    let rows: Vec<UserRow> = users::table
        .filter(is_administrator())
        .filter(users::status.eq(UserStatus::Active))
        .filter(users::email_verified_at.is_not_null())
        .order(users::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(UserRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Enables or disables an account.
pub fn set_disabled(
    connection: &mut PgConnection,
    id: UserId,
    disabled: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let status = if disabled {
        UserStatus::Disabled
    } else {
        UserStatus::Active
    };
    diesel::update(users::table.find(id.uuid()))
        .set((users::status.eq(status), change(now)))
        .execute(connection)?;
    Ok(())
}

/// Sets the roles of an account.
pub fn set_roles(connection: &mut PgConnection, id: UserId, roles: &[String]) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::roles.eq(roles))
        .execute(connection)?;
    Ok(())
}

/// Replaces the claims of an account.
pub fn set_claims(connection: &mut PgConnection, id: UserId, claims: &AppClaims) -> Result<(), StoreError> {
    diesel::update(users::table.find(id.uuid()))
        .set(users::claims.eq(claims))
        .execute(connection)?;
    Ok(())
}
