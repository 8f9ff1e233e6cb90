//! Rotations and look-ups of sessions, those that wait at the same moment in one statement.
//!
//! A batch only rotates what is live and free, and decides nothing else. Every other token, and every row that another
//! transaction holds, is left to a transaction of its own. A row is held with `SKIP LOCKED`, so a batch waits for no
//! lock and cannot deadlock with another.

use chrono::{DateTime, Utc};
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::AsSelect;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Timestamptz};
use diesel::{PgConnection, pg::Pg};
use uuid::Uuid;

use super::batch::{self, Batch};
use super::cached_statement::CachedStatement;
use super::error::StoreError;
use super::pool::Database;
use super::sessions::{self, ActiveRow, Rotation};
use super::users::UserRow;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::oauth::grant::ClientStanding;
use crate::domain::session::{ActiveSession, SessionKey};
use crate::domain::user::User;

/// A session with its account.
type Found = (ActiveSession, User);
/// What a look-up found, if anything.
type LookedUp = Option<Found>;
/// The place of a request in its batch, from 1, with what was found for it.
type FoundRow = (i64, ActiveRow, UserRow);
type FoundColumns = (BigInt, AsSelect<ActiveRow, Pg>, AsSelect<UserRow, Pg>);

/// A session that an access token names.
#[derive(Clone, Copy, Debug)]
pub struct LookUp {
    /// The session.
    pub key: SessionKey,
    /// When the token was presented.
    pub now: DateTime<Utc>,
}

/// The batches of a process.
pub struct SessionBatches {
    /// Rotates live refresh tokens. What it does not answer is not live, held by another transaction, or unknown.
    pub rotations: Batch<Rotation, Found>,
    /// Finds live sessions with their accounts, if these are active.
    pub look_ups: Batch<LookUp, LookedUp>,
}

impl SessionBatches {
    /// Prepares the batches.
    pub fn new(db: &Database) -> Self {
        Self {
            rotations: Batch::new(db, "refresh", batch::MOST, rotate),
            look_ups: Batch::new(db, "sessions.authenticate", batch::MOST, find_active),
        }
    }
}

/// Advances the counter of each series whose live token was presented, unless another transaction holds its row. Of
/// several requests with the same token one succeeds.
///
/// # Errors
///
/// Returns an error if the statement fails. No row has changed then, unless the connection broke.
pub fn rotate(connection: &mut PgConnection, wanted: &[Rotation]) -> Result<Vec<Option<Found>>, StoreError> {
    let rows = match wanted {
        [one] => load(connection, Rotating::of(Keyed::of(one)))?,
        many => load(connection, Rotating::of(Listed::of(many)))?,
    };
    Ok(in_order(wanted.len(), rows.found))
}

/// Finds live sessions together with their accounts, if these are active.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn find_active(connection: &mut PgConnection, wanted: &[LookUp]) -> Result<Vec<Option<LookedUp>>, StoreError> {
    if let [one] = wanted {
        return Ok(vec![Some(sessions::find_active(connection, one.key, one.now)?)]);
    }
    let rows = load(connection, LookingUp::of(wanted))?;
    let is_complete = rows.unreadable == 0;
    let found = in_order(wanted.len(), rows.found);
    // Which request a row belongs to is unknown if the row cannot be read.
    Ok(found
        .into_iter()
        .map(|found| (found.is_some() || is_complete).then_some(found))
        .collect())
}

/// What a statement returned.
struct Rows {
    found: Vec<(i64, Found)>,
    unreadable: usize,
}

/// Runs a statement. A row with a value that this program cannot read must not fail the requests for other rows.
fn load<S>(connection: &mut PgConnection, statement: S) -> Result<Rows, StoreError>
where
    S: Query<SqlType = FoundColumns> + QueryFragment<Pg> + 'static,
{
    let rows = CachedStatement(statement).load_iter::<FoundRow, DefaultLoadingMode>(connection)?;
    let mut read = Rows {
        found: Vec::new(),
        unreadable: 0,
    };
    for row in rows {
        match row.map_err(StoreError::from).and_then(located) {
            Ok(found) => read.found.push(found),
            Err(_unreadable) => read.unreadable += 1,
        }
    }
    Ok(read)
}

fn located((place, session, user): FoundRow) -> Result<(i64, Found), StoreError> {
    Ok((place, (session.into_active()?, user.into())))
}

/// Puts what was found in the order of the requests.
fn in_order(requests: usize, found: Vec<(i64, Found)>) -> Vec<Option<Found>> {
    let mut answers: Vec<Option<Found>> = std::iter::repeat_with(|| None).take(requests).collect();
    for (place, found) in found {
        let index = usize::try_from(place - 1);
        if let Some(answer) = index.ok().and_then(|index| answers.get_mut(index)) {
            *answer = Some(found);
        }
    }
    answers
}

/// The wanted sessions and their accounts. Both keys are compared with the same value, since sessions are found by
/// their user.
const JOINED: &str = " INNER JOIN \"sessions\" ON \"sessions\".\"user_id\" = wanted.user_id \
     AND \"sessions\".\"id\" = wanted.id INNER JOIN \"users\" ON \"users\".\"id\" = wanted.user_id \
     WHERE \"sessions\".\"state\" = 'active' AND \"sessions\".\"expires_at\" > wanted.now \
     AND \"sessions\".\"idle_expires_at\" > wanted.now AND \"users\".\"status\" = 'active'";

/// The token is of a session of the client that presented it: see [`Rotation::client`].
const OF_CLIENT: &str = " AND \"sessions\".\"client_id\" IS NOT DISTINCT FROM wanted.client_id \
     AND (wanted.client_id IS NULL OR wanted.described OR EXISTS (SELECT 1 FROM \"clients\" WHERE \"clients\".\"id\" = wanted.client_id \
     AND (\"clients\".\"kind\" = 'public' OR wanted.authenticated)))";

/// The client has shown the key that the session is bound to: see [`Rotation::shown`].
const WITH_KEY: &str = " AND \"sessions\".\"key_thumbprint\" IS NOT DISTINCT FROM wanted.shown";

/// The tokens to rotate, as rows of `wanted`.
trait Wanted {
    /// Writes the rows.
    fn push_rows<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;

    /// Writes conditions that compare key columns with the user's id, if there is only one user.
    fn push_keys<'b>(&'b self, columns: &[&str], out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// One token. The statement names the key of each table, so that a distributed database sends it to one server.
struct Keyed {
    user_id: Uuid,
    id: Uuid,
    counter: i64,
    client_id: Option<Uuid>,
    authenticated: bool,
    described: bool,
    shown: Option<KeyThumbprint>,
    now: DateTime<Utc>,
    idle_end: DateTime<Utc>,
}

impl Keyed {
    fn of(wanted: &Rotation) -> Self {
        let standing = wanted.client.map(|client| client.standing);
        Self {
            user_id: wanted.key.user_id.uuid(),
            id: wanted.key.session_id.uuid(),
            // No session has a negative counter.
            counter: i64::try_from(wanted.presented).unwrap_or(-1),
            client_id: wanted.client.map(|client| client.id.uuid()),
            authenticated: standing == Some(ClientStanding::Authenticated),
            described: standing == Some(ClientStanding::Described),
            shown: wanted.shown,
            now: wanted.now,
            idle_end: wanted.now + wanted.idle,
        }
    }
}

impl Wanted for Keyed {
    fn push_rows<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(SELECT ");
        out.push_bind_param::<diesel::sql_types::Uuid, _>(&self.user_id)?;
        out.push_sql("::uuid AS user_id, ");
        out.push_bind_param::<diesel::sql_types::Uuid, _>(&self.id)?;
        out.push_sql("::uuid AS id, ");
        out.push_bind_param::<BigInt, _>(&self.counter)?;
        out.push_sql("::bigint AS counter, ");
        out.push_bind_param::<Nullable<diesel::sql_types::Uuid>, _>(&self.client_id)?;
        out.push_sql("::uuid AS client_id, ");
        out.push_bind_param::<Bool, _>(&self.authenticated)?;
        out.push_sql("::boolean AS authenticated, ");
        out.push_bind_param::<Bool, _>(&self.described)?;
        out.push_sql("::boolean AS described, ");
        out.push_bind_param::<Nullable<Binary>, _>(&self.shown)?;
        out.push_sql("::bytea AS shown, ");
        out.push_bind_param::<Timestamptz, _>(&self.now)?;
        out.push_sql("::timestamptz AS now, ");
        out.push_bind_param::<Timestamptz, _>(&self.idle_end)?;
        out.push_sql("::timestamptz AS idle_end, 1::bigint AS place) AS wanted");
        Ok(())
    }

    fn push_keys<'b>(&'b self, columns: &[&str], mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for column in columns {
            out.push_sql(" AND (");
            out.push_sql(column);
            out.push_sql(" = ");
            out.push_bind_param::<diesel::sql_types::Uuid, _>(&self.user_id)?;
            out.push_sql(")");
        }
        Ok(())
    }
}

/// Several tokens, column by column.
#[derive(Default)]
struct Listed {
    user_ids: Vec<Uuid>,
    ids: Vec<Uuid>,
    counters: Vec<i64>,
    client_ids: Vec<Option<Uuid>>,
    authenticated: Vec<bool>,
    described: Vec<bool>,
    shown: Vec<Option<KeyThumbprint>>,
    times: Vec<DateTime<Utc>>,
    idle_ends: Vec<DateTime<Utc>>,
}

impl Listed {
    fn of(wanted: &[Rotation]) -> Self {
        let mut listed = Self::default();
        for row in wanted.iter().map(Keyed::of) {
            listed.user_ids.push(row.user_id);
            listed.ids.push(row.id);
            listed.counters.push(row.counter);
            listed.client_ids.push(row.client_id);
            listed.authenticated.push(row.authenticated);
            listed.described.push(row.described);
            listed.shown.push(row.shown);
            listed.times.push(row.now);
            listed.idle_ends.push(row.idle_end);
        }
        listed
    }
}

impl Wanted for Listed {
    fn push_rows<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("unnest(");
        out.push_bind_param::<Array<diesel::sql_types::Uuid>, _>(&self.user_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<diesel::sql_types::Uuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.counters)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<diesel::sql_types::Uuid>>, _>(&self.client_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.authenticated)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.described)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.shown)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.times)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.idle_ends)?;
        out.push_sql(
            ") WITH ORDINALITY AS \
             wanted (user_id, id, counter, client_id, authenticated, described, shown, now, idle_end, place)",
        );
        Ok(())
    }

    fn push_keys<'b>(&'b self, _columns: &[&str], _out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Ok(())
    }
}

/// Locks the sessions whose live token was presented and that no other transaction holds, and rotates these.
struct Rotating<W> {
    wanted: W,
    session: AsSelect<ActiveRow, Pg>,
    account: AsSelect<UserRow, Pg>,
}

impl<W> Rotating<W> {
    fn of(wanted: W) -> Self {
        Self {
            wanted,
            session: ActiveRow::as_select(),
            account: UserRow::as_select(),
        }
    }
}

impl<W> Query for Rotating<W> {
    type SqlType = FoundColumns;
}

impl<W: Wanted> QueryFragment<Pg> for Rotating<W> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH held AS (SELECT wanted.* FROM ");
        self.wanted.push_rows(out.reborrow())?;
        out.push_sql(JOINED);
        out.push_sql(OF_CLIENT);
        out.push_sql(WITH_KEY);
        out.push_sql(" AND \"sessions\".\"refresh_counter\" = wanted.counter");
        let keys = ["\"sessions\".\"user_id\"", "\"users\".\"id\""];
        self.wanted.push_keys(&keys, out.reborrow())?;
        // The counter is compared again below. The row that is held is the newest one, but the update begins at the one
        // that was the newest when the statement began.
        out.push_sql(
            " FOR NO KEY UPDATE OF \"sessions\" SKIP LOCKED), changed AS (UPDATE \"sessions\" SET \
             \"refresh_counter\" = \"sessions\".\"refresh_counter\" + 1, \"rotated_at\" = held.now, \
             \"last_used_at\" = held.now, \"idle_expires_at\" = LEAST(\"sessions\".\"expires_at\", held.idle_end) \
             FROM held WHERE \"sessions\".\"user_id\" = held.user_id AND \"sessions\".\"id\" = held.id \
             AND \"sessions\".\"refresh_counter\" = held.counter AND \"sessions\".\"state\" = 'active'",
        );
        self.wanted.push_keys(&["\"sessions\".\"user_id\""], out.reborrow())?;
        out.push_sql(" RETURNING held.place, ");
        self.session.walk_ast(out.reborrow())?;
        out.push_sql(") SELECT changed.*, ");
        self.account.walk_ast(out.reborrow())?;
        out.push_sql(" FROM changed INNER JOIN \"users\" ON \"users\".\"id\" = changed.user_id WHERE TRUE");
        self.wanted.push_keys(&["\"users\".\"id\""], out.reborrow())
    }
}

/// Finds several live sessions.
struct LookingUp {
    user_ids: Vec<Uuid>,
    ids: Vec<Uuid>,
    times: Vec<DateTime<Utc>>,
    session: AsSelect<ActiveRow, Pg>,
    account: AsSelect<UserRow, Pg>,
}

impl LookingUp {
    fn of(wanted: &[LookUp]) -> Self {
        Self {
            user_ids: wanted.iter().map(|wanted| wanted.key.user_id.uuid()).collect(),
            ids: wanted.iter().map(|wanted| wanted.key.session_id.uuid()).collect(),
            times: wanted.iter().map(|wanted| wanted.now).collect(),
            session: ActiveRow::as_select(),
            account: UserRow::as_select(),
        }
    }
}

impl Query for LookingUp {
    type SqlType = FoundColumns;
}

impl QueryFragment<Pg> for LookingUp {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT wanted.place, ");
        self.session.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.account.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<diesel::sql_types::Uuid>, _>(&self.user_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<diesel::sql_types::Uuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.times)?;
        out.push_sql(") WITH ORDINALITY AS wanted (user_id, id, now, place)");
        out.push_sql(JOINED);
        Ok(())
    }
}
