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
use crate::flows::limits::quotas;
use crate::flows::limits::throttle::identifier_hash;
use crate::flows::notify::sending::{Contents, Decision, Permit, count_unsent, decide, post};
use crate::flows::{Core, Fault};
use crate::store::link_tokens::{NewLinkToken, StoredLink};
use crate::store::users::LockedUser;
use crate::store::{PgConnection, link_tokens, sessions, users};

/// A request, and when it came.
#[derive(Clone, Copy)]
pub(in crate::flows) struct Request<'a> {
    pub(in crate::flows) origin: &'a RequestOrigin,
    pub(in crate::flows) now: DateTime<Utc>,
}

/// Sends a mail of a purpose to an address, if an account has it. The result reveals neither whether one does, nor
/// whether the quota is used up.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoSender`] where the deployment sends no mail.
pub async fn request(core: &Arc<Core>, purpose: LinkPurpose, email: Email, origin: RequestOrigin) -> Result<(), Fault> {
    require_mail(core)?;
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("links.request", move |connection| {
            let request = Request { origin: &origin, now };
            let user = users::find_active_by_email(connection, &email)?;
            let addressee = user.as_ref().filter(|user| is_needed(purpose, user));
            match (
                addressee,
                may_request(&shared, connection, purpose, (addressee, &email), request)?,
            ) {
                (Some(user), Some(permit)) => send(&shared, connection, permit, (purpose, user, &email), request)?,
                _ => send_discarded(&shared, connection, purpose, request)?,
            }
            record(&shared, connection, purpose, (addressee, &email), request)
        })
        .await
}

/// Decides whether a requested link is sent. Without an account that needs it, it is counted as unsent: an attacker who
/// requests links to an address before its owner registers must not use up what the owner is sent afterwards.
fn may_request(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (addressee, email): (Option<&User>, &Email),
    request: Request<'_>,
) -> Result<Option<Permit>, Fault> {
    if addressee.is_none() {
        let dispatch = Dispatch::mail(Purpose::Link(purpose), None, email);
        count_unsent(core, connection, &dispatch, (request.origin, request.now))?;
        return Ok(None);
    }
    Ok(
        match may_send(core, connection, purpose, (addressee, email), request)? {
            Decision::Granted(permit) => Some(permit),
            Decision::Withheld(_) => None,
        },
    )
}

/// Writes the audit event of a requested link, for the first few requests in an hour, whether or not an account has the
/// address and whether or not the link was sent.
fn record(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (addressee, email): (Option<&User>, &Email),
    request: Request<'_>,
) -> Result<(), Fault> {
    let quota = Quota::new(
        format!("audit link {} {}", purpose.as_str(), email.as_str()),
        LINK_REQUESTS_RECORDED,
    );
    if quotas::wait_or_take(core, connection, &[quota], request.now)?.is_some() {
        return Ok(());
    }
    let event = AuditEvent {
        success: addressee.is_some(),
        user_id: addressee.map(|user| user.id),
        identifier_hash: identifier_hash(core, &Identifier::Email(email.clone()))?,
        ..AuditEvent::of_deployment(requested(purpose))
    };
    Ok(core.audit(connection, &[event], request.origin, request.now)?)
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
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (user, email): (Option<&User>, &Email),
    request: Request<'_>,
) -> Result<Decision, Fault> {
    let dispatch = Dispatch::mail(Purpose::Link(purpose), user, email);
    decide(core, connection, &dispatch, (request.origin, request.now))
}

/// Makes a token for a user and mails its link to an address. The tokens in older mails stay valid, unless the purpose
/// replaces them ([`LinkPurpose::replaces`]).
pub(in crate::flows) fn send(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    (purpose, user, email): (LinkPurpose, &User, &Email),
    request: Request<'_>,
) -> Result<(), Fault> {
    let link = put(core, connection, purpose, (user, email), request.now)?;
    let contents = contents(purpose, user.locale, link);
    post(core, connection, permit, contents, (request.origin, request.now))
}

/// Notifies the reader of an address that an account has it without having verified it, with a link that sets a
/// password and gives the reader the account.
pub(in crate::flows) fn send_unconfirmed(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    (user, email): (&User, &Email),
    request: Request<'_>,
) -> Result<(), Fault> {
    let purpose = LinkPurpose::PasswordReset;
    let link = put(core, connection, purpose, (user, email), request.now)?;
    let (life, minutes) = (purpose.life(), purpose.life().num_minutes());
    let contents = Contents {
        message: Message::UnconfirmedAccount { link, minutes },
        locale: user.locale,
        life,
    };
    post(core, connection, permit, contents, (request.origin, request.now))
}

/// Makes the token for a change of address that a session requests, and mails its link to the new address. It is valid
/// while that session lives.
pub(in crate::flows) fn send_change(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    (user, email, session_id): (&User, &Email, SessionId),
    request: Request<'_>,
) -> Result<(), Fault> {
    let purpose = LinkPurpose::EmailChange;
    let by = (purpose, Some(session_id));
    let link = insert(core, connection, by, (user, email), request.now)?;
    let contents = contents(purpose, user.locale, link);
    post(core, connection, permit, contents, (request.origin, request.now))
}

/// Replaces the tokens of earlier changes as [`send_change`] does, and sends nothing. Otherwise the caller could learn
/// from an earlier link that still works whether a newer one was sent.
pub(in crate::flows) fn supersede_change(
    core: &Core,
    connection: &mut PgConnection,
    (user, email): (&User, &Email),
    session_id: SessionId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let by = (LinkPurpose::EmailChange, Some(session_id));
    let _unsent = insert(core, connection, by, (user, email), now)?;
    Ok(())
}

/// Makes a token of a purpose that does not depend on a session, and returns its link.
pub(in crate::flows) fn put(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (user, email): (&User, &Email),
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    insert(core, connection, (purpose, None), (user, email), now)
}

fn insert(
    core: &Core,
    connection: &mut PgConnection,
    (purpose, session_id): (LinkPurpose, Option<SessionId>),
    (user, email): (&User, &Email),
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let (key, link) = new_link(core, user.id, purpose, now)?;
    match purpose.replaces() {
        Replaced::None => {}
        Replaced::All => link_tokens::remove(connection, user.id, purpose, None)?,
        Replaced::ToOtherAddresses => {
            link_tokens::remove_to_other_addresses(connection, user.id, purpose, email)?;
        }
    }
    let token = NewLinkToken {
        key,
        purpose,
        email,
        session_id,
        now,
        expires_at: now + purpose.life(),
    };
    link_tokens::insert(connection, &token)?;
    Ok(link)
}

/// Looks up a link that does not exist, where another address would get one: one statement, as for writing a row, so
/// that the response time is the same.
pub(in crate::flows) fn look_for_none(
    core: &Core,
    connection: &mut PgConnection,
    request: Request<'_>,
) -> Result<(), Fault> {
    let key = LinkKey {
        user_id: UserId::new(request.now, core.random.as_ref()),
        id: LinkTokenId::new(request.now, core.random.as_ref()),
    };
    let _none = link_tokens::find(connection, key, LinkPurpose::EmailVerification, request.now)?;
    Ok(())
}

/// Does the work of [`send`] for an address without an account, so that the response time reveals nothing.
fn send_discarded(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    request: Request<'_>,
) -> Result<(), Fault> {
    let no_account = UserId::new(request.now, core.random.as_ref());
    let (key, link) = new_link(core, no_account, purpose, request.now)?;
    let _none = link_tokens::find(connection, key, purpose, request.now)?;
    let contents = contents(purpose, Locale::default(), link);
    post(
        core,
        connection,
        Permit::discarded(),
        contents,
        (request.origin, request.now),
    )
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
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<StoredLink>, Fault> {
    let Some(link) = find(connection, key, purpose, now)?.filter(|link| !link.used) else {
        return Ok(None);
    };
    if !link_tokens::consume(connection, key, purpose, now)? {
        return Ok(None);
    }
    link_tokens::remove(connection, key.user_id, link.purpose, Some(key))?;
    Ok(Some(link))
}

/// Redeems a token that gives access to the account of the address that it was sent to, as long as the account has that
/// address. Returns the token's purpose, and the account, locked. `None`: the token is expired or used, or the account
/// may not be used.
pub(in crate::flows) fn redeem_at_own_address(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<(LinkPurpose, LockedUser)>, Fault> {
    // The user's row before the token's: a change of the password locks them in this order, too.
    let Some(account) = users::find_active_for_update(connection, key.user_id)? else {
        return Ok(None);
    };
    let redeemed = redeem_locked(connection, key, purpose, now)?;
    let own = redeemed.filter(|link| account.user.email.as_ref() == Some(&link.email));
    Ok(own.map(|link| (link.purpose, account)))
}

/// Returns the row that a token of a purpose names, if its MAC is right. Users copy tokens out of mails with blanks and line
/// ends around them.
pub(in crate::flows) fn open(core: &Core, purpose: LinkPurpose, token: &str) -> Option<LinkKey> {
    let body = core.tokens.open(purpose.token_kind(), typed_text::trim(token))?;
    Some(LinkKey {
        user_id: body.user_id,
        id: LinkTokenId::from_uuid(body.row_id),
    })
}
