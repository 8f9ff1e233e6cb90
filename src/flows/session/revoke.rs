//! `POST /token/revoke`: a back end ends the session that a token belongs to (RFC 7009).

use std::sync::Arc;

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::ClientId;
use crate::domain::oauth::grant::PresentedClient;
use crate::domain::opaque_token::TokenKind;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::flows::session::logout::{end, session_of};
use crate::flows::session::session_end;
use crate::flows::{Core, Fault};
use crate::store::sessions;

/// Returns the grant that a token of an application belongs to. Its MAC or signature is checked, its expiry is not.
fn grant_of(core: &Core, token: &str) -> Result<Option<SessionKey>, Fault> {
    if let Some(body) = core.tokens.open(TokenKind::GrantRefresh, token) {
        return Ok(Some(body.session()));
    }
    let claims = core.keys.verify(token)?;
    let granted = claims.filter(|claims| core.settings.access_tokens.is_of_application(claims));
    Ok(granted.map(|claims| claims.session()))
}

/// Ends a grant by a token of the application that it is for (RFC 7009 §2.1). Tokens of others are not touched.
pub async fn revoke_own(
    core: &Arc<Core>,
    client: PresentedClient,
    token: &str,
    origin: RequestOrigin,
) -> Result<(), Fault> {
    let Some(key) = grant_of(core, token)? else {
        return Ok(());
    };
    core.transaction("oauth.revoke", origin, move |tx| {
        let is_own = sessions::is_presented_by(tx.connection, key, Some(client))?;
        if is_own && session_end::end(tx, key, EndCause::RevokedByClient)? {
            let event = AuditEvent::success(EventName::TokenRevoked, key.user_id).with_client(client.id);
            tx.audit(&[event.in_session(key.session_id)])?;
        }
        Ok(())
    })
    .await
}

/// Ends the session of a token; an unknown token is not an error (RFC 7009 §2.2).
pub async fn revoke(core: &Arc<Core>, client: ClientId, token: &str, origin: RequestOrigin) -> Result<(), Fault> {
    let key = session_of(core, token)?.or(grant_of(core, token)?);
    let Some(key) = key else {
        return Ok(());
    };
    let event = AuditEvent::success(EventName::TokenRevoked, key.user_id).with_client(client);
    end(core, key, EndCause::RevokedByClient, event, origin).await
}
