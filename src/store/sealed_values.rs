//! All sealed values, in whatever table: found by the master key that sealed them, and replaced.
//!
//! The first byte of a sealed value identifies its master key. A value is replaced only if it is still the one that was
//! read: whatever the service has written since is newer.

use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::{outbox, sent_code_factors, signing_keys, totp_factors, webhooks};
use crate::crypto::sealer::SealedAt;
use crate::domain::ids::{MessageId, SentCodeFactorId, TotpFactorId, UserId, WebhookId};

/// A column whose sealed values are resealed row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Secrets of authenticators.
    TotpSecrets,
    /// Phone numbers.
    PhoneNumbers,
    /// Messages that wait to be sent.
    Messages,
    /// Private parts of signing keys.
    SigningKeys,
    /// Secrets that messages to endpoints are signed with.
    WebhookSecrets,
    /// The ones before.
    PreviousWebhookSecrets,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TotpSecrets,
        Self::PhoneNumbers,
        Self::Messages,
        Self::SigningKeys,
        Self::WebhookSecrets,
        Self::PreviousWebhookSecrets,
    ];

    /// Returns its name for operators: table and column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TotpSecrets => "totp_factors.sealed_secret",
            Self::PhoneNumbers => "sent_code_factors.sealed_phone_number",
            Self::Messages => "outbox.sealed_message",
            Self::SigningKeys => "signing_keys.sealed_private_key",
            Self::WebhookSecrets => "webhooks.sealed_secret",
            Self::PreviousWebhookSecrets => "webhooks.sealed_previous_secret",
        }
    }
}

/// A row, in the order in which rows are processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// The key of tables of users.
    OfUser(UserId, Uuid),
    /// The key of messages and of endpoints.
    Id(Uuid),
    /// The key of signing keys.
    Kid(String),
}

/// A value that was sealed with an older master key.
#[derive(Clone)]
pub struct OlderValue {
    /// Its row.
    pub row: RowKey,
    /// The place it is bound to, needed to open it.
    pub at: SealedAt,
    /// The value.
    pub sealed: Vec<u8>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Returns one byte of a value.
    fn get_byte(value: Binary, index: Integer) -> Integer;
}

/// Counts the values of a column that were not sealed with the current master key.
pub fn count_older(connection: &mut PgConnection, column: Column, current: u8) -> Result<i64, StoreError> {
    let current = i32::from(current);
    Ok(match column {
        Column::TotpSecrets => totp_factors::table
            .filter(get_byte(totp_factors::sealed_secret, 0).ne(current))
            .count()
            .get_result(connection)?,
        Column::PhoneNumbers => sent_code_factors::table
            .filter(get_byte(sent_code_factors::sealed_phone_number.assume_not_null(), 0).ne(current))
            .count()
            .get_result(connection)?,
        Column::Messages => outbox::table
            .filter(get_byte(outbox::sealed_message, 0).ne(current))
            .count()
            .get_result(connection)?,
        Column::SigningKeys => signing_keys::table
            .filter(get_byte(signing_keys::sealed_private_key, 0).ne(current))
            .count()
            .get_result(connection)?,
        Column::WebhookSecrets => webhooks::table
            .filter(get_byte(webhooks::sealed_secret, 0).ne(current))
            .count()
            .get_result(connection)?,
        Column::PreviousWebhookSecrets => webhooks::table
            .filter(get_byte(webhooks::sealed_previous_secret.assume_not_null(), 0).ne(current))
            .count()
            .get_result(connection)?,
    })
}

/// Loads older values of a column with secrets of endpoints. It is a macro because the types of such a statement for
/// either column would be longer than the statement.
macro_rules! older_webhook_secrets {
    ($column:expr, $connection:expr, $current:expr, $after:expr, $at_most:expr) => {{
        let rows: Vec<(Uuid, Vec<u8>)> = webhooks::table
            .filter(webhooks::id.gt(after_id($after)))
            .filter(get_byte($column, 0).ne($current))
            .order(webhooks::id)
            .limit($at_most)
            .select((webhooks::id, $column))
            .load($connection)?;
        let place = |id| SealedAt::webhook_secret(WebhookId::from_uuid(id));
        rows.into_iter().map(|row| of_id(row, place)).collect()
    }};
}

/// Loads the next values of a column that were not sealed with the current master key, in the order of their rows.
pub fn load_older(
    connection: &mut PgConnection,
    column: Column,
    current: u8,
    after: Option<&RowKey>,
    at_most: i64,
) -> Result<Vec<OlderValue>, StoreError> {
    let current = i32::from(current);
    Ok(match column {
        Column::TotpSecrets => load_older_totp_secrets(connection, current, after, at_most)?,
        Column::PhoneNumbers => load_older_phone_numbers(connection, current, after, at_most)?,
        Column::Messages => load_older_messages(connection, current, after, at_most)?,
        Column::SigningKeys => load_older_signing_keys(connection, current, after, at_most)?,
        Column::WebhookSecrets => older_webhook_secrets!(webhooks::sealed_secret, connection, current, after, at_most),
        Column::PreviousWebhookSecrets => older_webhook_secrets!(
            webhooks::sealed_previous_secret.assume_not_null(),
            connection,
            current,
            after,
            at_most
        ),
    })
}

/// Returns the id after which the next rows of a table with ids alone begin.
const fn after_id(after: Option<&RowKey>) -> Uuid {
    match after {
        Some(RowKey::Id(id)) => *id,
        _ => Uuid::nil(),
    }
}

fn of_id((id, sealed): (Uuid, Vec<u8>), place: impl Fn(Uuid) -> SealedAt) -> OlderValue {
    OlderValue {
        row: RowKey::Id(id),
        at: place(id),
        sealed,
    }
}

/// Returns the user and the id after which the next rows of a table of users begin.
const fn after_row(after: Option<&RowKey>) -> (Uuid, Uuid) {
    match after {
        Some(RowKey::OfUser(user_id, id)) => (user_id.uuid(), *id),
        _ => (Uuid::nil(), Uuid::nil()),
    }
}

fn load_older_totp_secrets(
    connection: &mut PgConnection,
    current: i32,
    after: Option<&RowKey>,
    at_most: i64,
) -> Result<Vec<OlderValue>, StoreError> {
    let (after_user, after_id) = after_row(after);
    let rows: Vec<(Uuid, Uuid, Vec<u8>)> = totp_factors::table
        // The first condition is what the index of the key can use.
        .filter(totp_factors::user_id.ge(after_user))
        .filter(totp_factors::user_id.gt(after_user).or(totp_factors::id.gt(after_id)))
        .filter(get_byte(totp_factors::sealed_secret, 0).ne(current))
        .order((totp_factors::user_id, totp_factors::id))
        .limit(at_most)
        .select((totp_factors::user_id, totp_factors::id, totp_factors::sealed_secret))
        .load(connection)?;
    let place = |id, owner| SealedAt::totp_secret(TotpFactorId::from_uuid(id), owner);
    Ok(rows.into_iter().map(|row| of_user(row, place)).collect())
}

fn load_older_phone_numbers(
    connection: &mut PgConnection,
    current: i32,
    after: Option<&RowKey>,
    at_most: i64,
) -> Result<Vec<OlderValue>, StoreError> {
    let (after_user, after_id) = after_row(after);
    let sealed = sent_code_factors::sealed_phone_number.assume_not_null();
    let rows: Vec<(Uuid, Uuid, Vec<u8>)> = sent_code_factors::table
        .filter(sent_code_factors::user_id.ge(after_user))
        .filter(
            sent_code_factors::user_id
                .gt(after_user)
                .or(sent_code_factors::id.gt(after_id)),
        )
        .filter(get_byte(sealed, 0).ne(current))
        .order((sent_code_factors::user_id, sent_code_factors::id))
        .limit(at_most)
        .select((sent_code_factors::user_id, sent_code_factors::id, sealed))
        .load(connection)?;
    let place = |id, owner| SealedAt::phone_number(SentCodeFactorId::from_uuid(id), owner);
    Ok(rows.into_iter().map(|row| of_user(row, place)).collect())
}

fn of_user((user_id, id, sealed): (Uuid, Uuid, Vec<u8>), place: impl Fn(Uuid, UserId) -> SealedAt) -> OlderValue {
    let owner = UserId::from_uuid(user_id);
    OlderValue {
        row: RowKey::OfUser(owner, id),
        at: place(id, owner),
        sealed,
    }
}

fn load_older_messages(
    connection: &mut PgConnection,
    current: i32,
    after: Option<&RowKey>,
    at_most: i64,
) -> Result<Vec<OlderValue>, StoreError> {
    let rows: Vec<(Uuid, Vec<u8>)> = outbox::table
        .filter(outbox::id.gt(after_id(after)))
        .filter(get_byte(outbox::sealed_message, 0).ne(current))
        .order(outbox::id)
        .limit(at_most)
        .select((outbox::id, outbox::sealed_message))
        .load(connection)?;
    let place = |id| SealedAt::message(MessageId::from_uuid(id));
    Ok(rows.into_iter().map(|row| of_id(row, place)).collect())
}

fn load_older_signing_keys(
    connection: &mut PgConnection,
    current: i32,
    after: Option<&RowKey>,
    at_most: i64,
) -> Result<Vec<OlderValue>, StoreError> {
    let after_kid = match after {
        Some(RowKey::Kid(kid)) => kid.as_str(),
        _ => "",
    };
    let rows: Vec<(String, Vec<u8>)> = signing_keys::table
        .filter(signing_keys::kid.gt(after_kid))
        .filter(get_byte(signing_keys::sealed_private_key, 0).ne(current))
        .order(signing_keys::kid)
        .limit(at_most)
        .select((signing_keys::kid, signing_keys::sealed_private_key))
        .load(connection)?;
    let value = |(kid, sealed): (String, Vec<u8>)| OlderValue {
        at: SealedAt::signing_key(&kid),
        row: RowKey::Kid(kid),
        sealed,
    };
    Ok(rows.into_iter().map(value).collect())
}

/// Replaces an older value, if it is still there.
pub fn replace(
    connection: &mut PgConnection,
    column: Column,
    older: &OlderValue,
    sealed: &[u8],
) -> Result<bool, StoreError> {
    let replaced = match (column, &older.row) {
        (Column::TotpSecrets, RowKey::OfUser(owner, id)) => {
            diesel::update(totp_factors::table.find((owner.uuid(), id)))
                .filter(totp_factors::sealed_secret.eq(&older.sealed))
                .set(totp_factors::sealed_secret.eq(sealed))
                .execute(connection)?
        }
        (Column::PhoneNumbers, RowKey::OfUser(owner, id)) => {
            diesel::update(sent_code_factors::table.find((owner.uuid(), id)))
                .filter(sent_code_factors::sealed_phone_number.eq(&older.sealed))
                .set(sent_code_factors::sealed_phone_number.eq(sealed))
                .execute(connection)?
        }
        (Column::Messages, RowKey::Id(id)) => diesel::update(outbox::table.find(id))
            .filter(outbox::sealed_message.eq(&older.sealed))
            .set(outbox::sealed_message.eq(sealed))
            .execute(connection)?,
        (Column::WebhookSecrets, RowKey::Id(id)) => diesel::update(webhooks::table.find(id))
            .filter(webhooks::sealed_secret.eq(&older.sealed))
            .set(webhooks::sealed_secret.eq(sealed))
            .execute(connection)?,
        (Column::PreviousWebhookSecrets, RowKey::Id(id)) => diesel::update(webhooks::table.find(id))
            .filter(webhooks::sealed_previous_secret.eq(&older.sealed))
            .set(webhooks::sealed_previous_secret.eq(sealed))
            .execute(connection)?,
        (Column::SigningKeys, RowKey::Kid(kid)) => diesel::update(signing_keys::table.find(kid))
            .filter(signing_keys::sealed_private_key.eq(&older.sealed))
            .set(signing_keys::sealed_private_key.eq(sealed))
            .execute(connection)?,
        _ => 0,
    };
    Ok(replaced == 1)
}
