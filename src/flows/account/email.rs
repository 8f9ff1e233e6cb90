//! Changing an address, cancelling a change, and what an account is worth before its address is verified.
//!
//! Until an address is verified, everything on the account may come from an attacker who registered it. The reader of
//! the address gets the account without any of that by setting a new password or signing in by mail
//! ([`reset_unverified_account`]).

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::account_change::AccountChange;
use crate::domain::app_claims::AppClaims;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::federation::provider::ProviderId;
use crate::domain::ids::SessionId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, Locale, Message};
use crate::domain::policy::RegistrationMode;
use crate::domain::policy::numbers::NOTICE_LIFE;
use crate::domain::sending::{Dispatch, Purpose, changes_of_address, leaving_unverified};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::factors::{Linked, RecentCaller, load_factors, remove_all_factors};
use crate::flows::limits::quotas;
use crate::flows::notify::links;
use crate::flows::notify::{Contents, Decision, Permit, count_unsent, decide, post, source_of};
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::users::LockedUser;
use crate::store::{identities, managed_users, users};

/// The reason of what a reset of an unverified account takes from it.
pub(in crate::flows) const RESET: &str = AccountChange::UnverifiedAccountReset.as_str();

/// Records a change of an account.
pub(in crate::flows) fn record(tx: &mut Tx<'_>, user: &User, what: AccountChange) -> Result<(), Fault> {
    let event = AuditEvent::account_changed(what, user.id);
    tx.audit(&[event])
}

/// The result of a request for another address.
#[must_use]
pub enum AddressChange {
    /// A link is on its way to the new address; the change takes effect with it.
    Requested,
    /// Another account has the address.
    Taken,
    /// There were too many requests. Further ones are refused for this long.
    Wait(TimeDelta),
}

/// Requests another address. The account keeps its old one until the new one is verified, and the old one is notified.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoSender`] where the deployment sends no mail.
pub async fn change(
    core: &Arc<Core>,
    caller: &RecentCaller,
    email: Email,
    origin: RequestOrigin,
) -> Result<AddressChange, Fault> {
    links::require_mail(core)?;
    let key = caller.key();
    core.transaction("email.change", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        let source = source_of(tx, Some(user.id))?;
        let bound = changes_of_address(user.id, &source);
        if let Some(wait) = quotas::wait_or_take(tx, &[bound])? {
            metrics::throttle("sending");
            return Ok(AddressChange::Wait(wait));
        }
        let owner = users::find_active_by_email(tx.connection, &email)?.filter(|owner| owner.id != user.id);
        if owner.is_some() && tx.core.settings.registration.reveals_taken_addresses() {
            return Ok(AddressChange::Taken);
        }
        send_to_new_address(tx, &user, &email, key.session_id, owner.as_ref())?;
        record(tx, &user, AccountChange::EmailChangeRequested)?;
        notify_old_address(tx, &user)?;
        Ok(AddressChange::Requested)
    })
    .await
}

/// Notifies the verified address of an account that a change was requested, with a link that cancels it. An unverified
/// address is not notified: its reader could end the owner's sessions with that link. Where a quota is used up nothing
/// is sent, and the link of an earlier mail still works.
fn notify_old_address(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    let Some(address) = user.verified_email() else {
        return Ok(());
    };
    let purpose = LinkPurpose::EmailChangeCancellation;
    match links::may_send(tx, purpose, Some(user), address)? {
        Decision::Granted(permit) => links::send(tx, permit, purpose, user, address),
        Decision::Withheld(_) => Ok(()),
    }
}

/// Sends the link that verifies the new address. Where another account has that address, its owner is notified instead,
/// and the caller must not learn this: both cases use the same quota and do the same to the links of earlier changes.
/// Where the quota of the address is used up, nothing is sent, and an earlier link to the same address still works.
fn send_to_new_address(
    tx: &mut Tx<'_>,
    user: &User,
    email: &Email,
    session_id: SessionId,
    owner: Option<&User>,
) -> Result<(), Fault> {
    let purpose = match owner {
        Some(_) => Purpose::AccountExists,
        None => Purpose::Link(LinkPurpose::EmailChange),
    };
    let dispatch = Dispatch::mail(purpose, Some(user), email);
    match (decide(tx, &dispatch)?, owner) {
        (Decision::Granted(permit), Some(owner)) => {
            links::supersede_change(tx, user, email, session_id)?;
            notify_holder(tx, permit, owner, email)
        }
        (Decision::Granted(permit), None) => {
            links::send_change(tx, permit, user, email, session_id)?;
            links::look_for_none(tx)
        }
        // The caller must see no difference from the case above: neither in their earlier links, nor in their events,
        // nor in the time it takes.
        (Decision::Withheld(_), _) => {
            links::supersede_change(tx, user, email, session_id)?;
            post_account_exists(tx, Permit::discarded(), Locale::default())
        }
    }
}

/// Mails the result of a registration: the link that verifies a free address, or that an account has the address. If
/// that account never verified the address, the mail contains a link to set a new password, and uses the quota for
/// those. So does the mail about a new account without a password, which is set up with that link.
///
/// All three quotas are taken from in each case, and a message without an addressee is written where none is sent. So
/// neither the statements nor the remaining quotas reveal which case it was.
pub(in crate::flows) fn answer_registration(
    tx: &mut Tx<'_>,
    holder: Option<&User>,
    email: &Email,
    is_new: bool,
) -> Result<(), Fault> {
    let verification = Purpose::Link(LinkPurpose::EmailVerification);
    let reset = Purpose::Link(LinkPurpose::PasswordReset);
    // A link that only verifies the address would require a proof, which an account without a password does not have yet.
    let can_verify = holder.is_none_or(|holder| holder.has_password);
    let answer = match (is_new, holder.and_then(User::unverified_email)) {
        (true, _) if can_verify => verification,
        (true, _) | (false, Some(_)) => reset,
        (false, None) => Purpose::AccountExists,
    };
    let mut decision = None;
    for purpose in [verification, reset, Purpose::AccountExists] {
        let dispatch = Dispatch::mail(purpose, holder, email);
        if purpose == answer {
            decision = Some(decide(tx, &dispatch)?);
        } else {
            count_unsent(tx, &dispatch)?;
        }
    }
    match (decision, holder) {
        (Some(Decision::Granted(permit)), Some(holder)) if answer == verification => {
            links::send(tx, permit, LinkPurpose::EmailVerification, holder, email)
        }
        (Some(Decision::Granted(permit)), Some(holder)) if is_new => links::send_started(tx, permit, holder, email),
        (Some(Decision::Granted(permit)), Some(holder)) => notify_holder(tx, permit, holder, email),
        _ => post_account_exists(tx, Permit::discarded(), Locale::default()),
    }
}

/// Returns how long an account with an unverified address has to wait before it may be deleted or change its address;
/// `None` if it need not wait. Takes from the quota.
pub(in crate::flows) fn wait_to_leave(tx: &mut Tx<'_>, user: &User) -> Result<Option<TimeDelta>, Fault> {
    let Some(email) = user.unverified_email().filter(|_| tx.core.senders.has(Channel::Email)) else {
        return Ok(None);
    };
    let wait = quotas::wait_or_take(tx, &[leaving_unverified(email)])?;
    if wait.is_some() {
        metrics::throttle("leaving");
    }
    Ok(wait)
}

/// Writes to the address of an account when another client asked for that address. If the account has not verified the
/// address, an attacker may have registered it: the mail contains a link with which its reader sets a new password and
/// gets the account. A link that only verifies the address would require the attacker's password.
fn notify_holder(tx: &mut Tx<'_>, permit: Permit, owner: &User, email: &Email) -> Result<(), Fault> {
    if owner.email_verified_at.is_none() {
        return links::send_unconfirmed(tx, permit, owner, email);
    }
    post_account_exists(tx, permit, owner.locale)
}

fn post_account_exists(tx: &mut Tx<'_>, permit: Permit, locale: Locale) -> Result<(), Fault> {
    // Takes the time of the row that is written for a link.
    links::look_for_none(tx)?;
    let contents = Contents {
        message: Message::AccountExists,
        locale,
        life: NOTICE_LIFE,
    };
    post(tx, permit, contents)
}

/// Cancels the change of an address with a token mailed to the account's current address. All sessions and all mailed
/// tokens of the account end with it, since the requester of the change may have them. Returns whether the token was
/// valid.
pub async fn cancel_change(core: &Arc<Core>, token: &str, origin: RequestOrigin) -> Result<bool, Fault> {
    let purpose = LinkPurpose::EmailChangeCancellation;
    let Some(key) = links::open(core, purpose, token) else {
        return Ok(false);
    };
    core.transaction("email.cancel_change", origin, move |tx| {
        let redeemed = links::redeem_at_own_address(tx, key, purpose)?;
        let Some((_purpose, LockedUser { user, .. })) = redeemed else {
            return Ok(false);
        };
        record(tx, &user, AccountChange::EmailChangeCancelled)?;
        let cause = EndCause::EmailChangeCancelled;
        end_all_sessions(tx, &user, cause)?;
        Ok(true)
    })
    .await
}

/// Gives an account to the reader of its address, unless the address is verified already. What an attacker may have set
/// up on it is removed (second factors, recovery codes, sessions, mailed tokens, failed attempts), and so are its
/// roles and claims, which an operator or a back end gave to a different user. The caller sets or removes the password.
///
/// Otherwise an attacker could register another user's address and wait until its owner uses the account, which the
/// attacker could still enter (account pre-hijacking). So identities at providers go, too: one that says the address
/// without being believed may be an attacker's ("nOAuth").
pub(in crate::flows) fn reset_unverified_account(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    let Some(email) = user.unverified_email() else {
        return Ok(());
    };
    let had_factors = load_factors(tx.core, tx.connection, user, None)?.any_confirmed();
    remove_all_factors(tx, user.id)?;
    if had_factors {
        let event = AuditEvent::success(EventName::MfaRemoved, user.id).because(RESET);
        tx.audit(&[event])?;
    }
    let unlinked = identities::remove_all(tx.connection, user.id)?.into_iter();
    let linked = unlinked.map(|identity| Linked::of(tx.core, identity));
    let events = linked.map(|one| one.event_of_unlinking(user.id).because(RESET));
    let events: Vec<AuditEvent> = events.collect();
    tx.audit(&events)?;
    end_all_sessions(tx, user, EndCause::UnverifiedAccountReset)?;
    let _kept = users::set_verified_email(tx.connection, user.id, email, tx.now)?;
    record(tx, user, AccountChange::UnverifiedAccountReset)?;
    if !user.roles.is_empty() {
        managed_users::set_roles(tx.connection, user.id, &[])?;
        record(tx, user, AccountChange::UnverifiedAccountRolesRemoved)?;
    }
    if !user.claims.is_empty() {
        managed_users::set_claims(tx.connection, user.id, &AppClaims::default())?;
        record(tx, user, AccountChange::UnverifiedAccountClaimsRemoved)?;
    }
    Ok(())
}

/// Marks the address of an account as verified when its invitation is used: the operator chose the address, and sent
/// the link or handed it over. What the operator set up stays, including roles.
pub(in crate::flows) fn confirm_invited(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    match user.unverified_email() {
        Some(email) => confirm_address(tx, user, email),
        None => Ok(()),
    }
}

/// Marks the address of an account as verified.
pub(in crate::flows) fn confirm_address(tx: &mut Tx<'_>, user: &User, email: &Email) -> Result<(), Fault> {
    let _kept = users::set_verified_email(tx.connection, user.id, email, tx.now)?;
    record(tx, user, AccountChange::EmailVerified)
}

/// Ends all sessions of a user, including pending logins, and removes what is pending on the account (see
/// `session_end`).
pub(in crate::flows) fn end_all_sessions(tx: &mut Tx<'_>, user: &User, cause: EndCause) -> Result<(), Fault> {
    session_end::end_all(tx, user.id, None, cause)?;
    Ok(())
}

/// Returns whether a sign-in has to wait until the account's address is verified.
pub(in crate::flows) fn requires_email_verification(core: &Core, user: &User) -> bool {
    core.settings.email_verification_required && user.unverified_email().is_some()
}

/// Returns whether `/login` ignores the account's password until its address is verified.
///
/// With private registration, only mail reveals whether an address has an account. If the password worked at once, a
/// client could register an address, sign in with the same password, and so learn that the address was free.
pub(in crate::flows) fn password_awaits_verification(core: &Core, user: &User) -> bool {
    core.settings.registration == RegistrationMode::Private && user.unverified_email().is_some()
}

/// Returns whether a sign-in at a provider has to wait until the account's address is verified. With private
/// registration it always does, for the reason of [`password_awaits_verification`]: a provider may let its users claim
/// addresses of others.
pub(in crate::flows) fn federation_awaits_verification(core: &Core, user: &User) -> bool {
    requires_email_verification(core, user) || password_awaits_verification(core, user)
}

/// Refuses a sign-in whose first factor was right, and sends the link that verifies the address. `provider`: the first
/// factor was a sign-in there.
pub(in crate::flows) fn refuse_unverified(
    tx: &mut Tx<'_>,
    user: &User,
    provider: Option<&ProviderId>,
) -> Result<(), Fault> {
    let event = AuditEvent::failure(EventName::LoginFail, "email_not_verified", Some(user.id));
    tx.audit(&[event.at_provider(provider)])?;
    send_email_verification(tx, user)
}

/// Sends the link that verifies a new account's address, if the deployment sends mail.
pub(in crate::flows) fn send_email_verification(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    let Some(email) = user.email.as_ref().filter(|_| tx.core.senders.has(Channel::Email)) else {
        return Ok(());
    };
    let purpose = LinkPurpose::EmailVerification;
    match links::may_send(tx, purpose, Some(user), email)? {
        Decision::Granted(permit) => links::send(tx, permit, purpose, user, email),
        Decision::Withheld(_) => Ok(()),
    }
}
