//! Whether this instance can serve, and what operators are told beside that.

use std::sync::Arc;

use chrono::TimeDelta;

use super::db_metrics::{OUTBOX_LATE, overdue};
use super::{Core, Fault};
use crate::domain::message::Channel;
use crate::domain::signing_key::{AGE_TO_ROTATE, KeyState, ListedKey};
use crate::store::outbox::Tally;
use crate::store::{outbox, signing_keys, users};

/// How far behind its time the rotation of the signing key may be before that is worth a look.
const ROTATION_LATE: TimeDelta = TimeDelta::days(7);

/// Checks that the database answers, on the schema of this program, and that the signing keys are loaded.
///
/// # Errors
///
/// Returns what is missing.
pub async fn ready(core: &Arc<Core>) -> Result<(), Fault> {
    core.db
        .read("health.ready", |connection| {
            users::probe(connection).map_err(Fault::from)
        })
        .await?;
    core.keys.published().map(|_keys| ())
}

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, but somebody should look. Keeps nobody from being served.
    Late,
    /// Nothing is served for want of it.
    Failed,
    /// What would tell cannot be asked.
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

/// How each part is, for operators.
pub struct Report {
    /// Whether the database answers.
    pub database: State,
    /// Whether its schema is this program's.
    pub migrations: State,
    /// Whether the keys are loaded, and the current one makes way in time.
    pub signing_key: State,
    /// Since when the current key signs, in seconds.
    pub signing_key_age: Option<i64>,
    /// Whether messages are tried when they are due.
    pub outbox: State,
    /// For how long one ought to have been tried, in seconds.
    pub outbox_overdue: Option<i64>,
}

/// Looks at each part by itself, after it was found out whether the instance can serve.
pub async fn report(core: &Arc<Core>, ready: &Result<(), Fault>) -> Report {
    // A database that did not answer just now is not asked again: that would take as long.
    let answered = matches!(ready, Ok(()) | Err(Fault::NoSigningKey));
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
        // Before the schema was checked nothing is asked.
        database: if schema {
            State::of(looked.is_some(), State::Failed)
        } else {
            State::Unknown
        },
        migrations: State::of(schema, State::Failed),
        signing_key: match age {
            _ if !loaded => State::Failed,
            Some(age) => State::of(age < AGE_TO_ROTATE + ROTATION_LATE, State::Late),
            None => State::Unknown,
        },
        signing_key_age: age.map(|age| age.num_seconds()),
        outbox: behind.map_or(State::Unknown, |behind| State::of(behind < OUTBOX_LATE, State::Late)),
        outbox_overdue: behind.map(|behind| behind.num_seconds()),
    }
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
