//! The `webhooks` table: the endpoints of back ends that are told what happens to accounts.

use chrono::{DateTime, Utc};
use diesel::dsl::{case_when, exists};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::{webhook_deliveries, webhooks};
use crate::domain::ids::WebhookId;
use crate::domain::outbound_url::OutboundUrl;
use crate::domain::webhook::{Webhook, WebhookFormat, WebhookState};

/// An endpoint as stored.
#[derive(Clone, Debug)]
pub struct StoredWebhook {
    /// The endpoint.
    pub webhook: Webhook,
    /// Its secrets.
    pub secrets: SealedSecrets,
}

/// The secrets of an endpoint, sealed to its row.
#[derive(Clone, Debug)]
pub struct SealedSecrets {
    /// The newest one.
    pub newest: Vec<u8>,
    /// The one before, and until when it signs along.
    pub previous: Option<(Vec<u8>, DateTime<Utc>)>,
}

/// Adds an endpoint.
pub fn insert(connection: &mut PgConnection, webhook: &Webhook, sealed_secret: &[u8]) -> Result<(), StoreError> {
    diesel::insert_into(webhooks::table)
        .values((
            webhooks::id.eq(webhook.id.uuid()),
            webhooks::url.eq(webhook.url.as_str()),
            webhooks::events.eq(&webhook.events),
            webhooks::include_addresses.eq(webhook.include_addresses),
            webhooks::format.eq(webhook.format),
            webhooks::state.eq(webhook.state),
            webhooks::sealed_secret.eq(sealed_secret),
            webhooks::created_at.eq(webhook.created_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Returns how many endpoints there are.
pub fn count(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(webhooks::table.count().get_result(connection)?)
}

/// Returns whether another endpoint has a URL.
pub fn is_taken(
    connection: &mut PgConnection,
    url: &OutboundUrl,
    by_other_than: WebhookId,
) -> Result<bool, StoreError> {
    let others = webhooks::table.filter(webhooks::id.ne(by_other_than.uuid()));
    Ok(diesel::select(exists(others.filter(webhooks::url.eq(url.as_str())))).get_result(connection)?)
}

/// Lists all endpoints, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Webhook>, StoreError> {
    let rows: Vec<WebhookRow> = webhooks::table
        .order(webhooks::id)
        .select(WebhookRow::as_select())
        .load(connection)?;
    rows.into_iter().map(|row| Ok(row.read()?.webhook)).collect()
}

/// Lists the endpoints that get messages, with their secrets.
pub fn list_enabled(connection: &mut PgConnection) -> Result<Vec<StoredWebhook>, StoreError> {
    let rows: Vec<WebhookRow> = webhooks::table
        .filter(webhooks::state.eq(WebhookState::Enabled))
        .order(webhooks::id)
        .select(WebhookRow::as_select())
        .load(connection)?;
    rows.into_iter().map(WebhookRow::read).collect()
}

/// Finds an endpoint.
pub fn find(connection: &mut PgConnection, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let row = webhooks::table
        .find(id.uuid())
        .select(WebhookRow::as_select())
        .first(connection)
        .optional()?;
    row.map(|row| Ok(row.read()?.webhook)).transpose()
}

/// Finds an endpoint, and locks its row until the transaction ends.
pub fn find_for_update(connection: &mut PgConnection, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let row = webhooks::table
        .find(id.uuid())
        .select(WebhookRow::as_select())
        .for_update()
        .first(connection)
        .optional()?;
    row.map(|row| Ok(row.read()?.webhook)).transpose()
}

/// Stores the changes of an endpoint.
pub fn update(connection: &mut PgConnection, webhook: &Webhook) -> Result<(), StoreError> {
    diesel::update(webhooks::table.find(webhook.id.uuid()))
        .set((
            webhooks::url.eq(webhook.url.as_str()),
            webhooks::events.eq(&webhook.events),
            webhooks::include_addresses.eq(webhook.include_addresses),
            webhooks::state.eq(webhook.state),
            webhooks::gone_at.eq(webhook.gone_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Disables an endpoint at the URL that answered that it is gone. Returns whether this call did.
pub fn disable_gone(
    connection: &mut PgConnection,
    id: WebhookId,
    url: &OutboundUrl,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let at_url = webhooks::table.find(id.uuid()).filter(webhooks::url.eq(url.as_str()));
    let enabled = at_url.filter(webhooks::state.eq(WebhookState::Enabled));
    let disabled = diesel::update(enabled)
        .set((webhooks::state.eq(WebhookState::Disabled), webhooks::gone_at.eq(now)))
        .execute(connection)?;
    Ok(disabled == 1)
}

/// Replaces the newest secret of an endpoint. The one before signs along until `overlap_ends`; but if one already signs
/// along at `now`, that one stays, with its end, and the one that is replaced counts no longer. Returns until when the
/// previous one signs along. `None`: there is no such endpoint.
pub fn replace_secret(
    connection: &mut PgConnection,
    id: WebhookId,
    sealed_secret: &[u8],
    (now, overlap_ends): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let has_previous = || {
        webhooks::previous_secret_expires_at
            .is_not_null()
            .and(webhooks::previous_secret_expires_at.assume_not_null().gt(now))
    };
    let replaced: Option<Option<DateTime<Utc>>> = diesel::update(webhooks::table.find(id.uuid()))
        .set((
            webhooks::sealed_previous_secret.eq(case_when(has_previous(), webhooks::sealed_previous_secret)
                .otherwise(webhooks::sealed_secret.nullable())),
            webhooks::previous_secret_expires_at.eq(case_when(has_previous(), webhooks::previous_secret_expires_at)
                .otherwise(overlap_ends.into_sql::<Timestamptz>().nullable())),
            webhooks::sealed_secret.eq(sealed_secret),
        ))
        .returning(webhooks::previous_secret_expires_at)
        .get_result(connection)
        .optional()?;
    Ok(replaced.flatten())
}

/// Deletes an endpoint with its messages. Returns whether there was one.
pub fn delete(connection: &mut PgConnection, id: WebhookId) -> Result<bool, StoreError> {
    let deleted = diesel::delete(webhooks::table.find(id.uuid())).execute(connection)?;
    diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(id.uuid())))
        .execute(connection)?;
    Ok(deleted == 1)
}

/// Deletes secrets that no longer sign. Returns how many.
pub fn delete_previous_secrets(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let ended = webhooks::table.filter(webhooks::previous_secret_expires_at.le(now));
    Ok(diesel::update(ended)
        .set((
            webhooks::sealed_previous_secret.eq(None::<Vec<u8>>),
            webhooks::previous_secret_expires_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks, check_for_backend(Pg))]
struct WebhookRow {
    id: Uuid,
    url: String,
    events: Vec<String>,
    include_addresses: bool,
    format: WebhookFormat,
    state: WebhookState,
    sealed_secret: Vec<u8>,
    sealed_previous_secret: Option<Vec<u8>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    gone_at: Option<DateTime<Utc>>,
}

impl WebhookRow {
    fn read(self) -> Result<StoredWebhook, StoreError> {
        let url = OutboundUrl::parse(&self.url).map_err(|_not_written_here| StoreError::Corrupt("webhooks.url"))?;
        Ok(StoredWebhook {
            webhook: Webhook {
                id: WebhookId::from_uuid(self.id),
                url,
                events: self.events,
                include_addresses: self.include_addresses,
                format: self.format,
                state: self.state,
                gone_at: self.gone_at,
                previous_secret_expires_at: self.previous_secret_expires_at,
                created_at: self.created_at,
            },
            secrets: SealedSecrets {
                newest: self.sealed_secret,
                previous: self.sealed_previous_secret.zip(self.previous_secret_expires_at),
            },
        })
    }
}
