//! Mails with a token in them: asked for by anybody, told to the owner of the address only.
//!
//! Whoever asks learns nothing: an address without an account is answered by the same statements, the same answer and the
//! same bound on asking (ASVS 6.3.8).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;

use super::outbox::{Posting, occasion, post};
use super::throttle::identifier_hash;
use super::{Core, Fault, quotas};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::ids::{LinkTokenId, UserId};
use crate::domain::link_token::{LinkKey, LinkPurpose};
use crate::domain::message::{Channel, Letter, Locale, Message};
use crate::domain::one_time_code::Quota;
use crate::domain::user::{Identifier, User};
use crate::measures;
use crate::store::link_tokens::NewLinkToken;
use crate::store::users::HeldUser;
use crate::store::{PgConnection, link_tokens, users};

/// Mails of one purpose to one address in an hour.
const MAILS_AN_HOUR: i32 = 3;

/// A request, and when it came.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) origin: &'a RequestOrigin,
    pub(super) now: DateTime<Utc>,
}

/// Sends a mail of a purpose to an address, if it is an account's. Says nothing about whether it is, nor about whether there
/// were too many before.
///
/// # Errors
///
/// Returns faults only; [`Fault::NoOutlet`] where the deployment sends no mail.
pub async fn request(core: &Arc<Core>, purpose: LinkPurpose, email: Email, origin: RequestOrigin) -> Result<(), Fault> {
    require_mail(core)?;
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("links.request", move |connection| {
            let request = Request { origin: &origin, now };
            let allowed = may_send(&shared, connection, purpose, &email, now)?;
            let user = users::find_active_by_email(connection, &email)?;
            let addressee = user.as_ref().filter(|user| allowed && is_wanted(purpose, user));
            let user_id = addressee.map(|user| user.id);
            match addressee {
                Some(user) => send(&shared, connection, purpose, (user, &email), request)?,
                None => send_to_nobody(&shared, connection, purpose, request)?,
            }
            if !allowed {
                // Known or unknown: three an hour are enough to know of.
                return Ok(());
            }
            let event = AuditEvent {
                success: user_id.is_some(),
                user_id,
                identifier_hash: identifier_hash(&shared, &Identifier::Email(email.clone()))?,
                ..AuditEvent::of_deployment(requested(purpose))
            };
            shared.audit(connection, &[event], &origin, now).map_err(Fault::from)
        })
        .await
}

/// An address is proven once.
const fn is_wanted(purpose: LinkPurpose, user: &User) -> bool {
    match purpose {
        LinkPurpose::EmailVerification => user.email_verified_at.is_none(),
        LinkPurpose::MagicLink | LinkPurpose::PasswordReset | LinkPurpose::Invitation => true,
    }
}

const fn requested(purpose: LinkPurpose) -> EventName {
    match purpose {
        LinkPurpose::MagicLink => EventName::MagicLinkRequested,
        // Whoever has lost an invitation asks for a reset.
        LinkPurpose::PasswordReset | LinkPurpose::Invitation => EventName::PasswordResetRequested,
        LinkPurpose::EmailVerification => EventName::EmailVerificationRequested,
    }
}

/// Says that there is no mail where it is needed.
pub(super) fn require_mail(core: &Core) -> Result<(), Fault> {
    if core.outlets.has(Channel::Email) {
        Ok(())
    } else {
        Err(Fault::NoOutlet(Channel::Email.as_str()))
    }
}

/// Tells whether one more mail of a purpose may go to an address, and counts it.
pub(super) fn may_send(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let quota = Quota {
        subject: format!("link {} {}", purpose.as_str(), email.as_str()),
        window: TimeDelta::hours(1),
        most: MAILS_AN_HOUR,
    };
    let wait = quotas::wait_or_take(core, connection, &[quota], now)?;
    if wait.is_some() {
        measures::throttle("sending");
    }
    Ok(wait.is_none())
}

/// Makes a token for a user and mails its link to an address. The token in an older mail is dead from then on.
pub(super) fn send(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (user, email): (&User, &Email),
    request: Request<'_>,
) -> Result<(), Fault> {
    let link = put(core, connection, purpose, (user, email), request.now)?;
    let posting = posting(purpose, (email.as_str(), user.locale), link, request);
    post(core, connection, &posting, request.now)
}

/// Does to the tokens in older mails what [`send`] does, and sends nothing: whether they still count must not tell whether
/// there is a newer one.
pub(super) fn supersede(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (user, email): (&User, &Email),
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let _nobodys = put(core, connection, purpose, (user, email), now)?;
    Ok(())
}

/// Makes a token the one of its purpose that counts, and returns its link.
pub(super) fn put(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    (user, email): (&User, &Email),
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let (key, link) = new_link(core, user.id, purpose, now)?;
    let token = NewLinkToken {
        key,
        purpose,
        email,
        now,
        expires_at: now + purpose.life(),
    };
    link_tokens::put(connection, &token)?;
    Ok(link)
}

/// Does the work of [`send`] for an address that no account has, so that time does not tell.
fn send_to_nobody(
    core: &Core,
    connection: &mut PgConnection,
    purpose: LinkPurpose,
    request: Request<'_>,
) -> Result<(), Fault> {
    let nobody = UserId::new(request.now, core.random.as_ref());
    let (key, link) = new_link(core, nobody, purpose, request.now)?;
    let _none = link_tokens::consume(connection, key, purpose, request.now)?;
    let posting = posting(purpose, ("", Locale::default()), link, request);
    post(core, connection, &posting, request.now)
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

fn posting(purpose: LinkPurpose, (to, locale): (&str, Locale), link: String, request: Request<'_>) -> Posting {
    let (life, minutes) = (purpose.life(), purpose.life().num_minutes());
    Posting {
        channel: Channel::Email,
        letter: Letter {
            to: to.to_owned(),
            locale,
            message: match purpose {
                LinkPurpose::MagicLink => Message::MagicLink { link, minutes },
                LinkPurpose::PasswordReset => Message::PasswordReset { link, minutes },
                LinkPurpose::Invitation => Message::Invitation {
                    link,
                    hours: life.num_hours(),
                },
                LinkPurpose::EmailVerification => Message::EmailVerification { link },
            },
            occasion: occasion(request.origin, request.now),
        },
        life,
    }
}

/// Uses a token up. Returns the address that it was sent to, and holds the account that it is for. `None`: the token is
/// expired or used, or the account may not be used.
pub(super) fn redeem(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<(Email, HeldUser)>, Fault> {
    // The user's row before the token's: whoever changes a password takes them in this order, too.
    let Some(held) = users::find_active_for_update(connection, key.user_id)? else {
        return Ok(None);
    };
    let used = link_tokens::consume(connection, key, purpose, now)?;
    Ok(used.map(|email| (email, held)))
}

/// Uses a token up that opens the account of the address that it was sent to, as long as it is the account's.
pub(super) fn redeem_at_own_address(
    connection: &mut PgConnection,
    key: LinkKey,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<HeldUser>, Fault> {
    let redeemed = redeem(connection, key, purpose, now)?;
    Ok(redeemed.and_then(|(email, held)| (held.user.email.as_ref() == Some(&email)).then_some(held)))
}

/// Returns the row that a token of a purpose names, if its proof is right.
pub(super) fn open(core: &Core, purpose: LinkPurpose, token: &str) -> Option<LinkKey> {
    let body = core.tokens.open(purpose.token_kind(), token)?;
    Some(LinkKey {
        user_id: body.user_id,
        id: LinkTokenId::from_uuid(body.row_id),
    })
}
