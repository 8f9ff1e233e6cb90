//! Mails with a link token: any client may request them, only the owner of the address receives them.
//!
//! The response reveals nothing to the client: an address without an account gets the same statements, the same answer
//! and the same quota (ASVS 6.3.8).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::ids::{LinkTokenId, SessionId, UserId};
use crate::domain::link_token::{LinkKey, LinkPurpose, Replaced};
use crate::domain::message::{Channel, Locale, Message};
use crate::domain::policy::numbers::LINK_REQUESTS_RECORDED;
use crate::domain::sending::{Dispatch, Purpose};
use crate::domain::sent_code::Quota;
use crate::domain::session::SessionKey;
use crate::domain::typed_text;
use crate::domain::user::{Identifier, User};
use crate::flows::limits::identifier_hash;
use crate::flows::limits::quotas;
use crate::flows::notify::sending::{Contents, Decision, Permit, count_unsent, decide, post};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::link_tokens::{NewLinkToken, StoredLink};
use crate::store::users::LockedUser;
use crate::store::{PgConnection, link_tokens, sessions, users};

/// Sends a mail of a purpose to an address, if an account has it. The result reveals neither whether one does, nor
/// whether the quota is used up.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoSender`] where the deployment sends no mail.
pub async fn request(core: &Arc<Core>, purpose: LinkPurpose, email: Email, origin: RequestOrigin) -> Result<(), Fault> {
    require_mail(core)?;
    core.transaction("links.request", origin, move |tx| {
        let user = users::find_active_by_email(tx.connection, &email)?;
        let addressee = user.as_ref().filter(|user| is_needed(purpose, user));
        match (addressee, may_request(tx, purpose, addressee, &email)?) {
            (Some(user), Some(permit)) => send(tx, permit, purpose, user, &email)?,
            _ => send_discarded(tx, purpose)?,
        }
        record(tx, purpose, addressee, &email)
    })
    .await
}

/// Decides whether a requested link is sent. Without an account that needs it, it is counted as unsent: an attacker who
/// requests links to an address before its owner registers must not use up what the owner is sent afterwards.
fn may_request(
    tx: &mut Tx<'_>,
    purpose: LinkPurpose,
    addressee: Option<&User>,
    email: &Email,
) -> Result<Option<Permit>, Fault> {
    if addressee.is_none() {
        let dispatch = Dispatch::mail(Purpose::Link(purpose), None, email);
        count_unsent(tx, &dispatch)?;
        return Ok(None);
    }
    Ok(match may_send(tx, purpose, addressee, email)? {
        Decision::Granted(permit) => Some(permit),
        Decision::Withheld(_) => None,
    })
}

/// Writes the audit event of a requested link, for the first few requests in an hour, whether or not an account has the
/// address and whether or not the link was sent.
fn record(tx: &mut Tx<'_>, purpose: LinkPurpose, addressee: Option<&User>, email: &Email) -> Result<(), Fault> {
    let subject = format!("audit link {} {}", purpose.as_str(), email.as_str());
    let quota = Quota::new(subject, LINK_REQUESTS_RECORDED);
    if quotas::wait_or_take(tx, &[quota])?.is_some() {
        return Ok(());
    }
    let event = AuditEvent {
        success: addressee.is_some(),
        user_id: addressee.map(|user| user.id),
        identifier_hash: identifier_hash(tx.core, &Identifier::Email(email.clone()))?,
        ..AuditEvent::of_deployment(requested(purpose))
    };
    tx.audit(&[event])
}

/// A verified address needs no further verification.
const fn is_needed(purpose: LinkPurpose, user: &User) -> bool {
    match purpose {
        LinkPurpose::EmailVerification => user.email_verified_at.is_none(),
        LinkPurpose::MagicLink
        | LinkPurpose::PasswordReset
        | LinkPurpose::Invitation
        | LinkPurpose::EmailChange
        | LinkPurpose::EmailChangeCancellation => true,
    }
}

const fn requested(purpose: LinkPurpose) -> EventName {
    match purpose {
        LinkPurpose::MagicLink => EventName::MagicLinkRequested,
        // An owner who has lost an invitation requests a reset.
        LinkPurpose::PasswordReset | LinkPurpose::Invitation => EventName::PasswordResetRequested,
        LinkPurpose::EmailVerification | LinkPurpose::EmailChange | LinkPurpose::EmailChangeCancellation => {
            EventName::EmailVerificationRequested
        }
    }
}

/// Returns a fault if the deployment sends no mail.
pub(in crate::flows) fn require_mail(core: &Core) -> Result<(), Fault> {
    if core.senders.has(Channel::Email) {
        Ok(())
    } else {
        Err(Fault::NoSender(Channel::Email.as_str()))
    }
}

/// Decides whether a link of a purpose is sent to an address: within the quotas, and beyond them while no link that was
/// sent there is still valid (see [`decide`]).
pub(in crate::flows) fn may_send(
    tx: &mut Tx<'_>,
    purpose: LinkPurpose,
    user: Option<&User>,
    email: &Email,
) -> Result<Decision, Fault> {
    let dispatch = Dispatch::mail(Purpose::Link(purpose), user, email);
    decide(tx, &dispatch)
}

/// Makes a token for a user and mails its link to an address. The tokens in older mails stay valid, unless the purpose
/// replaces them ([`LinkPurpose::replaces`]).
pub(in crate::flows) fn send(
    tx: &mut Tx<'_>,
    permit: Permit,
    purpose: LinkPurpose,
    user: &User,
    email: &Email,
) -> Result<(), Fault> {
    let link = put(tx, purpose, user, email)?;
    let contents = contents(purpose, user.locale, link);
    post(tx, permit, contents)
}

/// Notifies the reader of an address that an account has it without having verified it, with a link that sets a
/// password and gives the reader the account.
pub(in crate::flows) fn send_unconfirmed(
    tx: &mut Tx<'_>,
    permit: Permit,
    user: &User,
    email: &Email,
) -> Result<(), Fault> {
    let purpose = LinkPurpose::PasswordReset;
    let link = put(tx, purpose, user, email)?;
    let (life, minutes) = (purpose.life(), purpose.life().num_minutes());
    let contents = Contents {
        message: Message::UnconfirmedAccount { link, minutes },
        locale: user.locale,
        life,
    };
    post(tx, permit, contents)
}

/// Mails the reader of an address that an account without a password was registered with it, with a link that sets the
/// account up.
pub(in crate::flows) fn send_started(tx: &mut Tx<'_>, permit: Permit, user: &User, email: &Email) -> Result<(), Fault> {
    let purpose = LinkPurpose::PasswordReset;
    let link = put(tx, purpose, user, email)?;
    let (life, minutes) = (purpose.life(), purpose.life().num_minutes());
    let contents = Contents {
        message: Message::RegistrationStarted { link, minutes },
        locale: user.locale,
        life,
    };
    post(tx, permit, contents)
}

/// Makes the token for a change of address that a session requests, and mails its link to the new address. It is valid
/// while that session lives.
pub(in crate::flows) fn send_change(
    tx: &mut Tx<'_>,
    permit: Permit,
    user: &User,
    email: &Email,
    session_id: SessionId,
) -> Result<(), Fault> {
    let purpose = LinkPurpose::EmailChange;
    let link = insert(tx, purpose, Some(session_id), user, email)?;
    let contents = contents(purpose, user.locale, link);
    post(tx, permit, contents)
}

/// Replaces the tokens of earlier changes as [`send_change`] does, and sends nothing. Otherwise the caller could learn
/// from an earlier link that still works whether a newer one was sent.
pub(in crate::flows) fn supersede_change(
    tx: &mut Tx<'_>,
    user: &User,
    email: &Email,
    session_id: SessionId,
) -> Result<(), Fault> {
    let _unsent = insert(tx, LinkPurpose::EmailChange, Some(session_id), user, email)?;
    Ok(())
}

/// Makes a token of a purpose that does not depend on a session, and returns its link.
pub(in crate::flows) fn put(
    tx: &mut Tx<'_>,
    purpose: LinkPurpose,
    user: &User,
    email: &Email,
) -> Result<String, Fault> {
    insert(tx, purpose, None, user, email)
}

fn insert(
    tx: &mut Tx<'_>,
    purpose: LinkPurpose,
    session_id: Option<SessionId>,
    user: &User,
    email: &Email,
) -> Result<String, Fault> {
    let (key, link) = new_link(tx.core, user.id, purpose, tx.now)?;
    match purpose.replaces() {
        Replaced::None => {}
        Replaced::All => link_tokens::remove(tx.connection, user.id, purpose, None)?,
        Replaced::ToOtherAddresses => {
            link_tokens::remove_to_other_addresses(tx.connection, user.id, purpose, email)?;
        }
    }
    let token = NewLinkToken {
        key,
        purpose,
        email,
        session_id,
        now: tx.now,
        expires_at: tx.now + purpose.life(),
    };
    link_tokens::insert(tx.connection, &token)?;
    Ok(link)
}

/// Looks up a link that does not exist, where another address would get one: one statement, as for writing a row, so
/// that the response time is the same.
pub(in crate::flows) fn look_for_none(tx: &mut Tx<'_>) -> Result<(), Fault> {
    let key = LinkKey {
        user_id: UserId::new(tx.now, tx.core.random.as_ref()),
        id: LinkTokenId::new(tx.now, tx.core.random.as_ref()),
    };
    let _none = link_tokens::find(tx.connection, key, LinkPurpose::EmailVerification, tx.now)?;
    Ok(())
}

/// Does the work of [`send`] for an address without an account, so that the response time reveals nothing.
fn send_discarded(tx: &mut Tx<'_>, purpose: LinkPurpose) -> Result<(), Fault> {
    let no_account = UserId::new(tx.now, tx.core.random.as_ref());
    let (key, link) = new_link(tx.core, no_account, purpose, tx.now)?;
    let _none = link_tokens::find(tx.connection, key, purpose, tx.now)?;
    let contents = contents(purpose, Locale::default(), link);
    post(tx, Permit::discarded(), contents)
}

fn new_link(
    core: &Core,
    user_id: UserId,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<(LinkKey, String), Fault> {
    let id = LinkTokenId::new(now, core.random.as_ref());
    let token = core.tokens.issue(purpose.token_kind(), user_id, id.uuid(), 0)?;
    let link = purpose.link(&core.settings.link_base_url, token.expose_secret());
    Ok((LinkKey { user_id, id }, link))
}

fn contents(purpose: LinkPurpose, locale: Locale, link: String) -> Contents {
    let (life, minutes) = (purpose.life(), purpose.life().num_minutes());
    let message = match purpose {
        LinkPurpose::MagicLink => Message::MagicLink { link, minutes },
        LinkPurpose::PasswordReset => Message::PasswordReset { link, minutes },
        LinkPurpose::Invitation => Message::Invitation {
            link,
            hours: life.num_hours(),
        },
        LinkPurpose::EmailVerification => Message::EmailVerification { link },
        LinkPurpose::EmailChange => Message::EmailChange { link },
        LinkPurpose::EmailChangeCancellation => Message::EmailChangeRequested { link },
    };
    Contents { message, locale, life }
}

/// Finds the token that a key names, if it is of the purpose's kind and valid: it has not expired, and the session that
/// requested it lives, if one did. A used token changes nothing any longer, and is found without its session.
pub(in crate::flows) fn find(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<StoredLink>, Fault> {
    let Some(link) = link_tokens::find(connection, key, purpose, now)? else {
        return Ok(None);
    };
    let Some(session_id) = link.session_id.filter(|_| !link.used) else {
        return Ok(Some(link));
    };
    let asked_in = SessionKey {
        user_id: key.user_id,
        session_id,
    };
    // Locked, so that the session does not end between this check and the use of the token.
    let lives = sessions::find_live_for_update(connection, asked_in, now)?.is_some();
    Ok(lives.then_some(link))
}

/// Marks a token as used, and removes all others of its purpose. The caller has locked its account. `None`: the token
/// is expired or used, or the session that requested it has ended.
pub(in crate::flows) fn redeem_locked(
    tx: &mut Tx<'_>,
    key: LinkKey,
    purpose: LinkPurpose,
) -> Result<Option<StoredLink>, Fault> {
    let Some(link) = find(tx.connection, key, purpose, tx.now)?.filter(|link| !link.used) else {
        return Ok(None);
    };
    if !link_tokens::consume(tx.connection, key, purpose, tx.now)? {
        return Ok(None);
    }
    link_tokens::remove(tx.connection, key.user_id, link.purpose, Some(key))?;
    Ok(Some(link))
}

/// Redeems a token that gives access to the account of the address that it was sent to, as long as the account has that
/// address. Returns the token's purpose, and the account, locked. `None`: the token is expired or used, or the account
/// may not be used.
pub(in crate::flows) fn redeem_at_own_address(
    tx: &mut Tx<'_>,
    key: LinkKey,
    purpose: LinkPurpose,
) -> Result<Option<(LinkPurpose, LockedUser)>, Fault> {
    redeem_for(tx, key, purpose, |_user| true)
}

/// Does the same for accounts that the caller accepts. For another one, the token stays valid.
pub(in crate::flows) fn redeem_for(
    tx: &mut Tx<'_>,
    key: LinkKey,
    purpose: LinkPurpose,
    is_accepted: impl FnOnce(&User) -> bool,
) -> Result<Option<(LinkPurpose, LockedUser)>, Fault> {
    // The user's row before the token's: a change of the password locks them in this order, too.
    let account = users::find_active_for_update(tx.connection, key.user_id)?;
    let Some(account) = account.filter(|account| is_accepted(&account.user)) else {
        return Ok(None);
    };
    let redeemed = redeem_locked(tx, key, purpose)?;
    let own = redeemed.filter(|link| account.user.email.as_ref() == Some(&link.email));
    Ok(own.map(|link| (link.purpose, account)))
}

/// Returns the row that a token of a purpose names, if its MAC is right. Users copy tokens out of mails with blanks and
/// line ends around them.
pub(in crate::flows) fn open(core: &Core, purpose: LinkPurpose, token: &str) -> Option<LinkKey> {
    let body = core.tokens.open(purpose.token_kind(), typed_text::trim(token))?;
    Some(LinkKey {
        user_id: body.user_id,
        id: LinkTokenId::from_uuid(body.row_id),
    })
}
