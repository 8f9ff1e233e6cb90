//! The messages that wait to be sent, and those that were given up.

use crate::domain::message::Channel;
use crate::domain::webhook::DeliveryState;
use crate::flows::Fault;
use crate::store::{PgConnection, outbox, webhook_deliveries};

/// The messages of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Those that wait to be sent, or to be tried again.
    pub pending: i64,
    /// Those that were given up and are still stored.
    pub dead: i64,
}

/// All messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Mails to users.
    pub mails: Queue,
    /// Text messages to users.
    pub text_messages: Queue,
    /// Messages to webhooks.
    pub webhooks: Queue,
}

/// Counts them.
pub(super) fn count(connection: &mut PgConnection) -> Result<Queues, Fault> {
    let tallies = outbox::tally(connection)?;
    let of_channel = |channel| {
        let number = |dead| {
            let mut of_state = tallies
                .iter()
                .filter(|tally| tally.channel == channel && tally.dead == dead);
            of_state.next().map_or(0, |tally| tally.number)
        };
        Queue {
            pending: number(false),
            dead: number(true),
        }
    };
    let (mails, text_messages) = (of_channel(Channel::Email), of_channel(Channel::Sms));
    let mut of_webhooks = |state| webhook_deliveries::tally(connection, state).map(|tally| tally.number);
    Ok(Queues {
        mails,
        text_messages,
        webhooks: Queue {
            pending: of_webhooks(DeliveryState::Pending)?,
            dead: of_webhooks(DeliveryState::Dead)?,
        },
    })
}
