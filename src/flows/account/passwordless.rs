//! Removing the password of an account that has a passkey, and setting one again.
//!
//! The removal takes a passkey that signs as it will have to from then on: alone, with a verified user, and without the
//! account's name. So no owner removes the last way in. It signs a challenge of that session and that purpose: with an
//! assertion that was made to sign in and an access token, a thief would otherwise remove the password.

use std::sync::Arc;

use crate::crypto::fair_queue::Requester;
use crate::crypto::passkey_challenge::ChallengePurpose;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::message::Message;
use crate::domain::passkey_response::Assertion;
use crate::domain::password::{Password, PasswordRejection};
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::account::new_password;
use crate::flows::factors::{AssertionOptions, RecentCaller, challenge_alone, verify_alone};
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{Caller, session_end};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users;

/// The result of a request to remove the password.
#[must_use]
pub enum PasswordRemoval {
    /// No password is accepted any longer; all other sessions have ended.
    Removed,
    /// The account has none.
    NoPassword,
    /// The passkey was refused.
    Refused,
}

impl Outcome for PasswordRemoval {
    fn word(&self) -> &'static str {
        match self {
            Self::Removed => "done",
            Self::NoPassword => "no_password",
            Self::Refused => "invalid_code",
        }
    }
}

/// Why there are no options for a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRemoval {
    /// The account has no password.
    NoPassword,
    /// The deployment does not use passkeys.
    NotOffered,
}

/// Makes the options of a passkey that removes the caller's password.
///
/// # Errors
///
/// Never in practice: the current key is always known.
pub fn removal_options(core: &Core, caller: &Caller) -> Result<Result<AssertionOptions, NoRemoval>, Fault> {
    if !caller.user.has_password {
        return Ok(Err(NoRemoval::NoPassword));
    }
    let options = challenge_alone(core, ChallengePurpose::PasswordRemoval(caller.key()))?;
    Ok(options.ok_or(NoRemoval::NotOffered))
}

/// Removes the caller's password, with a passkey that signed the options of the same session.
pub async fn remove(
    core: &Arc<Core>,
    caller: &Caller,
    given: Assertion,
    origin: RequestOrigin,
) -> Result<PasswordRemoval, Fault> {
    let key = caller.key();
    let removed = core
        .transaction("password.remove", origin, move |tx| try_to_remove(tx, key, &given))
        .await;
    counted("password_removal", removed)
}

fn try_to_remove(tx: &mut Tx<'_>, key: SessionKey, given: &Assertion) -> Result<PasswordRemoval, Fault> {
    let user = key.lock_user(tx)?.user;
    if !user.has_password {
        return Ok(PasswordRemoval::NoPassword);
    }
    if !verify_alone(tx, &user, ChallengePurpose::PasswordRemoval(key), given)? {
        let event = AuditEvent::failure(EventName::PasswordChangeFail, "passkey", Some(user.id));
        tx.audit(&[event.in_session(key.session_id)])?;
        return Ok(PasswordRemoval::Refused);
    }
    users::remove_password(tx.connection, user.id, tx.now)?;
    // As after a change: they may have been opened with a password that an attacker knows.
    session_end::end_all(tx, user.id, Some(key.session_id), EndCause::PasswordChanged)?;
    record(tx, key, &user, EventName::PasswordRemoved, Message::PasswordRemoved)?;
    Ok(PasswordRemoval::Removed)
}

/// The result of a request to set a password where there is none.
#[must_use]
pub enum PasswordSetting {
    /// The account has the password.
    Set,
    /// The account has one already, which is changed by giving it.
    AlreadyThere,
    /// The new password is refused.
    Rejected(PasswordRejection),
}

impl Outcome for PasswordSetting {
    fn word(&self) -> &'static str {
        match self {
            Self::Set => "done",
            Self::AlreadyThere => "already_there",
            Self::Rejected(_) => "password_rejected",
        }
    }
}

/// Sets a password for a caller who has none. Sessions stay: nothing that opened them is replaced. Trusted devices end:
/// one that was trusted before the last password was removed must not spare a factor beside the new one.
pub async fn set(
    core: &Arc<Core>,
    caller: &RecentCaller,
    new: Password,
    origin: RequestOrigin,
) -> Result<PasswordSetting, Fault> {
    counted("password_setting", try_to_set(core, caller, new, origin).await)
}

async fn try_to_set(
    core: &Arc<Core>,
    caller: &RecentCaller,
    new: Password,
    origin: RequestOrigin,
) -> Result<PasswordSetting, Fault> {
    if caller.user().has_password {
        return Ok(PasswordSetting::AlreadyThere);
    }
    let new = match new_password::hash(core, Requester::known(origin.ip), new, caller.user().words()).await? {
        Ok(new) => new,
        Err(rejection) => return Ok(PasswordSetting::Rejected(rejection)),
    };
    let key = caller.key();
    core.transaction("password.set", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        if user.has_password {
            return Ok(PasswordSetting::AlreadyThere);
        }
        users::set_password(tx.connection, user.id, &new, tx.now)?;
        session_end::end_trusted_devices(tx, user.id)?;
        record(tx, key, &user, EventName::PasswordSet, Message::PasswordSet)?;
        Ok(PasswordSetting::Set)
    })
    .await
}

fn record(tx: &mut Tx<'_>, key: SessionKey, user: &User, name: EventName, notice: Message) -> Result<(), Fault> {
    let event = AuditEvent::success(name, user.id).in_session(key.session_id);
    tx.audit(&[event])?;
    tx.notify(user, notice)
}
