//! Linking an identity at a provider to the account of a session.

use super::identification::Identified;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::federation::identity::{FederatedIdentity, Identity};
use crate::domain::ids::IdentityId;
use crate::domain::policy::numbers::MOST_IDENTITIES;
use crate::domain::session::SessionKey;
use crate::flows::Fault;
use crate::flows::factors::Linked;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::store::{identities, spent_federation_tokens};

/// The result of linking an identity.
pub(super) enum Linking {
    /// The account has it now, or had it before.
    Linked(Linked),
    /// Another account has it.
    Taken,
    /// The account has as many as it may have.
    TooMany,
    /// The federation token was used before.
    Spent,
}

/// Makes an identity of what a provider said.
pub(super) fn new_identity(tx: &Tx<'_>, identity: &FederatedIdentity) -> Identity {
    Identity {
        id: IdentityId::new(tx.now, tx.core.random.as_ref()),
        subject: identity.subject.clone(),
        email_seen: identity.address.as_ref().map(|address| address.email.clone()),
        created_at: tx.now,
        last_used_at: None,
    }
}

/// Links an identity to the account of a session, which was recently proved when the sign-in at the provider was
/// started.
pub(super) fn link(tx: &mut Tx<'_>, session: SessionKey, identified: &Identified) -> Result<Linking, Fault> {
    let user = session.lock_user(tx)?.user;
    let present = identities::list(tx.connection, user.id)?;
    let subject = &identified.identity.subject;
    if let Some(known) = present.iter().find(|known| known.subject == *subject) {
        return Ok(Linking::Linked(Linked::of(tx.core, known.clone())));
    }
    if present.len() >= MOST_IDENTITIES {
        return Ok(Linking::TooMany);
    }
    let new = new_identity(tx, &identified.identity);
    if !identities::insert(tx.connection, user.id, &new)? {
        let event = AuditEvent::failure(EventName::IdentityLinked, "identity_taken", Some(user.id));
        let event = event.at_provider(&identified.provider);
        tx.audit(&[event.in_session(session.session_id)])?;
        return Ok(Linking::Taken);
    }
    if !spent_federation_tokens::spend(tx.connection, user.id, identified.started.id())? {
        let _unlinked = identities::remove(tx.connection, user.id, new.id)?;
        return Ok(Linking::Spent);
    }
    session_end::end_trusted_devices(tx, user.id)?;
    let event = AuditEvent::success(EventName::IdentityLinked, user.id).in_session(session.session_id);
    tx.audit(&[event.at_provider(&identified.provider)])?;
    let linked = Linked::of(tx.core, new);
    tx.notify(&user, linked.notice_of_linking())?;
    Ok(Linking::Linked(linked))
}
