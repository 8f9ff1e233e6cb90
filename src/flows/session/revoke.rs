//! `POST /token/revoke`: a back end ends the session that a token belongs to (RFC 7009).

use std::sync::Arc;

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::ServiceClientId;
use crate::domain::session_end::EndCause;
use crate::flows::session::logout::{end, session_of};
use crate::flows::{Core, Fault};

/// Ends the session of a token; an unknown token is not an error (RFC 7009 §2.2).
pub async fn revoke(
    core: &Arc<Core>,
    client: ServiceClientId,
    token: &str,
    origin: RequestOrigin,
) -> Result<(), Fault> {
    let Some(key) = session_of(core, token)? else {
        return Ok(());
    };
    let event = AuditEvent::success(EventName::TokenRevoked, key.user_id).with_client(client);
    end(core, key, EndCause::RevokedByClient, event, origin).await
}
