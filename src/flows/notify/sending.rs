//! The only place that decides whether a message is sent, to which address, and why not.
//!
//! Every message passes here on its way to the outbox: [`post`] takes a [`Permit`], and only this file makes one. So a
//! new endpoint that sends something cannot omit the quotas (`domain::sending`), and an unverified address receives
//! nothing but what verifies it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::crypto::sealer::SealedAt;
use crate::domain::client_program::ClientProgram;
use crate::domain::email::Email;
use crate::domain::ids::{MessageId, UserId, uuid_v7_of};
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::{Channel, Locale, Message, Notification, Occasion};
use crate::domain::policy::numbers::{LEAST_LIFE_OF_LINK, NOTICE_LIFE, NOTICES_MERGED_WITHIN};
use crate::domain::sending::{Dispatch, Purpose, Source, beyond, bounds};
use crate::domain::user::User;
use crate::flows::Fault;
use crate::flows::limits::{Window, count_since_first, wait_or_take};
use crate::flows::limits::{is_known_network, network_name};
use crate::flows::tx::Tx;
use crate::metrics;
use crate::store::outbox::NewMessage;
use crate::store::{link_tokens, outbox};

/// Shows that sending a message was decided, and to which address.
#[must_use]
pub(in crate::flows) struct Permit {
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

    /// Permits a message that is written and that the worker drops. Writing it takes as long as for one that is sent,
    /// so the response time does not reveal whether an account has the address.
    pub(in crate::flows) const fn discarded() -> Self {
        Self {
            channel: Channel::Email,
            to: String::new(),
        }
    }
}

/// The decision whether to send a message.
#[must_use]
pub(in crate::flows) enum Decision {
    Granted(Permit),
    /// A quota is used up; nothing is sent for this long.
    Withheld(TimeDelta),
}

/// The contents of a message, its language, and how long it is worth sending.
pub(in crate::flows) struct Contents {
    pub(in crate::flows) message: Message,
    pub(in crate::flows) locale: Locale,
    pub(in crate::flows) life: TimeDelta,
}

/// Decides whether a message is sent, and counts it if so.
pub(in crate::flows) fn decide(tx: &mut Tx<'_>, dispatch: &Dispatch<'_>) -> Result<Decision, Fault> {
    let decision = weigh(tx, dispatch, true)?;
    if let Decision::Withheld(_) = decision {
        metrics::throttle("sending");
        metrics::withheld(dispatch.purpose.as_str(), "bound");
    }
    Ok(decision)
}

/// Counts a message that is not sent, with the same statements as if it were: the remaining quotas must not reveal
/// which of several messages an address gets.
pub(in crate::flows) fn count_unsent(tx: &mut Tx<'_>, dispatch: &Dispatch<'_>) -> Result<(), Fault> {
    let _unsent = weigh(tx, dispatch, false)?;
    Ok(())
}

fn weigh(tx: &mut Tx<'_>, dispatch: &Dispatch<'_>, sends: bool) -> Result<Decision, Fault> {
    let source = source_of(tx, dispatch.account)?;
    let wait = wait_or_take(tx, &bounds(dispatch, &source))?;
    // Looked up whether or not the quota is used up, also for an address without an account, and for every purpose that
    // a client can trigger for another user's address: neither the response time nor the number of statements must
    // differ.
    let looks_for = match dispatch.purpose {
        Purpose::Link(purpose) => Some(purpose),
        Purpose::AccountExists => Some(LinkPurpose::EmailVerification),
        Purpose::SignInCode | Purpose::EnrolmentCode | Purpose::Notice => None,
    };
    let mut alive = true;
    if let Some(purpose) = looks_for {
        // No account has the nil id.
        let account = dispatch.account.unwrap_or(UserId::from_uuid(Uuid::nil()));
        let soon = tx.now + LEAST_LIFE_OF_LINK;
        alive = link_tokens::is_any_live(tx.connection, account, purpose, dispatch.destination, soon)?;
    }
    let Some(wait) = wait else {
        return Ok(Decision::Granted(Permit::of(dispatch)));
    };
    if dispatch.purpose.is_served_when_none_is_alive() {
        // A message that is not sent makes no live link, and would use up the quota again and again.
        let sends = sends && !alive;
        let is_used_up = wait_or_take(tx, &[beyond(dispatch, sends)])?.is_some();
        if sends && !is_used_up {
            return Ok(Decision::Granted(Permit::of(dispatch)));
        }
    }
    Ok(Decision::Withheld(wait))
}

/// Classifies the network of a request, from the point of view of an account.
pub(in crate::flows) fn source_of(tx: &mut Tx<'_>, account: Option<UserId>) -> Result<Source, Fault> {
    let network = network_name(tx.origin);
    Ok(if is_known_network(tx, account)? {
        Source::Known(network)
    } else {
        Source::Unknown(network)
    })
}

/// Writes a message, inside the transaction of what it reports.
pub(in crate::flows) fn post(tx: &mut Tx<'_>, permit: Permit, contents: Contents) -> Result<(), Fault> {
    let envelope = Envelope {
        id: MessageId::new(tx.now, tx.core.random.as_ref()),
        channel: permit.channel,
        due: tx.now,
        expires_at: tx.now + contents.life,
    };
    let notification = Notification {
        to: permit.to,
        locale: contents.locale,
        message: contents.message,
        occasion: occasion(tx),
        repeats: 0,
    };
    let _is_new = write(tx, &envelope, &notification)?;
    Ok(())
}

impl Tx<'_> {
    /// Notifies users by mail of what happened to their account, if their address is verified and the deployment sends
    /// mail. The first notice of a kind and [subject](Message::subject) is sent at once. Further ones within ten minutes
    /// are merged into one message at the end of that time, which says how many there were: an attacker cannot fill the
    /// mailbox by repeating an action.
    pub(in crate::flows) fn notify(&mut self, user: &User, message: Message) -> Result<(), Fault> {
        let Some(address) = user.verified_email().map(Email::as_str) else {
            if user.email.is_some() {
                metrics::withheld(Purpose::Notice.as_str(), "unverified_address");
            }
            return Ok(());
        };
        // A notice that waited for a mail server would be stale by the time the operator sets one up.
        if !self.core.senders.has(Channel::Email) {
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
        let (kind, about) = (contents.message.kind(), contents.message.subject());
        let subject = format!("notice {kind} {} {address} {about}", user.id.uuid());
        let window = count_since_first(self, &subject, NOTICES_MERGED_WITHIN)?;
        if window.used == 1 {
            return post(self, permit, contents);
        }
        metrics::withheld(Purpose::Notice.as_str(), "merged");
        self.post_merged(permit, contents, &window)
    }

    /// Writes a notice that is sent at the end of a window, in the place of the one before it.
    fn post_merged(&mut self, permit: Permit, contents: Contents, window: &Window) -> Result<(), Fault> {
        let envelope = Envelope {
            // The same id for all that are merged, so that each replaces the one before.
            id: MessageId::from_uuid(uuid_v7_of(window.end, &window.key)),
            channel: permit.channel,
            due: window.end,
            expires_at: window.end + contents.life,
        };
        let notification = Notification {
            to: permit.to,
            locale: contents.locale,
            message: contents.message,
            occasion: occasion(self),
            repeats: u32::try_from(window.used - 1).unwrap_or_default(),
        };
        if write(self, &envelope, &notification)? {
            return Ok(());
        }
        // It is being sent already, since the clocks of two instances differ. A duplicate is better than a missing
        // notice.
        let id = MessageId::new(self.now, self.core.random.as_ref());
        let _is_new = write(self, &Envelope { id, ..envelope }, &notification)?;
        Ok(())
    }
}

/// The id of a message, its channel, when it is due, and when it expires.
struct Envelope {
    id: MessageId,
    channel: Channel,
    due: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Seals a notification and writes it. `false`: a message with that id is being sent already.
fn write(tx: &mut Tx<'_>, envelope: &Envelope, notification: &Notification) -> Result<bool, Fault> {
    let plain = serde_json::to_vec(notification).map_err(|error| Fault::Notification(error.to_string()))?;
    let message = NewMessage {
        id: envelope.id,
        channel: envelope.channel,
        kind: notification.message.kind(),
        sealed_message: tx.core.sealer.seal(&SealedAt::message(envelope.id), &plain)?,
        now: notification.occasion.at,
        due: envelope.due,
        expires_at: envelope.expires_at,
    };
    Ok(outbox::put(tx.connection, &message)?)
}

/// Describes when and from where a request came.
fn occasion(tx: &Tx<'_>) -> Occasion {
    Occasion {
        at: tx.now,
        ip: tx.origin.ip,
        program: tx
            .origin
            .user_agent
            .as_deref()
            .map(ClientProgram::of)
            .unwrap_or_default(),
    }
}
