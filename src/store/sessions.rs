//! The `sessions` table: each state change of a session is one conditional statement.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{AsSelect, exists};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Inet, Nullable, Text, Timestamptz};
use diesel::{PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::old_rows;
use super::schema::{clients, recovery_codes, sessions, users};
use super::users::UserRow;
use crate::domain::assurance::{AuthenticationMethod, Proof, Proofs};
use crate::domain::audit_event::RequestOrigin;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::ids::{ClientId, SessionId, UserId};
use crate::domain::oauth::client::{ClientKind, ClientRef};
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::grant::{ClientStanding, CodeBinding, Grant, PresentedClient};
use crate::domain::oauth::scope::Scopes;
use crate::domain::policy::numbers::ATTEMPTS_OF_LOGIN;
use crate::domain::session::{
    ActiveSession, EndReason, ListedSession, PendingSession, RefreshSeries, RefreshTokenTransport, SessionEnds,
    SessionKey, SessionOrigin, SessionRecord, SessionState, StepUpRotation,
};
use crate::domain::session_end::EndedSession;
use crate::domain::user::{User, UserStatus};

/// Ends the sessions that a query selects, and returns them: every end is one, so that the trail gets each. A macro,
/// since the type of each query is its own.
macro_rules! end_rows {
    ($connection:expr, $rows:expr, $reason:expr, $now:expr) => {{
        let rows: Vec<(Uuid, bool)> = diesel::update($rows)
            .set(ended($reason, $now))
            // Set when a session becomes active, and kept.
            .returning((sessions::id, sessions::idle_expires_at.is_not_null()))
            .get_results($connection)?;
        let ended = rows.into_iter().map(|(id, had_tokens)| EndedSession {
            id: SessionId::from_uuid(id),
            had_tokens,
        });
        Ok(ended.collect())
    }};
}

/// End reasons after which the origin of a session says nothing about where its owner is: they shut an intruder out, who
/// must not be known by the network that they came from.
const DISTRUSTED: [EndReason; 4] = [
    EndReason::Evicted,
    EndReason::RefreshReuse,
    EndReason::PasswordChanged,
    EndReason::Revoked,
];

/// A session whose first factor was just verified.
pub struct NewSession<'a> {
    /// Its id, which stays the same until it ends.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// The first factor. A registration without a password has none: its passkey is the only factor.
    pub method: Option<AuthenticationMethod>,
    /// `password_changed_at` of the account when the factor was verified.
    pub password_changed_at: DateTime<Utc>,
    /// Where the login came from.
    pub origin: &'a RequestOrigin,
    /// When it is created.
    pub now: DateTime<Utc>,
    /// When the wait for the second factor ends.
    pub expires_at: DateTime<Utc>,
    /// The key that it is bound to, if its client has shown one.
    pub key: Option<KeyThumbprint>,
}

/// Creates a pending session.
pub fn insert_pending(connection: &mut PgConnection, new: &NewSession<'_>) -> Result<(), StoreError> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(new.id.uuid()),
            sessions::user_id.eq(new.user_id.uuid()),
            sessions::state.eq(SessionState::Pending),
            sessions::methods.eq(new.method.into_iter().collect::<Vec<_>>()),
            sessions::proved_at.eq(new.method.iter().map(|_method| new.now).collect::<Vec<_>>()),
            sessions::password_changed_at.eq(new.password_changed_at),
            sessions::created_at.eq(new.now),
            sessions::last_used_at.eq(new.now),
            sessions::expires_at.eq(new.expires_at),
            sessions::ip.eq(new.origin.ip.map(IpNetwork::from)),
            sessions::user_agent.eq(new.origin.user_agent.as_deref()),
            sessions::key_thumbprint.eq(new.key),
        ))
        .execute(connection)?;
    Ok(())
}

#[diesel::dsl::auto_type]
fn named(key: SessionKey) -> _ {
    let (user_id, id): (Uuid, Uuid) = (key.user_id.uuid(), key.session_id.uuid());
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.eq(id))
}

/// A pending session is live until it expires, its attempts are used up, or the account's password or status changes.
#[diesel::dsl::auto_type]
fn live_pending(key: SessionKey, now: DateTime<Utc>) -> _ {
    let (pending, usable): (SessionState, UserStatus) = (SessionState::Pending, UserStatus::Active);
    let most_attempts: i16 = ATTEMPTS_OF_LOGIN;
    let user_id: Uuid = key.user_id.uuid();
    let account = users::table
        .filter(users::id.eq(user_id))
        .filter(users::password_changed_at.eq(sessions::password_changed_at))
        .filter(users::status.eq(usable));
    let session: named = named(key);
    session
        .filter(sessions::state.eq(pending))
        .filter(sessions::parent_id.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::attempts.lt(most_attempts))
        .filter(exists(account))
}

/// Takes one attempt of a live pending session before anything is compared: however many requests arrive at once, at
/// most five get one. A client that has not shown the key of the session takes none.
pub fn take_attempt(
    connection: &mut PgConnection,
    key: SessionKey,
    shown: Option<KeyThumbprint>,
    now: DateTime<Utc>,
) -> Result<Option<PendingSession>, StoreError> {
    let of_client = live_pending(key, now).filter(sessions::key_thumbprint.is_not_distinct_from(shown));
    let taking = diesel::update(of_client)
        .set(sessions::attempts.eq(sessions::attempts + 1))
        .returning(PendingRow::as_returning());
    let row: Option<PendingRow> = CachedStatement(taking).get_result(connection).optional()?;
    Ok(row.map(PendingSession::from))
}

/// Finds a live pending session that is bound to the key that the client has shown, or to none if it has shown none,
/// without taking an attempt.
pub fn find_pending_of_key(
    connection: &mut PgConnection,
    key: SessionKey,
    shown: Option<KeyThumbprint>,
    now: DateTime<Utc>,
) -> Result<Option<PendingSession>, StoreError> {
    let row = live_pending(key, now)
        .filter(sessions::key_thumbprint.is_not_distinct_from(shown))
        .select(PendingRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(PendingSession::from))
}

/// Finds a live pending session, whatever key it is bound to, without taking an attempt.
pub fn find_pending(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<PendingSession>, StoreError> {
    let row = live_pending(key, now)
        .select(PendingRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(PendingSession::from))
}

/// What a pending session becomes when its second factor is verified.
pub struct Activation<'a> {
    /// The factors that were verified, in order, and when.
    pub proofs: &'a Proofs,
    /// When it expires.
    pub ends: SessionEnds,
    /// How the client gets its refresh tokens.
    pub delivery: RefreshTokenTransport,
    /// When it is activated.
    pub now: DateTime<Utc>,
}

/// Makes a pending session active. Of several concurrent calls one succeeds. Returns the session in its new state, with
/// the rest of its account: sessions beyond `most`, never this one, and origins of sessions that were used after
/// `since`. The caller has locked the user's row, since concurrent logins could otherwise overlook each other's session.
///
/// # Errors
///
/// Returns an error if the statement fails, or if the row has a value that this program cannot read.
pub fn activate(
    connection: &mut PgConnection,
    key: SessionKey,
    activation: &Activation<'_>,
    most: i64,
    since: DateTime<Utc>,
) -> Result<Option<(ActiveSession, RestOfAccount)>, StoreError> {
    let pending = named(key).filter(sessions::state.eq(SessionState::Pending));
    let activating = diesel::update(pending)
        .set((
            sessions::state.eq(SessionState::Active),
            sessions::methods.eq(methods(activation.proofs)),
            sessions::proved_at.eq(times(activation.proofs)),
            sessions::last_used_at.eq(activation.now),
            sessions::expires_at.eq(activation.ends.absolute),
            sessions::idle_expires_at.eq(activation.ends.idle),
            sessions::refresh_counter.eq(1),
            sessions::delivery.eq(activation.delivery),
        ))
        .returning(ActiveRow::as_returning());
    let current = key.session_id.uuid();
    let together = WithRestOfAccount {
        update: activating,
        surplus: live_active(key.user_id, activation.now)
            .filter(sessions::parent_id.is_null())
            .filter(sessions::id.ne(current))
            .order((sessions::last_used_at.desc(), sessions::id.desc()))
            .offset(most - 1)
            .select(sessions::id),
        origins: trusted_origins(key.user_id, current, since),
        recovery_codes: recovery_codes::table
            .filter(recovery_codes::user_id.eq(key.user_id.uuid()))
            .filter(recovery_codes::used_at.is_null())
            .count(),
    };
    let row: Option<(ActiveRow, RestRow)> = CachedStatement(together).get_result(connection).optional()?;
    row.map(|(session, rest)| Ok((session.into_active()?, rest.into())))
        .transpose()
}

/// What the completion of a login needs to know about the rest of the account.
pub struct RestOfAccount {
    /// The least recently used live sessions beyond the limit.
    pub surplus: Vec<SessionId>,
    /// Where the user's other sessions came from, except for those that may have been an attacker's.
    pub origins: Vec<SessionOrigin>,
    /// The number of unused recovery codes.
    pub recovery_codes_remaining: i64,
}

type RestColumns = (
    Array<diesel::sql_types::Uuid>,
    Array<Nullable<Inet>>,
    Array<Nullable<Text>>,
    BigInt,
);

#[derive(Queryable)]
struct RestRow {
    surplus: Vec<Uuid>,
    addresses: Vec<Option<IpNetwork>>,
    user_agents: Vec<Option<String>>,
    recovery_codes: i64,
}

impl From<RestRow> for RestOfAccount {
    fn from(row: RestRow) -> Self {
        Self {
            surplus: row.surplus.into_iter().map(SessionId::from_uuid).collect(),
            origins: row.addresses.into_iter().zip(row.user_agents).map(origin).collect(),
            recovery_codes_remaining: row.recovery_codes,
        }
    }
}

/// An `UPDATE` of one session that returns its [`ActiveRow`], and three queries about the rest of its account: a round
/// trip each would take longer than their work. The queries see all sessions as they were before the update, so they
/// must leave out the one that it changes.
struct WithRestOfAccount<U, S, O, R> {
    update: U,
    surplus: S,
    origins: O,
    recovery_codes: R,
}

impl<U, S, O, R> Query for WithRestOfAccount<U, S, O, R> {
    type SqlType = (AsSelect<ActiveRow, Pg>, RestColumns);
}

impl<U, S, O, R> QueryFragment<Pg> for WithRestOfAccount<U, S, O, R>
where
    U: QueryFragment<Pg>,
    S: QueryFragment<Pg>,
    O: QueryFragment<Pg>,
    R: QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH activated AS (");
        self.update.walk_ast(out.reborrow())?;
        out.push_sql(") SELECT * FROM activated CROSS JOIN (SELECT ARRAY(");
        self.surplus.walk_ast(out.reborrow())?;
        out.push_sql(
            ") AS surplus, coalesce(array_agg(ip), '{}') AS addresses, \
             coalesce(array_agg(user_agent), '{}') AS user_agents, (",
        );
        self.recovery_codes.walk_ast(out.reborrow())?;
        out.push_sql(") AS recovery_codes FROM (");
        self.origins.walk_ast(out.reborrow())?;
        out.push_sql(") AS origins) AS rest");
        Ok(())
    }
}

/// An active session is live until its absolute or its idle end, and only while its account is active.
#[diesel::dsl::auto_type]
fn live_active(user_id: UserId, now: DateTime<Utc>) -> _ {
    let (active, usable): (SessionState, UserStatus) = (SessionState::Active, UserStatus::Active);
    let user_id: Uuid = user_id.uuid();
    // Names the key of both tables: a distributed database then sends the statement to one server.
    let account = users::table
        .filter(users::id.eq(user_id))
        .filter(users::status.eq(usable));
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::state.eq(active))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::idle_expires_at.assume_not_null().gt(now))
        .filter(exists(account))
}

#[diesel::dsl::auto_type]
fn live(key: SessionKey, now: DateTime<Utc>) -> _ {
    let id: Uuid = key.session_id.uuid();
    let live: live_active = live_active(key.user_id, now);
    live.filter(sessions::id.eq(id))
}

/// A refresh token that a client presented.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// The session that it names.
    pub key: SessionKey,
    /// Its counter.
    pub presented: u64,
    /// The application that presented it; `None` at `/token/refresh`. The session must be a grant to that application,
    /// or none at all.
    pub client: Option<PresentedClient>,
    /// The key that its client has shown. The session must be bound to that key, or to none if there is none.
    pub shown: Option<KeyThumbprint>,
    /// How long the session lasts without a further use.
    pub idle: TimeDelta,
    /// When it was presented.
    pub now: DateTime<Utc>,
}

/// Advances the counter of a refresh token series. Of several concurrent calls with the same token one succeeds.
/// Returns the session with its account: a single statement takes one round trip and is its own transaction.
pub fn rotate(connection: &mut PgConnection, wanted: &Rotation) -> Result<Option<(ActiveSession, User)>, StoreError> {
    let Rotation { key, idle, now, .. } = *wanted;
    let Ok(presented) = i64::try_from(wanted.presented) else {
        return Ok(None);
    };
    let live = live(key, now)
        .filter(sessions::refresh_counter.eq(presented))
        .filter(is_of(wanted.client))
        .filter(sessions::key_thumbprint.is_not_distinct_from(wanted.shown));
    let rotation = diesel::update(live)
        .set((
            sessions::refresh_counter.eq(sessions::refresh_counter + 1),
            sessions::rotated_at.eq(now),
            sessions::last_used_at.eq(now),
            sessions::idle_expires_at.eq(idle_end(now + idle)),
        ))
        .returning(ActiveRow::as_returning());
    let row: Option<(ActiveRow, UserRow)> = CachedStatement(WithAccount::of(rotation, key.user_id))
        .get_result(connection)
        .optional()?;
    row.map(|(session, user)| Ok((session.into_active()?, user.into())))
        .transpose()
}

/// The session belongs to the client that presented a token of it. That client still exists, and it has authenticated
/// unless it cannot keep a secret. The flow has found this out of one that describes itself, which is in no table.
#[diesel::dsl::auto_type]
fn is_of(client: Option<PresentedClient>) -> _ {
    let id: Option<Uuid> = client.map(|client| client.id.uuid());
    let standing: Option<ClientStanding> = client.map(|client| client.standing);
    let (authenticated, described): (bool, bool) = (
        standing == Some(ClientStanding::Authenticated),
        standing == Some(ClientStanding::Described),
    );
    let public: ClientKind = ClientKind::Public;
    let known = clients::table
        .filter(clients::id.nullable().eq(id))
        .filter(clients::kind.eq(public).or(authenticated.into_sql::<Bool>()));
    sessions::client_id.is_not_distinct_from(id).and(
        sessions::client_id
            .is_null()
            .or(described.into_sql::<Bool>())
            .or(exists(known)),
    )
}

/// An `UPDATE` of sessions that returns [`ActiveRow`]s together with the account of each.
#[derive(QueryId)]
struct WithAccount<U> {
    update: U,
    user_id: Uuid,
    account: AsSelect<UserRow, Pg>,
}

impl<U> WithAccount<U> {
    fn of(update: U, user_id: UserId) -> Self {
        Self {
            update,
            user_id: user_id.uuid(),
            account: UserRow::as_select(),
        }
    }
}

impl<U> Query for WithAccount<U> {
    type SqlType = (AsSelect<ActiveRow, Pg>, AsSelect<UserRow, Pg>);
}

impl<U> RunQueryDsl<PgConnection> for WithAccount<U> {}

impl<U: QueryFragment<Pg>> QueryFragment<Pg> for WithAccount<U> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH changed AS (");
        self.update.walk_ast(out.reborrow())?;
        out.push_sql(") SELECT changed.*, ");
        self.account.walk_ast(out.reborrow())?;
        out.push_sql(" FROM changed INNER JOIN \"users\" ON (\"users\".\"id\" = \"changed\".\"user_id\")");
        // The key of both tables: a distributed database then sends the statement to one server.
        out.push_sql(" WHERE (\"users\".\"id\" = ");
        out.push_bind_param::<diesel::sql_types::Uuid, _>(&self.user_id)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Replaces the proofs of a live session after another factor was verified, and advances its refresh token counter: the
/// holder of an older refresh token has verified nothing (ASVS 7.2.4). The row stores the number of the new token
/// and the time it was made.
pub fn step_up(
    connection: &mut PgConnection,
    key: SessionKey,
    proofs: &Proofs,
    idle: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    let row: Option<ActiveRow> = diesel::update(live(key, now))
        .set((
            sessions::methods.eq(methods(proofs)),
            sessions::proved_at.eq(times(proofs)),
            sessions::refresh_counter.eq(sessions::refresh_counter + 1),
            sessions::rotated_at.eq(now),
            sessions::step_up_counter.eq((sessions::refresh_counter + 1).nullable()),
            sessions::stepped_up_at.eq(now),
            sessions::last_used_at.eq(now),
            sessions::idle_expires_at.eq(idle_end(now + idle)),
        ))
        .returning(ActiveRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(ActiveRow::into_active).transpose()
}

/// The idle end after a use. It moves, but never past the absolute end.
#[diesel::dsl::auto_type]
fn idle_end(wanted: DateTime<Utc>) -> _ {
    let moved = wanted.into_sql::<Timestamptz>();
    diesel::dsl::case_when(sessions::expires_at.lt(wanted), sessions::expires_at.nullable()).otherwise(moved.nullable())
}

fn methods(proofs: &Proofs) -> Vec<AuthenticationMethod> {
    proofs.iter().map(|proof| proof.method).collect()
}

fn times(proofs: &Proofs) -> Vec<DateTime<Utc>> {
    proofs.iter().map(|proof| proof.at).collect()
}

/// Returns whether a session is one of the client that presents a token of it: see [`Rotation::client`].
pub fn is_presented_by(
    connection: &mut PgConnection,
    key: SessionKey,
    client: Option<PresentedClient>,
) -> Result<bool, StoreError> {
    let presented = named(key).filter(is_of(client));
    Ok(diesel::select(exists(presented)).get_result(connection)?)
}

/// Records that the challenge of a registration has registered a passkey. Of several concurrent calls with the same
/// challenge one succeeds, and none with an older one. Returns `false` if it does not count.
pub fn spend_passkey_challenge(
    connection: &mut PgConnection,
    key: SessionKey,
    issued_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let is_newer = sessions::passkey_challenge_at
        .is_null()
        .or(sessions::passkey_challenge_at.assume_not_null().lt(issued_at));
    let spending = diesel::update(named(key).filter(is_newer)).set(sessions::passkey_challenge_at.eq(issued_at));
    Ok(spending.execute(connection)? == 1)
}

/// Records that the nonce of a proof has allowed a change in a bound session. Of several concurrent calls with the same
/// nonce one succeeds, and none with an older one. Returns `false` if it does not count.
pub fn spend_nonce(
    connection: &mut PgConnection,
    key: SessionKey,
    issued_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let is_newer = sessions::dpop_nonce_at
        .is_null()
        .or(sessions::dpop_nonce_at.assume_not_null().lt(issued_at));
    let spending = diesel::update(named(key).filter(is_newer)).set(sessions::dpop_nonce_at.eq(issued_at));
    Ok(CachedStatement(spending).execute(connection)? == 1)
}

/// Returns whether a session is bound to the key that a client has shown, or to none if there is none.
pub fn is_bound_to(
    connection: &mut PgConnection,
    key: SessionKey,
    shown: Option<KeyThumbprint>,
) -> Result<bool, StoreError> {
    let bound = named(key).filter(sessions::key_thumbprint.is_not_distinct_from(shown));
    Ok(diesel::select(exists(bound)).get_result(connection)?)
}

/// Returns how the client of a session gets its refresh token, whether or not the session has ended. `None` if there is
/// no such session.
pub fn find_delivery(
    connection: &mut PgConnection,
    key: SessionKey,
) -> Result<Option<RefreshTokenTransport>, StoreError> {
    Ok(named(key).select(sessions::delivery).first(connection).optional()?)
}

/// Finds a live session by its id and locks it for the rest of the transaction.
pub fn find_live_for_update(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    let row = live(key, now)
        .select(ActiveRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    row.map(ActiveRow::into_active).transpose()
}

/// Ends a session that has not ended yet, with its grants. Returns what this call ended.
pub fn end(
    connection: &mut PgConnection,
    key: SessionKey,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let running = with_grants(key).filter(sessions::state.ne(SessionState::Ended));
    end_rows!(connection, running, reason, now)
}

/// A session and its grants.
#[diesel::dsl::auto_type]
fn with_grants(key: SessionKey) -> _ {
    let (user_id, id): (Uuid, Uuid) = (key.user_id.uuid(), key.session_id.uuid());
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.eq(id).or(sessions::parent_id.assume_not_null().eq(id)))
}

/// Ends an active session that is not a grant, with its grants. A pending or expired one is left alone. Returns what
/// this call ended.
pub fn end_live(
    connection: &mut PgConnection,
    key: SessionKey,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let is_live = live(key, now).filter(sessions::parent_id.is_null());
    let locked: Option<Uuid> = is_live
        .select(sessions::id)
        .for_no_key_update()
        .first(connection)
        .optional()?;
    match locked {
        Some(_id) => end(connection, key, reason, now),
        None => Ok(Vec::new()),
    }
}

/// Ends all grants of a user to an application. The caller has locked the user's row. Returns those that it ended.
pub fn end_grants(
    connection: &mut PgConnection,
    (user_id, client_id): (UserId, ClientId),
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let running = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .filter(sessions::client_id.eq(client_id.uuid()))
        .filter(sessions::state.ne(SessionState::Ended));
    end_rows!(connection, running, reason, now)
}

/// What a user allows an application.
pub struct NewGrant {
    /// The id of the request, which can become only one grant.
    pub id: SessionId,
    /// What was granted, and in which session.
    pub grant: Grant,
    /// The proofs behind the token of the user who decided.
    pub proofs: Proofs,
    /// What the authorization code is bound to; none if there is no code.
    pub binding: Option<CodeBinding>,
    /// The key that has to redeem the code, if the request named one.
    pub key: Option<KeyThumbprint>,
    /// When the user decided.
    pub now: DateTime<Utc>,
    /// Until when the application may pick its tokens up.
    pub expires_at: DateTime<Utc>,
}

/// Creates a grant that waits for its code to be redeemed, if its parent is live. Returns whether it did: a request
/// becomes one grant and no second one.
pub fn insert_grant(connection: &mut PgConnection, parent: SessionKey, new: &NewGrant) -> Result<bool, StoreError> {
    let (grant, binding) = (&new.grant, new.binding.as_ref());
    let of_parent = live(parent, new.now).filter(sessions::parent_id.is_null()).select((
        new.id.uuid().into_sql::<diesel::sql_types::Uuid>(),
        sessions::user_id,
        SessionState::Pending.into_sql::<Text>(),
        methods(&new.proofs).into_sql::<Array<Text>>(),
        times(&new.proofs).into_sql::<Array<Timestamptz>>(),
        sessions::password_changed_at,
        new.now.into_sql::<Timestamptz>(),
        new.now.into_sql::<Timestamptz>(),
        new.expires_at.into_sql::<Timestamptz>(),
        sessions::id.nullable(),
        Some(grant.client.id.uuid()).into_sql::<Nullable<diesel::sql_types::Uuid>>(),
        grant
            .client
            .url
            .as_ref()
            .map(ClientUrl::as_str)
            .into_sql::<Nullable<Text>>(),
        Some(grant.scopes.as_slice()).into_sql::<Nullable<Array<Text>>>(),
        Some(grant.audience.as_str()).into_sql::<Nullable<Text>>(),
        binding
            .map(|binding| binding.redirect_uri.as_str())
            .into_sql::<Nullable<Text>>(),
        binding
            .map(|binding| binding.challenge.0.as_slice())
            .into_sql::<Nullable<Binary>>(),
        grant.nonce.as_deref().into_sql::<Nullable<Text>>(),
        new.key.into_sql::<Nullable<Binary>>(),
    ));
    let inserted = diesel::insert_into(sessions::table)
        .values(of_parent)
        .into_columns((
            sessions::id,
            sessions::user_id,
            sessions::state,
            sessions::methods,
            sessions::proved_at,
            sessions::password_changed_at,
            sessions::created_at,
            sessions::last_used_at,
            sessions::expires_at,
            sessions::parent_id,
            sessions::client_id,
            sessions::client_url,
            sessions::scopes,
            sessions::audience,
            sessions::redirect_uri,
            sessions::code_challenge,
            sessions::nonce,
            sessions::key_thumbprint,
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

/// Makes a grant active whose code is presented by the right application with the right verifier, and binds it to the
/// key that the application has shown. If the request named a key, it has to be that one. Of several calls one
/// succeeds. `None`: nothing was changed.
pub fn redeem(
    connection: &mut PgConnection,
    key: SessionKey,
    (binding, shown): (&CodeBinding, Option<KeyThumbprint>),
    ends: SessionEnds,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    let redeemable = named(key)
        .filter(sessions::state.eq(SessionState::Pending))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::client_id.eq(binding.client_id.uuid()))
        .filter(sessions::redirect_uri.eq(&binding.redirect_uri))
        .filter(sessions::code_challenge.eq(binding.challenge.0.as_slice()))
        .filter(
            sessions::key_thumbprint
                .is_null()
                .or(sessions::key_thumbprint.is_not_distinct_from(shown)),
        );
    let row: Option<ActiveRow> = diesel::update(redeemable)
        .set(ActivatedGrant::new(ends, shown, now))
        .returning(ActiveRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(ActiveRow::into_active).transpose()
}

/// Makes a grant without a code active, for the application that it was made for, and binds it to the key that the
/// application has shown. Of several calls one succeeds.
pub fn pick_up(
    connection: &mut PgConnection,
    key: SessionKey,
    (client_id, shown): (ClientId, Option<KeyThumbprint>),
    ends: SessionEnds,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    let waiting = named(key)
        .filter(sessions::state.eq(SessionState::Pending))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::client_id.eq(client_id.uuid()))
        .filter(sessions::code_challenge.is_null());
    let row: Option<ActiveRow> = diesel::update(waiting)
        .set(ActivatedGrant::new(ends, shown, now))
        .returning(ActiveRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(ActiveRow::into_active).transpose()
}

/// What changes when a grant becomes active.
#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
struct ActivatedGrant {
    state: SessionState,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
    refresh_counter: i64,
    /// Left as it is if the application has shown none.
    key_thumbprint: Option<KeyThumbprint>,
}

impl ActivatedGrant {
    const fn new(ends: SessionEnds, shown: Option<KeyThumbprint>, now: DateTime<Utc>) -> Self {
        Self {
            state: SessionState::Active,
            last_used_at: now,
            expires_at: ends.absolute,
            idle_expires_at: ends.idle,
            refresh_counter: 1,
            key_thumbprint: shown,
        }
    }
}

/// Returns whether a grant waits for its code, which may have expired.
pub fn is_waiting(connection: &mut PgConnection, key: SessionKey) -> Result<bool, StoreError> {
    let waiting = named(key).filter(sessions::state.eq(SessionState::Pending));
    Ok(diesel::select(exists(waiting)).get_result(connection)?)
}

/// Returns whether a grant still waits for its code, which has expired.
pub fn is_expired_code(connection: &mut PgConnection, key: SessionKey, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let waiting = named(key)
        .filter(sessions::state.eq(SessionState::Pending))
        .filter(sessions::expires_at.le(now));
    Ok(diesel::select(exists(waiting)).get_result(connection)?)
}

/// Returns the session that a grant belongs to.
pub fn parent_of(connection: &mut PgConnection, grant: SessionKey) -> Result<Option<SessionKey>, StoreError> {
    let parent: Option<Option<Uuid>> = named(grant).select(sessions::parent_id).first(connection).optional()?;
    Ok(parent.flatten().map(|id| SessionKey {
        session_id: SessionId::from_uuid(id),
        ..grant
    }))
}

/// Lists the least recently used live grants of a user to an application beyond `most`.
pub fn surplus_grants(
    connection: &mut PgConnection,
    (user_id, client_id): (UserId, ClientId),
    most: u32,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<Uuid> = live_active(user_id, now)
        .filter(sessions::client_id.eq(client_id.uuid()))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .offset(most.into())
        .select(sessions::id)
        .load(connection)?;
    Ok(ids.into_iter().map(SessionId::from_uuid).collect())
}

/// A grant as lists of applications and of sessions need it.
pub struct ListedGrant {
    /// The session that the user granted in.
    pub parent: SessionId,
    /// The application.
    pub client: ClientRef,
    /// The resource that its access tokens are for.
    pub audience: String,
    /// What was granted.
    pub scopes: Scopes,
    /// When it was granted.
    pub created_at: DateTime<Utc>,
    /// When one of its tokens was last made.
    pub last_used_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
struct GrantRow {
    parent_id: Option<Uuid>,
    client_id: Option<Uuid>,
    client_url: Option<String>,
    audience: Option<String>,
    scopes: Option<Vec<String>>,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
}

/// Lists the live grants of a user.
pub fn list_grants(
    connection: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<ListedGrant>, StoreError> {
    let rows: Vec<GrantRow> = live_active(user_id, now)
        .filter(sessions::parent_id.is_not_null())
        .select(GrantRow::as_select())
        .load(connection)?;
    let listed = rows.into_iter().filter_map(|row| {
        Some(ListedGrant {
            parent: SessionId::from_uuid(row.parent_id?),
            client: ClientRef::from_stored(row.client_id?, row.client_url),
            audience: row.audience?,
            scopes: Scopes::from_stored(row.scopes?),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
    });
    Ok(listed.collect())
}

/// Finds which of a user's sessions, ended ones included, are grants, and to which application.
pub fn granted_to(
    connection: &mut PgConnection,
    user_id: UserId,
    ids: &[SessionId],
) -> Result<Vec<(SessionId, ClientRef)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, Uuid, Option<String>)> = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .filter(sessions::id.eq_any(ids))
        .filter(sessions::client_id.is_not_null())
        .select((
            sessions::id,
            sessions::client_id.assume_not_null(),
            sessions::client_url,
        ))
        .load(connection)?;
    let grants = rows.into_iter();
    Ok(grants
        .map(|(id, client, url)| (SessionId::from_uuid(id), ClientRef::from_stored(client, url)))
        .collect())
}

/// A grant to an application that has changed.
pub struct GrantTo {
    /// The session.
    pub key: SessionKey,
    /// What was granted.
    pub scopes: Scopes,
    /// The resource that its access tokens are for.
    pub audience: String,
    /// Whether it has tokens, and none of them is bound to a key.
    pub is_active_without_key: bool,
}

/// Lists the grants of a user to an application that have not ended.
pub fn list_grants_to(
    connection: &mut PgConnection,
    (user_id, client_id): (UserId, ClientId),
) -> Result<Vec<GrantTo>, StoreError> {
    type Row = (Uuid, Option<Vec<String>>, Option<String>, bool);
    let is_active_without_key = sessions::state
        .eq(SessionState::Active)
        .and(sessions::key_thumbprint.is_null());
    let rows: Vec<Row> = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .filter(sessions::client_id.eq(client_id.uuid()))
        .filter(sessions::state.ne(SessionState::Ended))
        .order(sessions::id)
        .select((
            sessions::id,
            sessions::scopes,
            sessions::audience,
            is_active_without_key,
        ))
        .load(connection)?;
    let listed = rows
        .into_iter()
        .filter_map(|(id, scopes, audience, is_active_without_key)| {
            Some(GrantTo {
                key: SessionKey {
                    user_id,
                    session_id: SessionId::from_uuid(id),
                },
                scopes: Scopes::from_stored(scopes?),
                audience: audience?,
                is_active_without_key,
            })
        });
    Ok(listed.collect())
}

/// Takes scopes from a grant: `scopes` are those that remain. The caller has locked the user's row.
pub fn narrow_grant(connection: &mut PgConnection, key: SessionKey, scopes: &Scopes) -> Result<(), StoreError> {
    diesel::update(named(key))
        .set(sessions::scopes.eq(scopes.as_slice()))
        .execute(connection)?;
    Ok(())
}

/// Lists users with grants to an application that have not ended, in the order of their ids, starting after the user
/// `after` if it is given.
pub fn users_with_grants(
    connection: &mut PgConnection,
    client_id: ClientId,
    after: Option<UserId>,
    most: i64,
) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = sessions::table
        .filter(sessions::client_id.eq(client_id.uuid()))
        .filter(sessions::user_id.gt(after.map_or_else(Uuid::nil, UserId::uuid)))
        .filter(sessions::state.ne(SessionState::Ended))
        .order(sessions::user_id)
        .select(sessions::user_id)
        .distinct()
        .limit(most)
        .load(connection)?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// Returns whether a session that has not ended belongs to another user. The ids of ended ones are published.
pub fn is_of_another(connection: &mut PgConnection, key: SessionKey) -> Result<bool, StoreError> {
    let others = sessions::table
        .filter(sessions::id.eq(key.session_id.uuid()))
        .filter(sessions::user_id.ne(key.user_id.uuid()))
        .filter(sessions::state.ne(SessionState::Ended));
    Ok(diesel::select(exists(others)).get_result(connection)?)
}

/// Ends an active session that has expired. Its grants expire by themselves. Returns what this call ended.
pub fn end_expired(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let over = named(key).filter(sessions::state.eq(SessionState::Active)).filter(
        sessions::expires_at
            .le(now)
            .or(sessions::idle_expires_at.assume_not_null().le(now)),
    );
    end_rows!(connection, over, EndReason::Expired, now)
}

/// Ends all sessions of a user, including pending ones, except for `kept`. The caller has locked the user's row;
/// otherwise two calls that each lock several sessions could deadlock. Returns the sessions that it ended.
pub fn end_all(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    end_but(connection, (user_id, kept), &[], reason, now)
}

/// Ends all sessions of a user, including pending ones, except for `kept` and its grants. The caller has locked the
/// user's row. Returns the sessions that it ended.
pub fn end_others(
    connection: &mut PgConnection,
    kept: SessionKey,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let id = kept.session_id.uuid();
    let running = all_but(kept.user_id, Some(kept.session_id))
        .filter(
            sessions::parent_id
                .is_null()
                .or(sessions::parent_id.assume_not_null().ne(id)),
        )
        .filter(sessions::state.ne(SessionState::Ended));
    end_rows!(connection, running, reason, now)
}

/// Ends all pending logins of a user, except for `kept`. Returns the sessions that it ended.
pub fn end_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    end_but(connection, (user_id, kept), &[SessionState::Active], reason, now)
}

/// The sessions of a user, except for `kept`.
#[diesel::dsl::auto_type]
fn all_but(user_id: UserId, kept: Option<SessionId>) -> _ {
    // No session has the nil id.
    let (user_id, kept): (Uuid, Uuid) = (user_id.uuid(), kept.map_or_else(Uuid::nil, SessionId::uuid));
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.ne(kept))
}

/// Ends the sessions of a user that have not ended, except for `kept` and those in a `spared` state.
fn end_but(
    connection: &mut PgConnection,
    (user_id, kept): (UserId, Option<SessionId>),
    spared: &[SessionState],
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let running = all_but(user_id, kept)
        .filter(sessions::state.ne(SessionState::Ended))
        .filter(sessions::state.ne_all(spared.to_vec()));
    end_rows!(connection, running, reason, now)
}

/// What is left of the proofs of a session. diesel has no expression for a query over two arrays of the row that is
/// updated.
const LEFT: &str = "FROM unnest(methods, proved_at) WITH ORDINALITY AS proof (method, at, place) \
                    WHERE method <> ALL ($2) ORDER BY place";

/// Removes the proofs by some methods from a user's active sessions and from grants that wait, except from `kept` and
/// from sessions that have no other proof. The caller has locked the user's row; otherwise two calls that each lock
/// several sessions could deadlock.
pub fn remove_proofs(
    connection: &mut PgConnection,
    (user_id, kept): (UserId, Option<SessionId>),
    methods: Vec<AuthenticationMethod>,
) -> Result<(), StoreError> {
    // No session has the nil id.
    let kept = kept.map_or_else(Uuid::nil, SessionId::uuid);
    diesel::sql_query(format!(
        "UPDATE \"sessions\" SET methods = ARRAY(SELECT method {LEFT}), proved_at = ARRAY(SELECT at {LEFT}) \
         WHERE (\"sessions\".\"user_id\" = $1) AND id <> $3 AND (state = 'active' OR state = 'pending' AND parent_id IS NOT NULL) \
         AND methods && $2 AND NOT methods <@ $2"
    ))
    .bind::<diesel::sql_types::Uuid, _>(user_id.uuid())
    .bind::<Array<Text>, _>(methods)
    .bind::<diesel::sql_types::Uuid, _>(kept)
    .execute(connection)?;
    Ok(())
}

/// Ends a user's sessions whose proofs are all by some methods, except for `kept`: active ones, grants that wait, and
/// logins that wait for their second factor. A login without any proof waits for its first. Returns the sessions that it
/// ended. The caller has locked the user's row; otherwise two calls that each lock several sessions
/// could deadlock.
pub fn end_proved_only_by(
    connection: &mut PgConnection,
    (user_id, kept): (UserId, Option<SessionId>),
    methods: &[AuthenticationMethod],
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    let proved = all_but(user_id, kept)
        .filter(sessions::state.ne(SessionState::Ended))
        .filter(sessions::methods.overlaps_with(methods.to_vec()))
        .filter(sessions::methods.is_contained_by(methods.to_vec()));
    end_rows!(connection, proved, reason, now)
}

/// Lists users with sessions that have not ended, in the order of their ids, starting after the user `after` if it is
/// given.
pub fn users_with_sessions(
    connection: &mut PgConnection,
    after: Option<UserId>,
    most: i64,
) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = sessions::table
        .filter(sessions::user_id.gt(after.map_or_else(Uuid::nil, UserId::uuid)))
        .filter(sessions::state.ne(SessionState::Ended))
        .order(sessions::user_id)
        .select(sessions::user_id)
        .distinct()
        .limit(most)
        .load(connection)?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// The origins of a user's sessions that became active and were used since a moment, except for the session `aside`.
/// Sessions that may have been an attacker's do not count: those that the owner ended from another session, and those
/// of which a refresh token was used twice.
#[diesel::dsl::auto_type]
fn trusted_origins(user_id: UserId, aside: Uuid, since: DateTime<Utc>) -> _ {
    let user_id: Uuid = user_id.uuid();
    let distrusted: [EndReason; 4] = DISTRUSTED;
    let is_trusted = sessions::end_reason
        .is_null()
        .or(sessions::end_reason.ne_all(distrusted));
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.ne(aside))
        .filter(sessions::parent_id.is_null())
        .filter(sessions::idle_expires_at.is_not_null())
        .filter(sessions::last_used_at.gt(since))
        .filter(is_trusted)
        .select((sessions::ip, sessions::user_agent))
        .distinct()
}

fn origin((ip, user_agent): (Option<IpNetwork>, Option<String>)) -> SessionOrigin {
    SessionOrigin {
        ip: ip.map(|network| network.ip()),
        user_agent,
    }
}

/// Lists the origins of a user's sessions that became active and were used since a moment, except for those that may
/// have been an attacker's.
pub fn origins_since(
    connection: &mut PgConnection,
    user_id: UserId,
    since: DateTime<Utc>,
) -> Result<Vec<SessionOrigin>, StoreError> {
    // No session has the nil id.
    let rows: Vec<(Option<IpNetwork>, Option<String>)> =
        trusted_origins(user_id, Uuid::nil(), since).load(connection)?;
    Ok(rows.into_iter().map(origin).collect())
}

/// Lists the addresses from which logins of a user came since a moment, whatever their result.
pub fn addresses_since(
    connection: &mut PgConnection,
    user_id: UserId,
    since: DateTime<Utc>,
) -> Result<Vec<IpAddr>, StoreError> {
    let found: Vec<Option<IpNetwork>> = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .filter(sessions::created_at.gt(since))
        .select(sessions::ip)
        .distinct()
        .load(connection)?;
    Ok(found.into_iter().flatten().map(|network| network.ip()).collect())
}

/// Ends some of a user's sessions because there are too many, with their grants. Returns those that it ended.
pub fn end_surplus(
    connection: &mut PgConnection,
    user_id: UserId,
    surplus: &[SessionId],
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<EndedSession>, StoreError> {
    if surplus.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = surplus.iter().map(|id| id.uuid()).collect();
    let surplus = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .filter(sessions::state.ne(SessionState::Ended))
        .filter(
            sessions::id
                .eq_any(ids.clone())
                .or(sessions::parent_id.assume_not_null().eq_any(ids)),
        );
    end_rows!(connection, surplus, reason, now)
}

/// Lists the live sessions of a user except for grants, most recently used first.
pub fn list(
    connection: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<ListedSession>, StoreError> {
    let rows: Vec<(ActiveRow, ListedRow)> = live_active(user_id, now)
        .filter(sessions::parent_id.is_null())
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .select((ActiveRow::as_select(), ListedRow::as_select()))
        .load(connection)?;
    let list = |(session, listed): (ActiveRow, ListedRow)| {
        Ok(ListedSession {
            session: session.into_active()?,
            last_used_at: listed.last_used_at,
            ip: listed.ip.map(|network| network.ip()),
            user_agent: listed.user_agent,
        })
    };
    rows.into_iter().map(list).collect()
}

/// Lists everything that is stored about a user's sessions, newest first.
pub fn list_records(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<SessionRecord>, StoreError> {
    let rows: Vec<RecordRow> = sessions::table
        .filter(sessions::user_id.eq(user_id.uuid()))
        .order(sessions::id.desc())
        .select(RecordRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(SessionRecord::from).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
struct RecordRow {
    id: Uuid,
    client_id: Option<Uuid>,
    client_url: Option<String>,
    state: SessionState,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    end_reason: Option<EndReason>,
    ip: Option<IpNetwork>,
    user_agent: Option<String>,
}

impl From<RecordRow> for SessionRecord {
    fn from(row: RecordRow) -> Self {
        Self {
            id: SessionId::from_uuid(row.id),
            client: row.client_id.map(|id| ClientRef::from_stored(id, row.client_url)),
            state: row.state,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason,
            origin: SessionOrigin {
                ip: row.ip.map(|network| network.ip()),
                user_agent: row.user_agent,
            },
        }
    }
}

/// Deletes up to `most` rows that were created before an id. Rows that another transaction has locked are left for the
/// next run. Returns how many were deleted.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    old_rows::delete_before!(sessions, connection, id, most)
}

type Ended = (
    diesel::dsl::Eq<sessions::state, SessionState>,
    diesel::dsl::Eq<sessions::ended_at, DateTime<Utc>>,
    diesel::dsl::Eq<sessions::end_reason, EndReason>,
);

fn ended(reason: EndReason, now: DateTime<Utc>) -> Ended {
    (
        sessions::state.eq(SessionState::Ended),
        sessions::ended_at.eq(now),
        sessions::end_reason.eq(reason),
    )
}

/// Finds a live session together with its account, if that is active.
pub fn find_active(
    connection: &mut PgConnection,
    key: SessionKey,
    now: DateTime<Utc>,
) -> Result<Option<(ActiveSession, User)>, StoreError> {
    let row: Option<(ActiveRow, UserRow)> = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::user_id.eq(key.user_id.uuid()))
        .filter(users::id.eq(key.user_id.uuid()))
        .filter(sessions::id.eq(key.session_id.uuid()))
        .filter(sessions::state.eq(SessionState::Active))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::idle_expires_at.gt(now))
        .filter(users::status.eq(UserStatus::Active))
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
    methods: Vec<AuthenticationMethod>,
    proved_at: Vec<DateTime<Utc>>,
    key_thumbprint: Option<KeyThumbprint>,
}

impl From<PendingRow> for PendingSession {
    fn from(row: PendingRow) -> Self {
        Self {
            id: SessionId::from_uuid(row.id),
            user_id: UserId::from_uuid(row.user_id),
            attempts: row.attempts,
            proofs: proofs(&row.methods, &row.proved_at),
            key: row.key_thumbprint,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
pub(super) struct ActiveRow {
    id: Uuid,
    user_id: Uuid,
    methods: Vec<AuthenticationMethod>,
    proved_at: Vec<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    idle_expires_at: Option<DateTime<Utc>>,
    refresh_counter: i64,
    rotated_at: Option<DateTime<Utc>>,
    step_up_counter: Option<i64>,
    stepped_up_at: Option<DateTime<Utc>>,
    delivery: RefreshTokenTransport,
    parent_id: Option<Uuid>,
    client_id: Option<Uuid>,
    client_url: Option<String>,
    scopes: Option<Vec<String>>,
    audience: Option<String>,
    nonce: Option<String>,
    key_thumbprint: Option<KeyThumbprint>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
struct ListedRow {
    last_used_at: DateTime<Utc>,
    ip: Option<IpNetwork>,
    user_agent: Option<String>,
}

impl ActiveRow {
    pub(super) fn into_active(self) -> Result<ActiveSession, StoreError> {
        Ok(ActiveSession {
            id: SessionId::from_uuid(self.id),
            user_id: UserId::from_uuid(self.user_id),
            proofs: proofs(&self.methods, &self.proved_at),
            created_at: self.created_at,
            ends: SessionEnds {
                absolute: self.expires_at,
                idle: self
                    .idle_expires_at
                    .ok_or(StoreError::Corrupt("sessions.idle_expires_at"))?,
            },
            refresh: RefreshSeries {
                live: read_counter(self.refresh_counter)?,
                rotated_at: self.rotated_at,
                step_up: match (self.step_up_counter, self.stepped_up_at) {
                    (Some(counter), Some(at)) => Some(StepUpRotation {
                        counter: read_counter(counter)?,
                        at,
                    }),
                    _ => None,
                },
            },
            delivery: self.delivery,
            grant: match (self.parent_id, self.client_id, self.scopes, self.audience) {
                (Some(parent), Some(client), Some(scopes), Some(audience)) => Some(Grant {
                    parent: SessionId::from_uuid(parent),
                    client: ClientRef::from_stored(client, self.client_url),
                    scopes: Scopes::from_stored(scopes),
                    audience,
                    nonce: self.nonce,
                }),
                _ => None,
            },
            key: self.key_thumbprint,
        })
    }
}

fn proofs(methods: &[AuthenticationMethod], times: &[DateTime<Utc>]) -> Proofs {
    let proof = |(method, at): (&AuthenticationMethod, &DateTime<Utc>)| Proof {
        method: *method,
        at: *at,
    };
    methods.iter().zip(times).map(proof).collect()
}

fn read_counter(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_negative| StoreError::Corrupt("sessions.refresh_counter"))
}
