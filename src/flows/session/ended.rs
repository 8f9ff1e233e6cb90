//! `GET /token/ended`: which sessions have ended, for back ends that verify tokens by themselves.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::jwt;
use crate::domain::ended_sessions::{EndedClaims, SignedList, Walk, span};
use crate::domain::policy::numbers::ACCESS_TOKEN_LONGEST_SECONDS;
use crate::flows::{Core, Fault};

/// Returns a signed list of the sessions that ended while a token of theirs may still seem valid, after the cursor of an
/// earlier answer if that is given. The list says which cursor that was.
pub async fn list(core: &Arc<Core>, after: &str) -> Result<Arc<SignedList>, Fault> {
    let policy = &core.settings.access_tokens;
    // Not the life that is set now: tokens of before it was lowered, or of another instance, live longer.
    let span = span(TimeDelta::seconds(ACCESS_TOKEN_LONGEST_SECONDS.into()));
    let ends = core.recent_ends.at(core.clock.now(), span).await?;
    if let Some(signed) = ends.signed(after) {
        return Ok(signed);
    }
    let walk = Walk::of(after, ends.read_at, span);
    let (listed, more) = core.recent_ends.part(&ends, walk.from).await?;
    let last = listed.last().filter(|_| more).map(|(event, _)| *event);
    let claims = EndedClaims {
        iss: policy.issuer.clone(),
        iat: ends.read_at.timestamp(),
        exp: (ends.read_at + span).timestamp(),
        ended: listed.iter().map(|(_, session)| session.uuid()).collect(),
        after: after.to_owned(),
        cursor: walk.cursor(last),
        more,
    };
    let signed = Arc::new(SignedList {
        token: jwt::sign(core.keys.current()?.as_ref(), &claims)?,
        tag: claims.tag(),
    });
    ends.keep(after, &signed);
    Ok(signed)
}
