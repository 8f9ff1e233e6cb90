//! Whether this instance can serve requests, and the details for operators.

use std::sync::Arc;

use crate::domain::message::Channel;
use crate::domain::policy::numbers::{KEY_SIGNS_FOR, OUTBOX_LATE, ROTATION_LATE_AFTER};
use crate::domain::signing_key::{KeyState, ListedKey};
use crate::flows::maintenance::db_metrics::overdue;
use crate::flows::maintenance::queues::{self, Queues};
use crate::flows::{Core, Fault};
use crate::store::outbox::Tally;
use crate::store::{conditions, outbox, signing_keys};

/// Checks that the database answers and has the schema of this program, and that the signing keys are loaded.
///
/// # Errors
///
/// Returns what is missing.
pub async fn ready(core: &Arc<Core>) -> Result<(), Fault> {
    core.db
        .read("health.ready", |connection| {
            conditions::probe(connection).map_err(Fault::from)
        })
        .await?;
    core.published_keys().map(|_keys| ())
}

/// The state of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Works.
    Ok,
    /// Works, but an operator should look at it. Requests are served.
    Late,
    /// Does not work, so requests cannot be served.
    Failed,
    /// Could not be determined.
    Unknown,
}

impl State {
    /// Returns the state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    const fn of(good: bool, otherwise: Self) -> Self {
        if good { Self::Ok } else { otherwise }
    }
}

/// The state of each part, for operators.
pub struct Report {
    /// Whether the database answers.
    pub database: State,
    /// Whether its schema is this program's.
    pub migrations: State,
    /// Whether the keys are loaded, and the current one was rotated in time.
    pub signing_key: State,
    /// How long the current key has signed, in seconds.
    pub signing_key_age: Option<i64>,
    /// Whether due messages are sent in time.
    pub outbox: State,
    /// How long the oldest due message has been waiting, in seconds.
    pub outbox_overdue: Option<i64>,
}

/// Reports the state of each part, after it was checked whether the instance is ready.
pub async fn report(core: &Arc<Core>, ready: &Result<(), Fault>) -> Report {
    // A database that just failed to answer is not asked again: that would take as long.
    let answered = matches!(ready, Ok(()) | Err(Fault::NoSigningKey(_)));
    let looked = if answered { look(core).await } else { None };
    let (now, loaded) = (core.clock.now(), core.keys.published().is_ok());
    let age = looked.as_ref().and_then(|(_, keys)| {
        let current = keys.iter().find(|key| key.state == KeyState::Current)?;
        Some(now - current.activated_at.unwrap_or(current.created_at))
    });
    let behind = looked.as_ref().map(|(tallies, _)| {
        [Channel::Email, Channel::Sms]
            .map(|channel| overdue(core, channel, tallies, now))
            .into_iter()
            .max()
            .unwrap_or_default()
    });
    let schema = core.db.is_schema_ready();
    Report {
        // Before the schema was checked nothing is queried.
        database: if schema {
            State::of(looked.is_some(), State::Failed)
        } else {
            State::Unknown
        },
        migrations: State::of(schema, State::Failed),
        signing_key: match age {
            _ if !loaded => State::Failed,
            Some(age) => State::of(age < KEY_SIGNS_FOR + ROTATION_LATE_AFTER, State::Late),
            None => State::Unknown,
        },
        signing_key_age: age.map(|age| age.num_seconds()),
        outbox: behind.map_or(State::Unknown, |behind| State::of(behind < OUTBOX_LATE, State::Late)),
        outbox_overdue: behind.map(|behind| behind.num_seconds()),
    }
}

/// What administrators see: the state of each part, and the messages that wait.
pub struct Overview {
    /// The version of the instance that answers.
    pub version: &'static str,
    /// The state of each part.
    pub report: Report,
    /// The messages.
    pub queues: Queues,
}

/// Reports the state of each part and counts the messages that wait.
pub async fn overview(core: &Arc<Core>) -> Result<Overview, Fault> {
    let queues = core.db.read("health.queues", queues::count).await?;
    let ready = ready(core).await;
    Ok(Overview {
        version: env!("CARGO_PKG_VERSION"),
        report: report(core, &ready).await,
        queues,
    })
}

type Looked = (Vec<Tally>, Vec<ListedKey>);

async fn look(core: &Arc<Core>) -> Option<Looked> {
    core.db
        .read("health.report", |connection| -> Result<_, Fault> {
            Ok((outbox::tally(connection)?, signing_keys::list(connection)?))
        })
        .await
        .ok()
}
