//! Logout: each of a session's tokens can end it.
//!
//! Ending a session that has ended already is not an error, so that a client that lost the answer may ask again.

use std::sync::Arc;

use crate::domain::audit_event::RequestOrigin;
use crate::domain::dpop::is_confirmed;
use crate::domain::opaque_token::TokenKind;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::session::session_end;
use crate::flows::{Core, Fault};
use crate::store::{PgConnection, sessions};

/// Returns the session that a token in the `Authorization` header can end: an access token of this service, expired or
/// not; a refresh token, used or not; or the pre-auth token of a pending login. It needs the proof that its session
/// requires.
pub async fn session_of_bearer(
    core: &Arc<Core>,
    token: &str,
    shown: Option<VerifiedProof>,
) -> Result<Option<SessionKey>, Fault> {
    let Some(key) = session_of(core, token)? else {
        return Ok(None);
    };
    let is_presented_rightly = if let Some(claims) = core.keys.verify(token)? {
        is_confirmed(claims.cnf.as_ref(), key_of(shown))
    } else {
        let is_bound_to = move |connection: &mut PgConnection| {
            sessions::is_bound_to(connection, key, key_of(shown)).map_err(Fault::from)
        };
        core.db.read("sessions.key", is_bound_to).await?
    };
    Ok(is_presented_rightly.then_some(key))
}

/// Ends a session that one of its tokens names. A refresh token in the body or a cookie is a secret of its own: it can
/// end its session, and without the key of the session nothing more.
pub async fn logout(core: &Arc<Core>, key: SessionKey, origin: RequestOrigin) -> Result<(), Fault> {
    core.transaction("session.logout", origin, move |tx| {
        session_end::end(tx, key, EndCause::Logout)
    })
    .await?;
    Ok(())
}

/// Returns the session of a refresh token, used or not. Its MAC is checked. An access token is not taken for one: in a
/// header it needs the proof of its key, and in a body or a cookie there is none.
pub fn session_of_refresh_token(core: &Core, token: &str) -> Option<SessionKey> {
    core.tokens.open(TokenKind::Refresh, token).map(|body| body.session())
}

/// Returns the session that a token of this service belongs to. Its MAC or signature is checked, its expiry is not.
pub(super) fn session_of(core: &Core, token: &str) -> Result<Option<SessionKey>, Fault> {
    let pending = || core.tokens.open(TokenKind::PreAuth, token).map(|body| body.session());
    if let Some(session) = session_of_refresh_token(core, token).or_else(pending) {
        return Ok(Some(session));
    }
    let claims = core.keys.verify(token)?;
    let ours = claims.filter(|claims| core.settings.access_tokens.is_ours(claims));
    Ok(ours.map(|claims| claims.session()))
}
