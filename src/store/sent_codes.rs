//! The `sent_codes` table: the one valid code for each session, purpose and channel.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, SmallInt, Timestamptz};
use diesel::upsert::excluded;
use diesel::{IntoSql, PgConnection};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::sent_codes;
use crate::domain::message::Channel;
use crate::domain::policy::numbers::ATTEMPTS_OF_SENT_CODE;
use crate::domain::sent_code::{CodePlace, CodePurpose};

/// A code to be sent.
pub struct NewCode {
    /// The session, purpose and channel that it is valid for.
    pub place: CodePlace,
    /// Its keyed hash.
    pub code_hash: Vec<u8>,
    /// When it is sent.
    pub now: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// A code that was sent after this moment is not replaced.
    pub not_since: DateTime<Utc>,
}

/// Replaces the previous code of a place with a new one, unless that was sent too recently. Of several concurrent calls
/// one succeeds.
///
/// The count of attempts is carried over, so that sending another code does not allow more guesses. It restarts at zero
/// only after a code that was used or whose attempts are used up; those are limited by the account's own count.
pub fn put(connection: &mut PgConnection, new: &NewCode) -> Result<bool, StoreError> {
    let is_spent = sent_codes::used_at
        .is_not_null()
        .or(sent_codes::attempts.ge(ATTEMPTS_OF_SENT_CODE));
    let attempts = diesel::dsl::case_when(is_spent, 0_i16.into_sql::<SmallInt>()).otherwise(sent_codes::attempts);
    let upsert = diesel::insert_into(sent_codes::table)
        .values((
            sent_codes::user_id.eq(new.place.session.user_id.uuid()),
            sent_codes::session_id.eq(new.place.session.session_id.uuid()),
            sent_codes::purpose.eq(new.place.purpose),
            sent_codes::channel.eq(new.place.channel),
            sent_codes::code_hash.eq(&new.code_hash),
            sent_codes::sent_at.eq(new.now),
            sent_codes::expires_at.eq(new.expires_at),
        ))
        .on_conflict((
            sent_codes::user_id,
            sent_codes::session_id,
            sent_codes::purpose,
            sent_codes::channel,
        ))
        .do_update()
        .set((
            sent_codes::code_hash.eq(excluded(sent_codes::code_hash)),
            sent_codes::sent_at.eq(excluded(sent_codes::sent_at)),
            sent_codes::expires_at.eq(excluded(sent_codes::expires_at)),
            sent_codes::attempts.eq(attempts),
            sent_codes::used_at.eq(None::<DateTime<Utc>>),
        ));
    let placed = diesel::query_dsl::methods::FilterDsl::filter(upsert, sent_codes::sent_at.le(new.not_since))
        .execute(connection)?;
    Ok(placed == 1)
}

/// Returns when the code of a place was sent.
pub fn sent_at(connection: &mut PgConnection, place: CodePlace) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(at(place).select(sent_codes::sent_at).first(connection).optional()?)
}

/// Takes an attempt, and uses up the code if it is right. `candidates` are the hashes it may be stored under. This is
/// one statement, so that of several concurrent calls one succeeds and no more than the allowed number of attempts is
/// made. Returns whether the code was right and is now used up.
pub fn try_code(
    connection: &mut PgConnection,
    place: CodePlace,
    candidates: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let live = at(place)
        .filter(sent_codes::used_at.is_null())
        .filter(sent_codes::expires_at.gt(now))
        .filter(sent_codes::attempts.lt(ATTEMPTS_OF_SENT_CODE));
    let spent = diesel::dsl::case_when(
        sent_codes::code_hash.eq_any(candidates),
        Some(now).into_sql::<Nullable<Timestamptz>>(),
    );
    let used_at: Option<Option<DateTime<Utc>>> = diesel::update(live)
        .set((
            sent_codes::attempts.eq(sent_codes::attempts + 1),
            sent_codes::used_at.eq(spent.otherwise(None::<DateTime<Utc>>.into_sql::<Nullable<Timestamptz>>())),
        ))
        .returning(sent_codes::used_at)
        .get_result(connection)
        .optional()?;
    Ok(used_at.flatten().is_some())
}

#[diesel::dsl::auto_type]
fn at(place: CodePlace) -> _ {
    let (user_id, session_id): (Uuid, Uuid) = (place.session.user_id.uuid(), place.session.session_id.uuid());
    let (purpose, channel): (CodePurpose, Channel) = (place.purpose, place.channel);
    sent_codes::table
        .filter(sent_codes::user_id.eq(user_id))
        .filter(sent_codes::session_id.eq(session_id))
        .filter(sent_codes::purpose.eq(purpose))
        .filter(sent_codes::channel.eq(channel))
}
