//! `POST /token/revoke`: a back end ends the session that a token belongs to (RFC 7009).

use std::sync::Arc;

use super::logout::{end, session_of};
use super::{Core, Fault};
use crate::domain::audit_event::{EventName, RequestOrigin};
use crate::domain::session::EndReason;

/// Ends the session of a token; an unknown token is no error (RFC 7009 §2.2).
///
/// # Errors
///
/// Returns faults only.
pub async fn revoke(core: &Arc<Core>, token: &str, origin: RequestOrigin) -> Result<(), Fault> {
    match session_of(core, token)? {
        Some(id) => end(core, id, EndReason::Revoked, EventName::TokenRevoked, origin).await,
        None => Ok(()),
    }
}
