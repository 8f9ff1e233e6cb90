//! Ending sessions, for any cause, and removing what is pending on the account.
//!
//! No other flow ends a session or deletes an account, which a test checks. Each end names its cause, and leaves one
//! event for each session and grant that it ended, in the same transaction: back ends learn of ends from the trail
//! alone, so an end without an event would leave its tokens valid there. The cause also decides whether mailed tokens,
//! unconfirmed factors, trusted devices, API keys and consents end as well ([`EndCause::is_against_an_intruder`]). What
//! a single session began (a change of address, an unconfirmed factor, a sent code) names that session and is valid
//! only while it lives, so nothing has to be removed when the session simply ends.

use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{ClientId, SessionId, UserId};
use crate::domain::oauth::client::ClientRef;
use crate::domain::session::SessionKey;
use crate::domain::session_end::{EndCause, EndedSession};
use crate::flows::Fault;
use crate::flows::tx::Tx;
use crate::store::{api_keys, consents, link_tokens, sent_code_factors, sessions, totp_factors, users};

/// Ends a session. Returns whether this call ended it.
///
/// If the cause is an intruder, the caller has locked the user's row.
pub(in crate::flows) fn end(tx: &mut Tx<'_>, key: SessionKey, cause: EndCause) -> Result<bool, Fault> {
    end_for(tx, key, cause, None)
}

/// Ends a session because a client revoked a token of it. Returns whether this call ended it.
pub(in crate::flows) fn end_by_client(tx: &mut Tx<'_>, key: SessionKey, client: &ClientRef) -> Result<bool, Fault> {
    end_for(tx, key, EndCause::RevokedByClient, Some(client))
}

fn end_for(tx: &mut Tx<'_>, key: SessionKey, cause: EndCause, client: Option<&ClientRef>) -> Result<bool, Fault> {
    let ended = match cause {
        // Lists have neither pending logins nor expired sessions, so these cannot be ended by id.
        EndCause::EndedByOwner | EndCause::OneEndedByOperator => {
            sessions::end_live(tx.connection, key, cause.reason(), tx.now)?
        }
        EndCause::Expired => sessions::end_expired(tx.connection, key, tx.now)?,
        _ => sessions::end(tx.connection, key, cause.reason(), tx.now)?,
    };
    record(tx, key.user_id, (&ended, cause), client)?;
    let is_ended = ended.iter().any(|ended| ended.id == key.session_id);
    if is_ended {
        shut_out(tx, key.user_id, None, cause)?;
    }
    Ok(is_ended)
}

/// Writes one event for each ended session.
fn record(
    tx: &mut Tx<'_>,
    user_id: UserId,
    (ended, cause): (&[EndedSession], EndCause),
    client: Option<&ClientRef>,
) -> Result<(), Fault> {
    let event = |ended: &EndedSession| AuditEvent {
        client: client.cloned(),
        ..ended.event(user_id, cause)
    };
    let events: Vec<AuditEvent> = ended.iter().map(event).collect();
    tx.audit(&events)
}

/// Ends all grants of a user to an application. The caller has locked the user's row. Returns how many it ended.
pub(in crate::flows) fn end_grants(
    tx: &mut Tx<'_>,
    user_id: UserId,
    client_id: ClientId,
    cause: EndCause,
) -> Result<usize, Fault> {
    let ended = sessions::end_grants(tx.connection, (user_id, client_id), cause.reason(), tx.now)?;
    record(tx, user_id, (&ended, cause), None)?;
    Ok(ended.len())
}

/// Ends all sessions of a user, including pending logins, except `kept`. The caller has locked the user's row. Returns
/// how many it ended.
pub(in crate::flows) fn end_all(
    tx: &mut Tx<'_>,
    user_id: UserId,
    kept: Option<SessionId>,
    cause: EndCause,
) -> Result<usize, Fault> {
    let ended = sessions::end_all(tx.connection, user_id, kept, cause.reason(), tx.now)?;
    record(tx, user_id, (&ended, cause), None)?;
    shut_out(tx, user_id, kept, cause)?;
    Ok(ended.len())
}

/// Ends all sessions of a user, including pending logins, except `kept` and what was granted in it. The caller has
/// locked the user's row.
pub(in crate::flows) fn end_others(tx: &mut Tx<'_>, kept: SessionKey, cause: EndCause) -> Result<(), Fault> {
    let ended = sessions::end_others(tx.connection, kept, cause.reason(), tx.now)?;
    record(tx, kept.user_id, (&ended, cause), None)?;
    shut_out(tx, kept.user_id, Some(kept.session_id), cause)
}

/// Ends the logins of a user that wait for their second factor, except `kept`. The caller has locked the user's row.
pub(in crate::flows) fn end_pending_logins(
    tx: &mut Tx<'_>,
    user_id: UserId,
    kept: Option<SessionId>,
    cause: EndCause,
) -> Result<(), Fault> {
    let ended = sessions::end_pending(tx.connection, user_id, kept, cause.reason(), tx.now)?;
    record(tx, user_id, (&ended, cause), None)
}

/// Ends all sessions of a user, and deletes the account with everything that belongs to it. The caller has locked the
/// user's row.
pub(in crate::flows) fn delete_account(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    end_all(tx, user_id, None, EndCause::AccountDeleted)?;
    Ok(users::delete(tx.connection, user_id, tx.now)?)
}

/// Removes the proofs by some methods from the sessions of a user, except `kept`, and ends sessions without another
/// one. The caller has locked the user's row.
pub(in crate::flows) fn remove_proofs(
    tx: &mut Tx<'_>,
    (user_id, kept): (UserId, Option<SessionId>),
    methods: Vec<AuthenticationMethod>,
) -> Result<(), Fault> {
    let cause = EndCause::FactorRemoved;
    let whose = (user_id, kept);
    let ended = sessions::end_proved_only_by(tx.connection, whose, &methods, cause.reason(), tx.now)?;
    record(tx, user_id, (&ended, cause), None)?;
    Ok(sessions::remove_proofs(tx.connection, whose, methods)?)
}

/// Removes the proofs by a kind of factor from all sessions but one, because a factor of that kind was removed or
/// replaced in it: the old one may be on a stolen device, and a session does not say which one it was. The caller has
/// locked the user's row.
pub(in crate::flows) fn remove_proofs_elsewhere(
    tx: &mut Tx<'_>,
    kept: SessionKey,
    kind: FactorKind,
) -> Result<(), Fault> {
    remove_proofs(tx, (kept.user_id, Some(kept.session_id)), FactorKind::methods(&[kind]))
}

/// Ends the sessions of a user beyond the limit, with their grants. The caller has locked the user's row.
pub(in crate::flows) fn end_surplus(tx: &mut Tx<'_>, user_id: UserId, surplus: &[SessionId]) -> Result<(), Fault> {
    let cause = EndCause::SessionLimit;
    let ended = sessions::end_surplus(tx.connection, user_id, surplus, cause.reason(), tx.now)?;
    record(tx, user_id, (&ended, cause), None)
}

/// Takes from an intruder what an account has beside its sessions, if the cause is one: its trusted devices, its API
/// keys, what applications may do without asking, and what is pending on it.
fn shut_out(tx: &mut Tx<'_>, user_id: UserId, kept: Option<SessionId>, cause: EndCause) -> Result<(), Fault> {
    if !cause.is_against_an_intruder() {
        return Ok(());
    }
    end_trusted_devices(tx, user_id)?;
    delete_api_keys(tx, user_id)?;
    withdraw_consents(tx, user_id)?;
    remove_pending(tx, user_id, kept, cause)
}

/// Ends all trusted devices of a user, because what their owner signs in with has changed or an attacker may have used
/// the account. The caller has locked the user's row.
pub(in crate::flows) fn end_trusted_devices(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    Ok(users::raise_factor_epoch(tx.connection, user_id)?)
}

/// Deletes all API keys of a user: the intruder may have made one, or read one. The caller has locked the user's row.
fn delete_api_keys(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    if api_keys::remove_all(tx.connection, user_id)? > 0 {
        let event = AuditEvent::success(EventName::ApiKeyDeleted, user_id).because("sessions_ended");
        tx.audit(&[event])?;
    }
    Ok(())
}

/// Forgets what a user allowed applications: the intruder may have allowed one of theirs, which would get tokens of the
/// owner's next session without a question. The caller has locked the user's row.
fn withdraw_consents(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    let withdrawn = consents::delete_all(tx.connection, user_id)?.into_iter();
    let event = AuditEvent::success(EventName::ConsentWithdrawn, user_id).because("sessions_ended");
    let events: Vec<_> = withdrawn.map(|client| event.clone().with_client(client)).collect();
    tx.audit(&events)
}

/// Removes what is pending on an account: mailed tokens, and unconfirmed factors except those that the kept session
/// began.
fn remove_pending(tx: &mut Tx<'_>, user_id: UserId, kept: Option<SessionId>, cause: EndCause) -> Result<(), Fault> {
    if cause.is_caused_in_a_session() {
        link_tokens::remove_all_but_to_own_unverified_address(tx.connection, user_id)?;
    } else {
        link_tokens::remove_all(tx.connection, user_id)?;
    }
    for kind in FactorKind::ALL {
        match kind {
            FactorKind::Totp => totp_factors::remove_pending(tx.connection, user_id, kept)?,
            // One statement for both channels.
            FactorKind::Email => sent_code_factors::remove_pending(tx.connection, user_id, kept)?,
            // A passkey is never pending: its challenge names the session, which has to be live when it comes back.
            FactorKind::Sms | FactorKind::RecoveryCodes | FactorKind::Passkey => {}
        }
    }
    Ok(())
}
