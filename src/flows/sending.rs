//! The one place that decides whether something is sent, to whom, and why not.
//!
//! Everything that is told to people passes here on its way to the outbox: [`post`] takes a [`Permit`], and only this
//! file makes one. So a new endpoint that sends something cannot forget the bounds (`domain::sending`), and nothing but
//! what proves an address goes to an unproven address.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::networks::{is_known_network, network_name};
use super::quotas::{count_since_first, wait_or_take};
use super::{Core, Fault};
use crate::crypto::sealer::SealedAt;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::client_program::ClientProgram;
use crate::domain::email::Email;
use crate::domain::ids::{MessageId, UserId, uuid_v7_of};
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, Locale, Message, Notification, Occasion};
use crate::domain::sending::{Dispatch, MERGED_WITHIN, Purpose, Source, beyond, bounds};
use crate::domain::user::User;
use crate::metrics;
use crate::store::outbox::NewMessage;
use crate::store::{PgConnection, link_tokens, outbox};

/// How long a notice is worth sending.
pub(super) const NOTICE_LIFE: TimeDelta = TimeDelta::days(3);

/// Shows that it was decided to send something, and to whom.
#[must_use]
pub(super) struct Permit {
    channel: Channel,
    to: String,
}

impl Permit {
    fn of(dispatch: &Dispatch<'_>) -> Self {
        Self {
            channel: dispatch.channel,
            to: dispatch.destination.to_owned(),
        }
    }

    /// Lets a message be written that the worker drops. It takes as long as one that is sent, so time does not tell
    /// whether an account has the address.
    pub(super) const fn discarded() -> Self {
        Self {
            channel: Channel::Email,
            to: String::new(),
        }
    }
}

/// What was decided.
#[must_use]
pub(super) enum Decision {
    Granted(Permit),
    /// A bound is used up; nothing is sent for so long.
    Withheld(TimeDelta),
}

/// What a message says, in which language, and how long it is worth sending.
pub(super) struct Contents {
    pub(super) message: Message,
    pub(super) locale: Locale,
    pub(super) life: TimeDelta,
}

/// Decides whether something is sent, and counts it if it is.
pub(super) fn decide(
    core: &Core,
    connection: &mut PgConnection,
    dispatch: &Dispatch<'_>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<Decision, Fault> {
    let decision = weigh(core, connection, (dispatch, true), (origin, now))?;
    if let Decision::Withheld(_) = decision {
        metrics::throttle("sending");
        metrics::withheld(dispatch.purpose.as_str(), "bound");
    }
    Ok(decision)
}

/// Counts something that is not sent by the same statements as if it were: which of several messages an address gets must not
/// show in what is left of their bounds.
pub(super) fn count_unsent(
    core: &Core,
    connection: &mut PgConnection,
    dispatch: &Dispatch<'_>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    let _unsent = weigh(core, connection, (dispatch, false), (origin, now))?;
    Ok(())
}

fn weigh(
    core: &Core,
    connection: &mut PgConnection,
    (dispatch, sends): (&Dispatch<'_>, bool),
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<Decision, Fault> {
    let source = source_of(connection, dispatch.account, (origin, now))?;
    let wait = wait_or_take(core, connection, &bounds(dispatch, &source), now)?;
    // Looked up whether or not the bound is used up, for an address without an account too, and for every purpose that a
    // client can cause at an address of another: neither time nor the number of statements tells.
    let looks_for = match dispatch.purpose {
        Purpose::Link(purpose) => Some(purpose),
        Purpose::AccountExists => Some(LinkPurpose::EmailVerification),
        Purpose::SignInCode | Purpose::EnrolmentCode | Purpose::Notice => None,
    };
    let mut alive = true;
    if let Some(purpose) = looks_for {
        // The nil id is no account's.
        let account = dispatch.account.unwrap_or(UserId::from_uuid(Uuid::nil()));
        alive = link_tokens::is_any_live(connection, account, purpose, dispatch.destination, now)?;
    }
    let Some(wait) = wait else {
        return Ok(Decision::Granted(Permit::of(dispatch)));
    };
    if dispatch.purpose.is_served_when_none_is_alive() {
        // What is not sent leaves no link alive, and would use up the bound again and again.
        let sends = sends && !alive;
        let is_used_up = wait_or_take(core, connection, &[beyond(dispatch, sends)], now)?.is_some();
        if sends && !is_used_up {
            return Ok(Decision::Granted(Permit::of(dispatch)));
        }
    }
    Ok(Decision::Withheld(wait))
}

/// Tells where a request came from, as seen from an account.
pub(super) fn source_of(
    connection: &mut PgConnection,
    account: Option<UserId>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<Source, Fault> {
    let network = network_name(origin);
    Ok(if is_known_network(connection, account, (origin, now))? {
        Source::Known(network)
    } else {
        Source::Unknown(network)
    })
}

/// Writes a message inside the transaction of what it tells.
pub(super) fn post(
    core: &Core,
    connection: &mut PgConnection,
    permit: Permit,
    contents: Contents,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    let envelope = Envelope {
        id: MessageId::new(now, core.random.as_ref()),
        channel: permit.channel,
        due: now,
        expires_at: now + contents.life,
    };
    let notification = Notification {
        to: permit.to,
        locale: contents.locale,
        message: contents.message,
        occasion: occasion(origin, now),
        repeats: 0,
    };
    let _is_new = write(core, connection, &envelope, &notification)?;
    Ok(())
}

/// Tells users by mail what happened to their account, if they have an address that is known to be theirs and the
/// deployment sends mail. The first notice of a kind goes out at once. Equal ones within ten minutes of it are one
/// message at the end of those, which says how many there were: an attacker cannot fill the mail box with what they do
/// again and again.
pub(super) fn notify(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    message: Message,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let Some(address) = user.verified_email().map(Email::as_str) else {
        if user.email.is_some() {
            metrics::withheld(Purpose::Notice.as_str(), "unverified_address");
        }
        return Ok(());
    };
    // A notice that waits for a mail server would be delivered, stale, on the day the operator sets one up.
    if !core.senders.has(Channel::Email) {
        return Ok(());
    }
    let contents = Contents {
        message,
        locale: user.locale,
        life: NOTICE_LIFE,
    };
    let permit = Permit {
        channel: Channel::Email,
        to: address.to_owned(),
    };
    let subject = format!("notice {} {} {address}", contents.message.kind(), user.id.uuid());
    let window = count_since_first(core, connection, &subject, MERGED_WITHIN, now)?;
    if window.used == 1 {
        return post(core, connection, permit, contents, (origin, now));
    }
    metrics::withheld(Purpose::Notice.as_str(), "merged");
    let envelope = Envelope {
        // The same for all that are told together, so that each takes the place of the one before.
        id: MessageId::from_uuid(uuid_v7_of(window.end, &window.key)),
        channel: permit.channel,
        due: window.end,
        expires_at: window.end + contents.life,
    };
    let notification = Notification {
        to: permit.to,
        locale: contents.locale,
        message: contents.message,
        occasion: occasion(origin, now),
        repeats: u32::try_from(window.used - 1).unwrap_or_default(),
    };
    if write(core, connection, &envelope, &notification)? {
        return Ok(());
    }
    // It is being sent already: clocks of two instances differ. Better told once too often than never.
    let id = MessageId::new(now, core.random.as_ref());
    let _is_new = write(core, connection, &Envelope { id, ..envelope }, &notification)?;
    Ok(())
}

/// Under which id a message is sent, how, from when on, and until when.
struct Envelope {
    id: MessageId,
    channel: Channel,
    due: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Seals a letter and writes it. `false`: a message under that id is being sent already.
fn write(
    core: &Core,
    connection: &mut PgConnection,
    envelope: &Envelope,
    notification: &Notification,
) -> Result<bool, Fault> {
    let plain = serde_json::to_vec(notification).map_err(|error| Fault::Notification(error.to_string()))?;
    let message = NewMessage {
        id: envelope.id,
        channel: envelope.channel,
        kind: notification.message.kind(),
        sealed_message: core.sealer.seal(&SealedAt::message(envelope.id), &plain)?,
        now: notification.occasion.at,
        due: envelope.due,
        expires_at: envelope.expires_at,
    };
    Ok(outbox::put(connection, &message)?)
}

/// Says when and from where a request came.
fn occasion(origin: &RequestOrigin, now: DateTime<Utc>) -> Occasion {
    Occasion {
        at: now,
        ip: origin.ip,
        program: origin.user_agent.as_deref().map(ClientProgram::of).unwrap_or_default(),
    }
}
