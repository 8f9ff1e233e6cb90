//! What holds in every database at the end of a test: each session that ended is in the trail once.

use diesel::prelude::*;
use diesel::sql_types::Text;

/// Sessions that ended without an event or with two, and those of which the trail says so while they live. Accounts that
/// were deleted have no rows left, so of their sessions only a second event is noticed here.
const WRONG: &str = "
    WITH ends AS (
        SELECT session_id, count(*) AS number FROM audit_events
        WHERE event IN ('session_logout', 'authn_token_revoked', 'excess_sessions_exceeded', 'session_expired')
        GROUP BY session_id
    )
    SELECT coalesce(id, session_id)::text || ': ' || coalesce(state, 'deleted') || ', ' || coalesce(number, 0) || ' events' AS wrong
    FROM sessions FULL JOIN ends ON id = session_id
    WHERE coalesce(number, 0) <> CASE WHEN coalesce(state, 'ended') = 'ended' THEN 1 ELSE 0 END";

#[derive(QueryableByName)]
struct Wrong {
    #[diesel(sql_type = Text)]
    wrong: String,
}

/// Asserts that each end of a session has left one event.
pub(crate) fn assert_has_each_end_once(connection: &mut PgConnection) {
    let wrong: Vec<Wrong> = diesel::sql_query(WRONG).load(connection).unwrap();
    let wrong: Vec<String> = wrong.into_iter().map(|row| row.wrong).collect();
    assert!(wrong.is_empty(), "ends of sessions and the trail differ: {wrong:#?}");
}
