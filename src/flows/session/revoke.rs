//! `POST /token/revoke`: a back end ends the session that a token belongs to (RFC 7009).

use std::sync::Arc;

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::ClientId;
use crate::domain::oauth::api_key::{ApiKeyHandle, KeyTokenClaims};
use crate::domain::oauth::client::Client;
use crate::domain::oauth::grant::PresentedClient;
use crate::domain::opaque_token::TokenKind;
use crate::domain::session::SessionKey;
use crate::flows::session::logout::session_of;
use crate::flows::session::session_end;
use crate::flows::{Core, Fault};
use crate::store::{api_keys, sessions, users};

/// Returns the grant that a token of an application belongs to. Its MAC or signature is checked, its expiry is not.
fn grant_of(core: &Core, token: &str) -> Result<Option<SessionKey>, Fault> {
    if let Some(body) = core.tokens.open(TokenKind::GrantRefresh, token) {
        return Ok(Some(body.session()));
    }
    let claims = core.keys.verify(token)?;
    let granted = claims.filter(|claims| core.settings.access_tokens.is_of_application(claims));
    Ok(granted.map(|claims| claims.session()))
}

/// Ends a grant by a token of the application that it is for, which the caller has checked (RFC 7009 §2.1). Tokens of
/// others are not touched.
pub async fn revoke_own(core: &Arc<Core>, client: &Client, token: &str, origin: RequestOrigin) -> Result<(), Fault> {
    let Some(key) = grant_of(core, token)? else {
        return Ok(());
    };
    let (presented, client) = (PresentedClient::of(client), client.reference());
    core.transaction("oauth.revoke", origin, move |tx| {
        let is_own = sessions::is_presented_by(tx.connection, key, Some(presented))?;
        if is_own {
            session_end::end_by_client(tx, key, &client)?;
        }
        Ok(())
    })
    .await
}

/// Returns the API key that a token is, or belongs to. Its MAC or signature is checked, its expiry is not.
fn api_key_of(core: &Core, token: &str) -> Result<Option<ApiKeyHandle>, Fault> {
    if let Some(body) = core.tokens.open(TokenKind::ApiKey, token) {
        return Ok(Some(body.api_key()));
    }
    let claims = core.keys.verify_kind::<KeyTokenClaims>(token)?;
    Ok(claims.and_then(|claims| claims.key(&core.settings.access_tokens.issuer)))
}

/// Deletes an API key. A back end that finds one where it does not belong can do so without its owner.
async fn delete_key(
    core: &Arc<Core>,
    handle: ApiKeyHandle,
    client: ClientId,
    origin: RequestOrigin,
) -> Result<(), Fault> {
    core.transaction("api_keys.revoke", origin, move |tx| {
        users::lock_user(tx.connection, Some(handle.user_id))?;
        if api_keys::remove(tx.connection, handle)? {
            let event = AuditEvent::success(EventName::ApiKeyDeleted, handle.user_id).because("by_client");
            tx.audit(&[event.with_client(client)])?;
        }
        Ok(())
    })
    .await
}

/// Ends the session of a token, or deletes its API key; an unknown token is not an error (RFC 7009 §2.2).
pub async fn revoke(core: &Arc<Core>, client: ClientId, token: &str, origin: RequestOrigin) -> Result<(), Fault> {
    if let Some(handle) = api_key_of(core, token)? {
        return delete_key(core, handle, client, origin).await;
    }
    let key = session_of(core, token)?.or(grant_of(core, token)?);
    let Some(key) = key else {
        return Ok(());
    };
    core.transaction("session.revoke", origin, move |tx| {
        session_end::end_by_client(tx, key, &client.into())?;
        Ok(())
    })
    .await
}
