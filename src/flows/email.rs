//! Proving an address, and changing it.
//!
//! An address counts as its owner's once a token that was sent there came back. Until then everything on the account was
//! set up by somebody who may be a stranger to it, so whoever proves the address by setting a new password or signing in
//! by mail gets the account without any of that ([`take_over`]).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::links::{self, Request};
use super::outbox::{Posting, occasion, post, tell};
use super::sessions::Caller;
use super::{Core, Fault, RegistrationMode, quotas, recovery};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, Letter, Message};
use crate::domain::one_time_code::Quota;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::measures;
use crate::store::users::{HeldUser, Renaming};
use crate::store::{PgConnection, link_tokens, sessions, users};

/// Addresses that one account may ask to change to in an hour: each gets a mail from us.
const CHANGES_AN_HOUR: i32 = 5;
/// How long news that goes to an address which is the account's no more is worth telling.
const NEWS_LIFE: TimeDelta = TimeDelta::days(3);

/// What became of a token that proves an address.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The address is the account's, and its owner's.
    Verified,
    /// The token is unknown, expired, used, of another kind; or another account has the address by now.
    InvalidToken,
}

/// Takes a token that was sent to an address. It proves the account's address, or puts the new one in its place.
///
/// # Errors
///
/// Returns faults only.
pub async fn verify(core: &Arc<Core>, token: &str, origin: RequestOrigin) -> Result<Verification, Fault> {
    let purpose = LinkPurpose::EmailVerification;
    let Some(key) = links::open(core, purpose, token) else {
        return Ok(Verification::InvalidToken);
    };
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("email.verify", move |connection| {
            let Some((proven, HeldUser { user, .. })) = links::redeem(connection, key, purpose, now)? else {
                return Ok(Verification::InvalidToken);
            };
            if users::set_verified_email(connection, user.id, &proven, now)? == Renaming::Taken {
                return Ok(Verification::InvalidToken);
            }
            let request = Request { origin: &origin, now };
            if user.email.as_ref() == Some(&proven) {
                record(&shared, connection, &user, "email_verified", request)?;
            } else {
                record(&shared, connection, &user, "email_changed", request)?;
                // Tokens that were sent to the old address are worth nothing any more.
                link_tokens::remove_all(connection, user.id)?;
                tell_old_address(&shared, connection, &user, request)?;
            }
            Ok(Verification::Verified)
        })
        .await
}

fn record(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    what: &'static str,
    request: Request<'_>,
) -> Result<(), Fault> {
    let event = AuditEvent::success(EventName::UserUpdated, user.id).because(what);
    Ok(core.audit(connection, &[event], request.origin, request.now)?)
}

fn tell_old_address(
    core: &Core,
    connection: &mut PgConnection,
    user_before: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let Some(old) = user_before.email.as_ref().filter(|_| core.outlets.has(Channel::Email)) else {
        return Ok(());
    };
    let posting = Posting {
        channel: Channel::Email,
        letter: Letter {
            to: old.as_str().to_owned(),
            locale: user_before.locale,
            message: Message::EmailChanged,
            occasion: occasion(request.origin, request.now),
        },
        life: NEWS_LIFE,
    };
    post(core, connection, &posting, request.now)
}

/// What became of the wish for another address.
#[must_use]
pub enum Change {
    /// A link is on its way to the new address; the change takes effect with it.
    Requested,
    /// Another account has it.
    Taken,
    /// There were too many wishes; none is heard for so long.
    Wait(TimeDelta),
}

/// Asks for another address. The old one stays until the new one is proven, and is told.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoOutlet`] where the deployment sends no mail.
pub async fn change(core: &Arc<Core>, caller: &Caller, email: Email, origin: RequestOrigin) -> Result<Change, Fault> {
    links::require_mail(core)?;
    let (key, now) = (caller.key(), core.clock.now());
    let shared = Arc::clone(core);
    core.db
        .transaction("email.change", move |connection| {
            let user = key.hold(connection, now)?.user;
            let quota = Quota {
                subject: format!("email change {}", user.id.uuid()),
                window: TimeDelta::hours(1),
                most: CHANGES_AN_HOUR,
            };
            if let Some(wait) = quotas::wait_or_take(&shared, connection, &[quota], now)? {
                measures::throttle("sending");
                return Ok(Change::Wait(wait));
            }
            let request = Request { origin: &origin, now };
            let purpose = LinkPurpose::EmailVerification;
            let owner = users::find_active_by_email(connection, &email)?;
            if let Some(owner) = owner.filter(|owner| owner.id != user.id) {
                if shared.settings.registration.tells_taken_addresses() {
                    return Ok(Change::Taken);
                }
                // Who asks is not told; who has the address is.
                links::supersede(&shared, connection, purpose, (&user, &email), now)?;
                tell(&shared, connection, &owner, Message::AccountExists, &origin, now)?;
            } else {
                links::send(&shared, connection, purpose, (&user, &email), request)?;
            }
            record(&shared, connection, &user, "email_change_requested", request)?;
            tell(&shared, connection, &user, Message::EmailChangeRequested, &origin, now)?;
            Ok(Change::Requested)
        })
        .await
}

/// Gives an account to whoever just proved its address, if nobody had before: what a stranger may have set up on it (second
/// factors, recovery codes, sessions, mailed tokens, wrong attempts) is gone. The password is the caller's matter.
///
/// Registering with somebody else's address and waiting for its owner to come would otherwise be a way into an account that
/// the owner believes is theirs alone.
pub(super) fn take_over(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let Some(email) = user.email.as_ref().filter(|_| user.email_verified_at.is_none()) else {
        return Ok(());
    };
    recovery::remove_second_factors(connection, user.id)?;
    // A wish for another address among them, whose token is in the stranger's mail box.
    link_tokens::remove_all(connection, user.id)?;
    end_all_sessions(core, connection, user, request)?;
    let _kept = users::set_verified_email(connection, user.id, email, request.now)?;
    record(core, connection, user, "taken_over", request)
}

/// Ends all sessions of a user, pending ones included.
pub(super) fn end_all_sessions(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    request: Request<'_>,
) -> Result<(), Fault> {
    let ended = sessions::end_all(connection, user.id, None, EndReason::PasswordChanged, request.now)?;
    core.audit_ended(connection, user.id, ended, request.origin, request.now)
}

/// Tells whether a sign-in has to wait for the proof of the account's address.
pub(super) fn is_awaited(core: &Core, user: &User) -> bool {
    core.settings.email_verification_required && user.email.is_some() && user.email_verified_at.is_none()
}

/// Tells whether the password of an account is not looked at by `/login` before the account's address is proven.
///
/// Where only mail tells who has an account, a password that counted at once would tell as well: who registers an
/// address and signs in with the same password would learn that the address was free.
pub(super) fn password_awaits_proof(core: &Core, user: &User) -> bool {
    core.settings.registration == RegistrationMode::Private && user.email.is_some() && user.email_verified_at.is_none()
}

/// Sends the link that proves a new account's address, where the deployment sends mail.
pub(super) fn send_first(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let Some(email) = user.email.as_ref().filter(|_| core.outlets.has(Channel::Email)) else {
        return Ok(());
    };
    if !links::may_send(core, connection, LinkPurpose::EmailVerification, email, now)? {
        return Ok(());
    }
    let request = Request { origin, now };
    links::send(core, connection, LinkPurpose::EmailVerification, (user, email), request)
}
