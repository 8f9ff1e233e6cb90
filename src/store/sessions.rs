//! The `sessions` table: each move of a session's life is one conditional statement.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::error::StoreError;
use super::schema::{sessions, users};
use super::users::UserRow;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::{ActiveSession, MAX_ATTEMPTS, PendingSession, SessionEnds, SessionState};
use crate::domain::user::User;

/// A session whose first factor was just proven.
pub struct NewSession<'a> {
    /// Its id from here to its end.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// What was proven.
    pub method: AuthenticationMethod,
    /// `password_changed_at` of the account when that was proven.
    pub password_changed_at: DateTime<Utc>,
    /// Where the login came from.
    pub origin: &'a RequestOrigin,
    /// When.
    pub now: DateTime<Utc>,
    /// Until when the second factor is awaited.
    pub expires_at: DateTime<Utc>,
}

/// Opens a pending session.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn insert_pending(connection: &mut PgConnection, new: &NewSession<'_>) -> Result<(), StoreError> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(new.id.uuid()),
            sessions::user_id.eq(new.user_id.uuid()),
            sessions::state.eq(SessionState::Pending.as_str()),
            sessions::methods.eq(vec![new.method.amr()]),
            sessions::password_changed_at.eq(new.password_changed_at),
            sessions::created_at.eq(new.now),
            sessions::last_used_at.eq(new.now),
            sessions::expires_at.eq(new.expires_at),
            sessions::ip.eq(new.origin.ip.map(IpNetwork::from)),
            sessions::user_agent.eq(new.origin.user_agent.as_deref()),
        ))
        .execute(connection)?;
    Ok(())
}

/// A pending session lives while its time, its attempts, its password and its account do.
#[diesel::dsl::auto_type]
fn live_pending(id: Uuid, now: DateTime<Utc>) -> _ {
    let pending: &'static str = "pending";
    let most_attempts: i16 = MAX_ATTEMPTS;
    let account = users::table
        .filter(users::id.eq(sessions::user_id))
        .filter(users::password_changed_at.eq(sessions::password_changed_at))
        .filter(users::status.eq("active"));
    sessions::table
        .filter(sessions::id.eq(id))
        .filter(sessions::state.eq(pending))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::attempts.lt(most_attempts))
        .filter(exists(account))
}

/// Takes one attempt of a live pending session, before anything is compared: of many at once, at most five get one.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn take_attempt(
    connection: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<PendingSession>, StoreError> {
    let row: Option<PendingRow> = diesel::update(live_pending(id.uuid(), now))
        .set(sessions::attempts.eq(sessions::attempts + 1))
        .returning(PendingRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(PendingRow::into_pending).transpose()
}

/// Finds a live pending session and the account it is for, and takes no attempt.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn find_pending(
    connection: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<PendingSession>, StoreError> {
    let row = live_pending(id.uuid(), now)
        .select(PendingRow::as_select())
        .first(connection)
        .optional()?;
    row.map(PendingRow::into_pending).transpose()
}

/// Turns a pending session active: of many at once, one succeeds. Returns the session as it now stands.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn activate(
    connection: &mut PgConnection,
    id: SessionId,
    methods: &[AuthenticationMethod],
    ends: SessionEnds,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    let pending = sessions::table
        .filter(sessions::id.eq(id.uuid()))
        .filter(sessions::state.eq(SessionState::Pending.as_str()));
    let names: Vec<&str> = methods.iter().map(|method| method.amr()).collect();
    let row: Option<ActiveRow> = diesel::update(pending)
        .set((
            sessions::state.eq(SessionState::Active.as_str()),
            sessions::methods.eq(names),
            sessions::auth_time.eq(now),
            sessions::last_used_at.eq(now),
            sessions::expires_at.eq(ends.absolute),
            sessions::idle_expires_at.eq(ends.idle),
            sessions::refresh_counter.eq(1),
        ))
        .returning(ActiveRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(ActiveRow::into_active).transpose()
}

/// Finds an active session of an account that may be used, with the account.
///
/// # Errors
///
/// Returns faults of the database only.
pub fn find_active(
    connection: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<(ActiveSession, User)>, StoreError> {
    let row: Option<(ActiveRow, UserRow)> = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::id.eq(id.uuid()))
        .filter(sessions::state.eq(SessionState::Active.as_str()))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::idle_expires_at.gt(now))
        .filter(users::status.eq("active"))
        .select((ActiveRow::as_select(), UserRow::as_select()))
        .first(connection)
        .optional()?;
    row.map(|(session, user)| Ok((session.into_active()?, user.into())))
        .transpose()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
struct PendingRow {
    id: Uuid,
    user_id: Uuid,
    attempts: i16,
    methods: Vec<String>,
}

impl PendingRow {
    fn into_pending(self) -> Result<PendingSession, StoreError> {
        Ok(PendingSession {
            id: SessionId::from_uuid(self.id),
            user_id: UserId::from_uuid(self.user_id),
            attempts: self.attempts,
            methods: read_methods(&self.methods)?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
struct ActiveRow {
    id: Uuid,
    user_id: Uuid,
    methods: Vec<String>,
    created_at: DateTime<Utc>,
    auth_time: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    idle_expires_at: Option<DateTime<Utc>>,
    refresh_counter: i64,
}

impl ActiveRow {
    fn into_active(self) -> Result<ActiveSession, StoreError> {
        Ok(ActiveSession {
            id: SessionId::from_uuid(self.id),
            user_id: UserId::from_uuid(self.user_id),
            methods: read_methods(&self.methods)?,
            created_at: self.created_at,
            auth_time: self.auth_time.ok_or(StoreError::Corrupt("sessions.auth_time"))?,
            ends: SessionEnds {
                absolute: self.expires_at,
                idle: self
                    .idle_expires_at
                    .ok_or(StoreError::Corrupt("sessions.idle_expires_at"))?,
            },
            refresh_counter: u64::try_from(self.refresh_counter)
                .map_err(|_negative| StoreError::Corrupt("sessions.refresh_counter"))?,
        })
    }
}

fn read_methods(names: &[String]) -> Result<Vec<AuthenticationMethod>, StoreError> {
    let read = |name: &String| AuthenticationMethod::from_stored(name).ok_or(StoreError::Corrupt("sessions.methods"));
    names.iter().map(read).collect()
}
