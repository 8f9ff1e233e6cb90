//! The outbox: messages are written in the transaction that causes them (`sending`), and sent by a worker.
//!
//! So no request waits for a mail server, and no message is lost because a mail server was down. A message leaves the
//! table once the transport has accepted it; a worker that dies between the two sends it again, under the same id.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use crate::crypto::sealer::{SealError, SealedAt};
use crate::delivery::{Outgoing, Rendered, SendError, Sender, Transport};
use crate::domain::ids::MessageId;
use crate::domain::message::{Channel, Notification, back_off};
use crate::domain::policy::numbers::{MESSAGE_LEASE, MOST_REFUSALS};
use crate::flows::{Core, Fault, reports};
use crate::metrics;
use crate::store::outbox;
use crate::store::outbox::StoredMessage;

/// Messages that one worker sends at once.
const BATCH: i64 = 8;
/// The maximum number of messages that the development outbox shows.
const MOST_SHOWN: i64 = 1000;

/// Sends the messages of a channel that are due. Returns how many there were, so that the caller can ask for more at
/// once.
///
/// # Errors
///
/// Returns faults of the database; a refusal by a transport is recorded, and the message is tried again.
pub async fn deliver_due(core: &Arc<Core>, channel: Channel) -> Result<usize, Fault> {
    let Sender::Transport(transport) = core.senders.of(channel) else {
        return Ok(0);
    };
    let now = core.clock.now();
    let due = core
        .db
        .transaction("outbox.take", move |connection| {
            outbox::take_due(connection, channel, BATCH, now, now + MESSAGE_LEASE).map_err(Fault::from)
        })
        .await?;
    let taken = due.len();
    let delivered = join_all(
        due.into_iter()
            .map(|message| deliver(core, channel, transport, message)),
    )
    .await;
    delivered.into_iter().collect::<Result<(), Fault>>()?;
    Ok(taken)
}

/// The result of an attempt to send a message.
enum Report {
    Sent,
    Postponed { refusals: i32, why: String },
    GivenUp { refusals: i32, why: String },
}

impl Report {
    /// The label of the result in metrics.
    const fn word(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Postponed { .. } => "postponed",
            Self::GivenUp { .. } => "given_up",
        }
    }
}

/// A message with the result of an attempt.
struct Tried {
    channel: Channel,
    message: StoredMessage,
    report: Report,
    next_try_at: DateTime<Utc>,
}

async fn deliver(
    core: &Arc<Core>,
    channel: Channel,
    transport: &Arc<dyn Transport>,
    message: StoredMessage,
) -> Result<(), Fault> {
    let report = try_to_send(core, channel, transport, &message).await;
    let (id, attempts) = (message.id.uuid(), message.attempts);
    match &report {
        Report::Sent => tracing::debug!(message_id = %id, channel = channel.as_str(), attempts, "a message was sent"),
        Report::Postponed { why, .. } => {
            tracing::warn!(message_id = %id, channel = channel.as_str(), attempts, why, "a message was not sent yet");
        }
        Report::GivenUp { why, .. } => {
            tracing::error!(message_id = %id, channel = channel.as_str(), attempts, why, "a message was given up");
        }
    }
    let tried = Arc::new(Tried {
        channel,
        next_try_at: core.clock.now() + back_off(attempts, core.random.as_ref()),
        message,
        report,
    });
    reports::write_down(core, "outbox.report", move |tx| {
        let Tried {
            message, next_try_at, ..
        } = tried.as_ref();
        metrics::delivery(tried.channel.as_str(), tried.report.word());
        match &tried.report {
            Report::Sent => {
                outbox::remove_sent(tx.connection, message)?;
            }
            Report::Postponed { refusals, why } => {
                outbox::postpone(tx.connection, message, *next_try_at, *refusals, why)?;
            }
            Report::GivenUp { refusals, why } => outbox::give_up(tx.connection, message, *refusals, why)?,
        }
        Ok(())
    })
    .await
}

async fn try_to_send(core: &Core, channel: Channel, transport: &Arc<dyn Transport>, message: &StoredMessage) -> Report {
    let refusals = message.refusals;
    if core.clock.now() >= message.expires_at {
        let why = "not sent before it expired".to_owned();
        return Report::GivenUp { refusals, why };
    }
    let notification = match open(core, message) {
        Ok(notification) => notification,
        // During a rolling update, newer instances write what older ones cannot read: under the next master key, or of
        // a new kind. A newer instance sends it later.
        Err(fault @ (Fault::Notification(_) | Fault::Seal(SealError::UnknownKey(_)))) => {
            let why = fault.to_string();
            return Report::Postponed { refusals, why };
        }
        Err(fault) => {
            let why = fault.to_string();
            return Report::GivenUp { refusals, why };
        }
    };
    if notification.to.is_empty() {
        return Report::Sent;
    }
    let outgoing = outgoing(core, channel, message.id, &notification);
    match transport.send(&outgoing).await {
        Ok(()) => Report::Sent,
        Err(SendError::Temporary(why)) => Report::Postponed { refusals, why },
        Err(SendError::Refused(why)) => {
            let refusals = refusals + 1;
            if refusals >= MOST_REFUSALS {
                Report::GivenUp { refusals, why }
            } else {
                Report::Postponed { refusals, why }
            }
        }
    }
}

fn open(core: &Core, message: &StoredMessage) -> Result<Notification, Fault> {
    let plain = core
        .sealer
        .open(&SealedAt::message(message.id), &message.sealed_message)?;
    // The parser's error may quote its input.
    serde_json::from_slice(&plain).map_err(|_unreadable| Fault::Notification("it is of an unknown kind".to_owned()))
}

fn outgoing(core: &Core, channel: Channel, id: MessageId, notification: &Notification) -> Outgoing {
    Outgoing {
        id: id.uuid(),
        to: notification.to.clone(),
        kind: notification.message.kind(),
        locale: notification.locale.as_str(),
        code: notification.message.code().map(str::to_owned),
        rendered: core.templates.render(channel, notification),
    }
}

/// A message that `vestibule dev` shows.
pub struct CapturedMessage {
    /// The id of its row.
    pub id: MessageId,
    /// The channel that it would be sent by.
    pub channel: Channel,
    /// The address or number that it is for.
    pub to: String,
    /// The kind of message.
    pub kind: &'static str,
    /// The code in it, if there is one.
    pub code: Option<String>,
    /// The link in it, if there is one.
    pub link: Option<String>,
    /// The token in its link, if there is one.
    pub token: Option<String>,
    /// Its text.
    pub rendered: Rendered,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// Lists the rendered messages in the outbox, newest first: for development only.
pub async fn list_captured(core: &Arc<Core>, channel: Option<Channel>) -> Result<Vec<CapturedMessage>, Fault> {
    let stored = core
        .db
        .read("outbox.list", move |connection| {
            outbox::list(connection, channel, MOST_SHOWN).map_err(Fault::from)
        })
        .await?;
    let show = |(channel, message): (Channel, StoredMessage)| {
        let notification = open(core, &message)?;
        if notification.to.is_empty() {
            return Ok(None);
        }
        let outgoing = outgoing(core, channel, message.id, &notification);
        Ok(Some(CapturedMessage {
            id: message.id,
            channel,
            to: outgoing.to,
            kind: outgoing.kind,
            code: outgoing.code,
            link: notification.message.link().map(str::to_owned),
            token: notification.message.token().map(str::to_owned),
            rendered: outgoing.rendered,
            created_at: message.created_at,
        }))
    };
    stored.into_iter().filter_map(|row| show(row).transpose()).collect()
}

/// Deletes all messages: for development only.
pub async fn clear(core: &Arc<Core>) -> Result<(), Fault> {
    core.db
        .transaction("outbox.clear", |connection| {
            outbox::clear(connection).map_err(Fault::from)
        })
        .await
}
