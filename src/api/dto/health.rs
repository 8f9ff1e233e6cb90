//! Responses of the health endpoints.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::flows::maintenance::health::{Report, State};
use crate::flows::maintenance::queues::{Queue, Queues};

/// The health of the instance.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// The state of each part; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checks: Option<Checks>,
}

/// The state of each part.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    /// Whether the database answers.
    pub database: Check,
    /// Whether the schema is the one of this program.
    pub migrations: Check,
    /// Whether the signing keys are loaded and rotated in time; with the age of the current key.
    pub signing_key: Check,
    /// Whether messages are sent when they are due; with the longest delay.
    pub outbox: Check,
}

impl Checks {
    /// Shows the state of each part.
    pub fn new(report: &Report) -> Self {
        let check = |state: State, seconds| Check {
            status: state.as_str(),
            seconds,
        };
        Self {
            database: check(report.database, None),
            migrations: check(report.migrations, None),
            signing_key: check(report.signing_key, report.signing_key_age),
            outbox: check(report.outbox, report.outbox_overdue),
        }
    }

    /// Returns them as a member of a problem document.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How the service is doing, for administrators.
#[derive(Serialize, ToSchema)]
pub struct HealthOverview {
    /// The version of the instance that answers.
    #[schema(example = "1.2.3")]
    pub version: &'static str,
    /// The state of each part.
    pub checks: Checks,
    /// The messages that wait to be sent.
    pub queues: QueuesView,
}

/// The messages that wait to be sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Queues)]
pub struct QueuesView {
    /// Mails to users.
    pub mails: QueueView,
    /// Text messages to users.
    pub text_messages: QueueView,
    /// Messages to webhooks.
    pub webhooks: QueueView,
}

/// The messages of one kind.
#[derive(Serialize, ToSchema)]
#[schema(as = Queue)]
pub struct QueueView {
    /// Those that wait to be sent, or to be tried again.
    #[schema(example = 0)]
    pub pending: i64,
    /// Those that were given up and are still stored.
    #[schema(example = 0)]
    pub dead: i64,
}

impl QueuesView {
    /// Shows the messages.
    pub fn new(queues: &Queues) -> Self {
        let show = |queue: Queue| QueueView {
            pending: queue.pending,
            dead: queue.dead,
        };
        Self {
            mails: show(queues.mails),
            text_messages: show(queues.text_messages),
            webhooks: show(queues.webhooks),
        }
    }
}

/// The state of one part.
#[derive(Serialize, ToSchema)]
pub struct Check {
    /// `ok`; `late`: works, but needs an operator's attention; `failed`: requests cannot be served because of it;
    /// `unknown`: could not be checked.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The age or the delay that was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seconds: Option<i64>,
}
