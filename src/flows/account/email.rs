//! Changing an address, cancelling a change, and what an account is worth before its address is verified.
//!
//! Until an address is verified, everything on the account may come from an attacker who registered it. The reader of
//! the address gets the account without any of that by setting a new password or signing in by mail
//! ([`reset_unverified_account`]).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::ids::SessionId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, Locale, Message};
use crate::domain::policy::RegistrationMode;
use crate::domain::policy::numbers::NOTICE_LIFE;
use crate::domain::sending::{Dispatch, Purpose, changes_of_address, leaving_unverified};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::factors::recovery;
use crate::flows::factors::step_up::RecentCaller;
use crate::flows::limits::quotas;
use crate::flows::notify::links::{self, Request};
use crate::flows::notify::sending::{Contents, Decision, Permit, count_unsent, decide, post, source_of};
use crate::flows::session::session_end;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::users::{Insertion, LockedUser};
use crate::store::{PgConnection, managed_users, users};

pub(in crate::flows) fn record(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    what: &'static str,
    request: Request<'_>,
) -> Result<(), Fault> {
    let event = AuditEvent::success(EventName::UserUpdated, user.id).because(what);
    Ok(core.audit(connection, &[event], request.origin, request.now)?)
}

/// The result of a request for another address.
#[must_use]
pub enum Change {
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
) -> Result<Change, Fault> {
    links::require_mail(core)?;
    let (key, now) = (caller.key(), core.clock.now());
    let shared = Arc::clone(core);
    core.db
        .transaction("email.change", move |connection| {
            let user = key.lock_user(connection, now)?.user;
            let source = source_of(connection, Some(user.id), (&origin, now))?;
            let bound = changes_of_address(user.id, &source);
            if let Some(wait) = quotas::wait_or_take(&shared, connection, &[bound], now)? {
                metrics::throttle("sending");
                return Ok(Change::Wait(wait));
            }
            let request = Request { origin: &origin, now };
            let owner = users::find_active_by_email(connection, &email)?.filter(|owner| owner.id != user.id);
            if owner.is_some() && shared.settings.registration.reveals_taken_addresses() {
                return Ok(Change::Taken);
            }
            let asked = (&user, &email, key.session_id);
            send_to_new_address(&shared, connection, asked, owner.as_ref(), request)?;
            record(&shared, connection, &user, "email_change_requested", request)?;
            notify_old_address(&shared, connection, &user, request)?;
            Ok(Change::Requested)
        })
        .await
}

/// Notifies the verified address of an account that a change was requested, with a link that cancels it. An unverified
/// address is not notified: its reader could end the owner's sessions with that link. Where a quota is used up nothing
/// is sent, and the link of an earlier mail still works.
fn notify_old_address(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let Some(address) = user.verified_email() else {
        return Ok(());
    };
    let purpose = LinkPurpose::EmailChangeCancellation;
    match links::may_send(core, connection, purpose, (Some(user), address), request)? {
        Decision::Granted(permit) => links::send(core, connection, permit, (purpose, user, address), request),
        Decision::Withheld(_) => Ok(()),
    }
}

/// Sends the link that verifies the new address. Where another account has that address, its owner is notified instead,
/// and the caller must not learn this: both cases use the same quota and do the same to the links of earlier changes.
/// Where the quota of the address is used up, nothing is sent, and an earlier link to the same address still works.
fn send_to_new_address(
    core: &Core,
    connection: &mut PgConnection,
    (user, email, session_id): (&User, &Email, SessionId),
    owner: Option<&User>,
    request: Request<'_>,
) -> Result<(), Fault> {
    let purpose = match owner {
        Some(_) => Purpose::AccountExists,
        None => Purpose::Link(LinkPurpose::EmailChange),
    };
    let dispatch = Dispatch::mail(purpose, Some(user), email);
    match (
        decide(core, connection, &dispatch, (request.origin, request.now))?,
        owner,
    ) {
        (Decision::Granted(permit), Some(owner)) => {
            links::supersede_change(core, connection, (user, email), session_id, request.now)?;
            notify_holder(core, connection, permit, (owner, email), request)
        }
        (Decision::Granted(permit), None) => {
            links::send_change(core, connection, permit, (user, email, session_id), request)?;
            links::look_for_none(core, connection, request)
        }
        // The caller must see no difference from the case above: neither in their earlier links, nor in their events,
        // nor in the time it takes.
        (Decision::Withheld(_), _) => {
            links::supersede_change(core, connection, (user, email), session_id, request.now)?;
            post_account_exists(core, connection, Permit::discarded(), Locale::default(), request)
        }
    }
}

/// Mails the result of a registration: the link that verifies a free address, or that an account has the address. If
/// that account never verified the address, the mail contains a link to set a new password, and uses the quota for
/// those.
///
/// All three quotas are taken from in each case, and a message without an addressee is written where none is sent. So
/// neither the statements nor the remaining quotas reveal which case it was.
pub(in crate::flows) fn answer_registration(
    core: &Core,
    connection: &mut PgConnection,
    (holder, email, inserted): (Option<&User>, &Email, Insertion),
    request: Request<'_>,
) -> Result<(), Fault> {
    let verification = Purpose::Link(LinkPurpose::EmailVerification);
    let reset = Purpose::Link(LinkPurpose::PasswordReset);
    let answer = match (inserted, holder.and_then(User::unverified_email)) {
        (Insertion::Inserted, _) => verification,
        (Insertion::EmailTaken, Some(_)) => reset,
        (Insertion::EmailTaken, None) => Purpose::AccountExists,
    };
    let asked = (request.origin, request.now);
    let mut decision = None;
    for purpose in [verification, reset, Purpose::AccountExists] {
        let dispatch = Dispatch::mail(purpose, holder, email);
        if purpose == answer {
            decision = Some(decide(core, connection, &dispatch, asked)?);
        } else {
            count_unsent(core, connection, &dispatch, asked)?;
        }
    }
    match (decision, holder) {
        (Some(Decision::Granted(permit)), Some(holder)) if answer == verification => {
            let link = (LinkPurpose::EmailVerification, holder, email);
            links::send(core, connection, permit, link, request)
        }
        (Some(Decision::Granted(permit)), Some(holder)) => {
            notify_holder(core, connection, permit, (holder, email), request)
        }
        _ => post_account_exists(core, connection, Permit::discarded(), Locale::default(), request),
    }
}

/// Returns how long an account with an unverified address has to wait before it may be deleted or change its address;
/// `None` if it need not wait. Takes from the quota.
pub(in crate::flows) fn wait_to_leave(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, Fault> {
    let Some(email) = user.unverified_email().filter(|_| core.senders.has(Channel::Email)) else {
        return Ok(None);
    };
    let wait = quotas::wait_or_take(core, connection, &[leaving_unverified(email)], now)?;
    if wait.is_some() {
        metrics::throttle("leaving");
    }
    Ok(wait)
}

/// Writes to the address of an account when another client asked for that address. If the account has not verified the
/// address, an attacker may have registered it: the mail contains a link with which its reader sets a new password and
/// gets the account. A link that only verifies the address would require the attacker's password.
fn notify_holder(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    (owner, email): (&User, &Email),
    request: Request<'_>,
) -> Result<(), Fault> {
    if owner.email_verified_at.is_none() {
        return links::send_unconfirmed(core, connection, permit, (owner, email), request);
    }
    post_account_exists(core, connection, permit, owner.locale, request)
}

fn post_account_exists(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    locale: Locale,
    request: Request<'_>,
) -> Result<(), Fault> {
    // Takes the time of the row that is written for a link.
    links::look_for_none(core, connection, request)?;
    let contents = Contents {
        message: Message::AccountExists,
        locale,
        life: NOTICE_LIFE,
    };
    post(core, connection, permit, contents, (request.origin, request.now))
}

/// Cancels the change of an address with a token mailed to the account's current address. All sessions and all mailed
/// tokens of the account end with it, since the requester of the change may have them. Returns whether the token was
/// valid.
pub async fn cancel_change(core: &Arc<Core>, token: &str, origin: RequestOrigin) -> Result<bool, Fault> {
    let purpose = LinkPurpose::EmailChangeCancellation;
    let Some(key) = links::open(core, purpose, token) else {
        return Ok(false);
    };
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("email.cancel_change", move |connection| {
            let redeemed = links::redeem_at_own_address(connection, key, purpose, now)?;
            let Some((_purpose, LockedUser { user, .. })) = redeemed else {
                return Ok(false);
            };
            let request = Request { origin: &origin, now };
            record(&shared, connection, &user, "email_change_cancelled", request)?;
            let cause = EndCause::EmailChangeCancelled;
            end_all_sessions(&shared, connection, &user, cause, request)?;
            Ok(true)
        })
        .await
}

/// Gives an account to the reader of its address, unless the address is verified already. What an attacker may have set
/// up on it is removed (second factors, recovery codes, sessions, mailed tokens, failed attempts), and so are its
/// roles, which an operator granted to a different user. The caller sets or removes the password.
///
/// Otherwise an attacker could register another user's address and wait until its owner uses the account, which the
/// attacker could still enter (account pre-hijacking).
pub(in crate::flows) fn reset_unverified_account(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let Some(email) = user.unverified_email() else {
        return Ok(());
    };
    recovery::remove_second_factors(core, connection, user.id, request.now)?;
    end_all_sessions(core, connection, user, EndCause::UnverifiedAccountReset, request)?;
    let _kept = users::set_verified_email(connection, user.id, email, request.now)?;
    record(core, connection, user, "unverified_account_reset", request)?;
    if user.roles.is_empty() {
        return Ok(());
    }
    managed_users::set_roles(connection, user.id, &[])?;
    record(core, connection, user, "unverified_account_roles_removed", request)
}

/// Marks the address of an account as verified when its invitation is used: the operator chose the address, and sent
/// the link or handed it over. What the operator set up stays, including roles.
pub(in crate::flows) fn confirm_invited(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let Some(email) = user.unverified_email() else {
        return Ok(());
    };
    let _kept = users::set_verified_email(connection, user.id, email, request.now)?;
    record(core, connection, user, "email_verified", request)
}

/// Ends all sessions of a user, including pending logins, and removes what is pending on the account (see
/// `session_end`).
pub(in crate::flows) fn end_all_sessions(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    cause: EndCause,
    request: Request<'_>,
) -> Result<(), Fault> {
    let ended = session_end::end_all(connection, user.id, None, cause, request.now)?;
    core.audit_ended(connection, user.id, ended, request.origin, request.now)
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

/// Sends the link that verifies a new account's address, if the deployment sends mail.
pub(in crate::flows) fn send_email_verification(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let Some(email) = user.email.as_ref().filter(|_| core.senders.has(Channel::Email)) else {
        return Ok(());
    };
    let (purpose, request) = (LinkPurpose::EmailVerification, Request { origin, now });
    match links::may_send(core, connection, purpose, (Some(user), email), request)? {
        Decision::Granted(permit) => links::send(core, connection, permit, (purpose, user, email), request),
        Decision::Withheld(_) => Ok(()),
    }
}
