//! The `device_requests` table: each step of a request is one conditional statement.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::device_requests;
use crate::domain::ids::{ClientId, SessionId, UserId};
use crate::domain::oauth::device::DeviceState;
use crate::domain::oauth::scope::Scopes;
use crate::domain::session::SessionKey;

/// A request.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// Its id.
    pub id: Uuid,
    /// The application on the device.
    pub client_id: ClientId,
    /// What it asks for.
    pub scopes: Scopes,
    /// What its access tokens are for.
    pub audience: String,
    /// What became of it.
    pub state: DeviceState,
    /// The user who saw it, and the grant that they made.
    pub grant: Option<SessionKey>,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
}

/// Adds a request.
///
/// # Errors
///
/// Returns an error if there is one with this id.
pub fn insert(
    connection: &mut PgConnection,
    request: &DeviceRequest,
    (interval, now): (TimeDelta, DateTime<Utc>),
) -> Result<(), StoreError> {
    diesel::insert_into(device_requests::table)
        .values((
            device_requests::id.eq(request.id),
            device_requests::client_id.eq(request.client_id.uuid()),
            device_requests::scopes.eq(request.scopes.as_slice()),
            device_requests::audience.eq(&request.audience),
            device_requests::state.eq(request.state),
            device_requests::poll_interval.eq(seconds(interval)),
            device_requests::created_at.eq(now),
            device_requests::expires_at.eq(request.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

fn seconds(interval: TimeDelta) -> i32 {
    i32::try_from(interval.num_seconds()).unwrap_or(i32::MAX)
}

/// Shows a request to a session. The first session that looks claims it: for all others it does not exist from then on.
pub fn claim(
    connection: &mut PgConnection,
    id: Uuid,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<DeviceRequest>, StoreError> {
    let unseen = device_requests::state.eq(DeviceState::Waiting);
    let seen_here = device_requests::state
        .eq(DeviceState::Claimed)
        .and(device_requests::session_id.assume_not_null().eq(key.session_id.uuid()));
    let claimable = device_requests::table
        .find(id)
        .filter(device_requests::expires_at.gt(now))
        .filter(unseen.or(seen_here));
    let row: Option<DeviceRow> = diesel::update(claimable)
        .set((
            device_requests::state.eq(DeviceState::Claimed),
            device_requests::user_id.eq(key.user_id.uuid()),
            device_requests::session_id.eq(key.session_id.uuid()),
        ))
        .returning(DeviceRow::as_returning())
        .get_result(connection)
        .optional()?;
    Ok(row.map(DeviceRequest::from))
}

/// Stores what the session that claimed a request decided: the id of the grant, or none for a refusal. Returns the
/// request, or `None` if this session may not decide.
pub fn decide(
    connection: &mut PgConnection,
    id: Uuid,
    key: SessionKey,
    (grant, now): (Option<SessionId>, DateTime<Utc>),
) -> Result<Option<DeviceRequest>, StoreError> {
    let state = if grant.is_some() {
        DeviceState::Approved
    } else {
        DeviceState::Denied
    };
    let claimed = device_requests::table
        .find(id)
        .filter(device_requests::state.eq(DeviceState::Claimed))
        .filter(device_requests::session_id.eq(key.session_id.uuid()))
        .filter(device_requests::user_id.eq(key.user_id.uuid()))
        .filter(device_requests::expires_at.gt(now));
    let row: Option<DeviceRow> = diesel::update(claimed)
        .set((
            device_requests::state.eq(state),
            device_requests::grant_id.eq(grant.map(SessionId::uuid)),
        ))
        .returning(DeviceRow::as_returning())
        .get_result(connection)
        .optional()?;
    Ok(row.map(DeviceRequest::from))
}

/// Finds a request.
pub fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<DeviceRequest>, StoreError> {
    let row: Option<DeviceRow> = device_requests::table
        .find(id)
        .select(DeviceRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(DeviceRequest::from))
}

/// Notes that the device asks, if it has waited for as long as it has to. Returns whether it has.
pub fn poll(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let waited = diesel::dsl::sql::<diesel::sql_types::Bool>(
        "(polled_at IS NULL OR polled_at + poll_interval * interval '1 second' <= ",
    )
    .bind::<diesel::sql_types::Timestamptz, _>(now)
    .sql(")");
    let polled = diesel::update(device_requests::table.find(id).filter(waited))
        .set(device_requests::polled_at.eq(now))
        .execute(connection)?;
    Ok(polled == 1)
}

/// Has a device wait longer between two questions (RFC 8628 §3.5).
pub fn slow_down(
    connection: &mut PgConnection,
    id: Uuid,
    more: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(device_requests::table.find(id))
        .set((
            device_requests::poll_interval.eq(device_requests::poll_interval + seconds(more)),
            device_requests::polled_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

/// Removes a request that was decided, so that it gives tokens once. Returns whether this call removed it.
pub fn take(connection: &mut PgConnection, id: Uuid, state: DeviceState) -> Result<bool, StoreError> {
    let decided = device_requests::table.find(id).filter(device_requests::state.eq(state));
    Ok(diesel::delete(decided).execute(connection)? == 1)
}

/// Deletes requests that expired before a moment. Returns how many.
pub fn delete_before(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<usize, StoreError> {
    let old = device_requests::table.filter(device_requests::expires_at.lt(moment));
    Ok(diesel::delete(old).execute(connection)?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = device_requests, check_for_backend(Pg))]
struct DeviceRow {
    id: Uuid,
    client_id: Uuid,
    scopes: Vec<String>,
    audience: String,
    state: DeviceState,
    user_id: Option<Uuid>,
    grant_id: Option<Uuid>,
    expires_at: DateTime<Utc>,
}

impl From<DeviceRow> for DeviceRequest {
    fn from(row: DeviceRow) -> Self {
        let key = |(user_id, grant_id)| SessionKey {
            user_id: UserId::from_uuid(user_id),
            session_id: SessionId::from_uuid(grant_id),
        };
        Self {
            id: row.id,
            client_id: ClientId::from_uuid(row.client_id),
            scopes: Scopes::from_stored(row.scopes),
            audience: row.audience,
            state: row.state,
            grant: row.user_id.zip(row.grant_id).map(key),
            expires_at: row.expires_at,
        }
    }
}
