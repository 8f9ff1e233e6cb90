//! The end of sessions, whatever brings it about, and of what waits on the account.
//!
//! No other flow ends a session, and a test says so: each end names its cause, and the cause tells whether mailed tokens and
//! unconfirmed factors go as well ([`EndCause::is_against_an_intruder`]). What a single session began (a change of address, an
//! unconfirmed factor, a code that was sent) names that session and counts only while it lives, so nothing has to be removed
//! when it ends by itself.

use chrono::{DateTime, Utc};

use super::Fault;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::store::{PgConnection, link_tokens, sent_code_factors, sessions, totp_factors};

/// Ends a session. Returns whether this was what ended it.
///
/// Where the cause is an intruder, the caller holds the user's row.
pub(super) fn end(
    connection: &mut PgConnection,
    key: SessionKey,
    cause: EndCause,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = match cause {
        // Of pending logins and of sessions that are over, the owner sees none, and so ends none by its id.
        EndCause::EndedByOwner => sessions::end_live(connection, key, cause.reason(), now)?,
        EndCause::Expired => sessions::end_expired(connection, key, now)?,
        _ => sessions::end(connection, key, cause.reason(), now)?,
    };
    if ended && cause.is_against_an_intruder() {
        remove_pending(connection, key.user_id, None, cause)?;
    }
    Ok(ended)
}

/// Ends all sessions of a user, pending logins included, but the one that is kept if there is one. The caller holds the
/// user's row. Returns which.
pub(super) fn end_all(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
    cause: EndCause,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Fault> {
    let ended = sessions::end_all(connection, user_id, kept, cause.reason(), now)?;
    if cause.is_against_an_intruder() {
        remove_pending(connection, user_id, kept, cause)?;
    }
    Ok(ended)
}

/// Ends the logins of a user that wait for their second factor, but the one that is kept if there is one. The caller holds the
/// user's row. Returns which.
pub(super) fn end_pending_logins(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
    cause: EndCause,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Fault> {
    Ok(sessions::end_pending(connection, user_id, kept, cause.reason(), now)?)
}

/// Ends the least recently used sessions of a user beyond a number, but never the one that is kept. The caller holds the
/// user's row. Returns which.
pub(super) fn end_surplus(
    connection: &mut PgConnection,
    kept: SessionKey,
    most: i64,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Fault> {
    Ok(sessions::end_beyond(
        connection,
        kept.user_id,
        kept.session_id,
        most,
        now,
    )?)
}

/// Removes what waits on an account: mailed tokens, and factors that were never confirmed but for those that the kept session
/// began.
fn remove_pending(
    connection: &mut PgConnection,
    user_id: UserId,
    kept: Option<SessionId>,
    cause: EndCause,
) -> Result<(), Fault> {
    if cause.is_caused_in_a_session() {
        link_tokens::remove_all_but_to_own_unverified_address(connection, user_id)?;
    } else {
        link_tokens::remove_all(connection, user_id)?;
    }
    totp_factors::remove_pending(connection, user_id, kept)?;
    Ok(sent_code_factors::remove_pending(connection, user_id, kept)?)
}
