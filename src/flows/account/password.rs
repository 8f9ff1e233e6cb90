//! Changing a password, and setting a new one by a mailed link.
//!
//! A new password ends the sessions that a thief may have opened with the old one; a reset never skips the second
//! factor (ASVS 6.4.3). Hashing happens before the transaction, without a connection.

use std::sync::Arc;

use crate::crypto::fair_queue::Requester;
use crate::crypto::stored_password::StoredPassword;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::link_token::{LinkKey, LinkPurpose};
use crate::domain::message::Message;
use crate::domain::password::{Password, PasswordRejection};
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::account::email::{confirm_invited, end_all_sessions, reset_unverified_account};
use crate::flows::account::new_password;
use crate::flows::factors::{ComparedPassword, Holder, ProofContext, ProofRefusal, ProofResult, compare_password};
use crate::flows::notify::links;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::Caller;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users;
use crate::store::users::LockedUser;

const PURPOSE: LinkPurpose = LinkPurpose::PasswordReset;

/// The result of a request to change the password.
#[must_use]
pub enum PasswordChange {
    /// The new password is set; all other sessions have ended.
    Changed,
    /// The current password was refused.
    Refused(ProofRefusal),
    /// The new password is refused.
    Rejected(PasswordRejection),
    /// The account has none to be changed; it can set one.
    NoPassword,
}

impl Outcome for PasswordChange {
    fn word(&self) -> &'static str {
        match self {
            Self::Changed => "done",
            Self::Refused(refusal) => refusal.word(),
            Self::Rejected(_) => "password_rejected",
            Self::NoPassword => "no_password",
        }
    }
}

/// Changes the caller's password for another.
pub async fn change(
    core: &Arc<Core>,
    holder: &Holder,
    (current, new): (Password, Password),
    origin: RequestOrigin,
) -> Result<PasswordChange, Fault> {
    counted(
        "password_change",
        try_to_change(core, holder.caller(), (current, new), origin).await,
    )
}

async fn try_to_change(
    core: &Arc<Core>,
    caller: &Caller,
    (current, new): (Password, Password),
    origin: RequestOrigin,
) -> Result<PasswordChange, Fault> {
    if !caller.user.has_password {
        return Ok(PasswordChange::NoPassword);
    }
    let compared = match compare_password(core, caller.key(), current, &origin).await? {
        Ok(compared) => compared,
        Err(refusal) => return Ok(PasswordChange::Refused(refusal)),
    };
    let current = (caller.key(), compared);
    // Verified before the new one is examined. Otherwise the rule that the new one breaks, or the time of a second
    // hash, would reveal that the current one was right: without a count, and while the session has to wait.
    if let Err(refusal) = verify_current(core, current, &origin, |_, _| Ok(())).await? {
        return Ok(PasswordChange::Refused(refusal));
    }
    let new = match new_password::hash(core, Requester::known(origin.ip), new, caller.user.words()).await? {
        Ok(new) => new,
        Err(rejection) => return Ok(PasswordChange::Rejected(rejection)),
    };
    // Verified again: of two concurrent changes, the second one gives a password that is not the current one any
    // longer.
    let change = move |tx: &mut Tx<'_>, context: &ProofContext<'_>| replace(tx, context, &new);
    let verdict = verify_current(core, current, &origin, change).await?;
    Ok(verdict.map_or_else(PasswordChange::Refused, |()| PasswordChange::Changed))
}

/// Verifies a current password that was compared before, and acts on a right one in the same transaction.
async fn verify_current(
    core: &Arc<Core>,
    (key, compared): (SessionKey, ComparedPassword),
    origin: &RequestOrigin,
    act: impl Fn(&mut Tx<'_>, &ProofContext<'_>) -> Result<(), Fault> + Send + 'static,
) -> Result<ProofResult<()>, Fault> {
    core.transaction("password.change", origin.clone(), move |tx| {
        let account = key.lock_user(tx)?;
        let context = ProofContext::of_session(&account, key.session_id);
        match context.verify_password(tx, &compared, EventName::PasswordChangeFail)? {
            Ok(_right) => act(tx, &context).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    })
    .await
}

fn replace(tx: &mut Tx<'_>, context: &ProofContext<'_>, new: &StoredPassword) -> Result<(), Fault> {
    let user = &context.account.user;
    users::set_password(tx.connection, user.id, new, tx.now)?;
    let kept = Some(context.session_id);
    session_end::end_all(tx, user.id, kept, EndCause::PasswordChanged)?;
    let event = AuditEvent::success(EventName::PasswordChange, user.id).in_session(context.session_id);
    tx.audit(&[event])?;
    tx.notify(user, Message::PasswordChanged)
}

/// The result of a reset.
#[must_use]
pub enum Reset {
    /// The new password is set; all sessions have ended, and the next login requires the second factor as before.
    Done,
    /// The token is unknown, expired, used, or of another kind.
    InvalidToken,
    /// The new password is refused; the token stays valid.
    Rejected(PasswordRejection),
}

impl Outcome for Reset {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::InvalidToken => "invalid_token",
            Self::Rejected(_) => "password_rejected",
        }
    }
}

/// Sets a new password with a mailed token.
pub async fn reset(core: &Arc<Core>, token: &str, new: Password, origin: RequestOrigin) -> Result<Reset, Fault> {
    counted("password_reset", try_to_reset(core, token, new, origin).await)
}

async fn try_to_reset(core: &Arc<Core>, token: &str, new: Password, origin: RequestOrigin) -> Result<Reset, Fault> {
    let Some(key) = links::open(core, PURPOSE, token) else {
        return Ok(Reset::InvalidToken);
    };
    // Looked up before hashing: the user's own words are needed for the rules, and a used token must cost no hash.
    let Some(user) = find_user(core, key).await? else {
        return Ok(Reset::InvalidToken);
    };
    let new = match new_password::hash(core, Requester::known(origin.ip), new, user.words()).await? {
        Ok(new) => new,
        Err(rejection) => return Ok(Reset::Rejected(rejection)),
    };
    core.transaction("password.reset", origin, move |tx| {
        let redeemed = links::redeem_at_own_address(tx, key, PURPOSE)?;
        let Some((purpose, LockedUser { user, .. })) = redeemed else {
            return Ok(Reset::InvalidToken);
        };
        users::set_password(tx.connection, user.id, &new, tx.now)?;
        match purpose {
            // The operator who made the account sent this link, so what they set up stays.
            LinkPurpose::Invitation => confirm_invited(tx, &user)?,
            _ => reset_unverified_account(tx, &user)?,
        }
        end_all_sessions(tx, &user, EndCause::PasswordReset)?;
        let event = AuditEvent::success(EventName::PasswordResetCompleted, user.id);
        tx.audit(&[event])?;
        // Presenting the token has verified the address, if it was not verified before.
        let user = User {
            email_verified_at: user.email_verified_at.or(Some(tx.now)),
            ..user
        };
        tx.notify(&user, Message::PasswordWasReset)?;
        Ok(Reset::Done)
    })
    .await
}

async fn find_user(core: &Arc<Core>, key: LinkKey) -> Result<Option<User>, Fault> {
    let now = core.clock.now();
    core.db
        .read("password.find_user", move |connection| {
            if links::find(connection, key, PURPOSE, now)?.is_none_or(|link| link.used) {
                return Ok(None);
            }
            users::find_active(connection, key.user_id).map_err(Fault::from)
        })
        .await
}
