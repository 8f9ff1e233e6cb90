//! What `vestibule check` tries with the service's own code: keys that must open, servers that must answer, and how
//! long a hash takes. Nothing is changed and nothing is sent.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::crypto::sealer::SealedAt;
use crate::delivery::Sender;
use crate::domain::breach_range::BreachRange;
use crate::domain::message::Channel;
use crate::domain::password::Password;
use crate::domain::policy::numbers::{KEY_SIGNS_FOR, ROTATION_OVERDUE_AFTER};
use crate::domain::signing_key::KeyState;
use crate::flows::maintenance::signing_keys;
use crate::flows::{Core, Fault};
use crate::store::{signing_keys as stored_keys, totp_factors};

/// The state of the signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysFound {
    /// There are none: the first start makes them.
    None,
    /// One signs, and the next one is ready.
    Good {
        /// When the current one began to sign.
        since: DateTime<Utc>,
    },
    /// The current one should have been replaced: no instance has rotated it.
    Overdue {
        /// When the current one began to sign.
        since: DateTime<Utc>,
    },
    /// There is no current key, or no next one.
    Incomplete,
}

/// Opens sealed values: all signing keys, and the oldest and the newest authenticator secret.
///
/// # Errors
///
/// Returns faults of the database, and of what does not open: the master key is then not the one that sealed it.
pub async fn open_what_is_sealed(core: &Arc<Core>) -> Result<KeysFound, Fault> {
    let keys = signing_keys::load(core).await?;
    let shared = Arc::clone(core);
    core.db
        .read("check.sealed", move |connection| {
            for (id, user_id, sealed) in totp_factors::oldest_and_newest(connection)? {
                shared.sealer.open(&SealedAt::totp_secret(id, user_id), &sealed)?;
            }
            Ok::<_, Fault>(())
        })
        .await?;
    if keys.is_empty() {
        return Ok(KeysFound::None);
    }
    let find = |state| keys.iter().find(|key| key.state == state);
    let (Some(current), Some(_next)) = (find(KeyState::Current), find(KeyState::Next)) else {
        return Ok(KeysFound::Incomplete);
    };
    let since = current.activated_at.unwrap_or(current.created_at);
    Ok(if core.clock.now() - since > KEY_SIGNS_FOR + ROTATION_OVERDUE_AFTER {
        KeysFound::Overdue { since }
    } else {
        KeysFound::Good { since }
    })
}

/// Returns the ids of the signing keys, whether or not they open.
pub async fn key_ids(core: &Arc<Core>) -> Result<Vec<String>, Fault> {
    core.db
        .read("check.key_ids", |connection| {
            let keys = stored_keys::list(connection)?;
            Ok::<_, Fault>(keys.into_iter().map(|key| key.kid).collect())
        })
        .await
}

/// Measures how long a password hash takes on this machine.
pub async fn time_a_hash(core: &Core) -> Result<TimeDelta, Fault> {
    let before = core.clock.now();
    let _hash = core.hasher.renew(dummy_password()).await?;
    Ok(core.clock.now() - before)
}

/// Connects to the sender of a channel without sending anything. `None`: the deployment has not set it up.
pub async fn try_sender(core: &Core, channel: Channel) -> Option<Result<(), String>> {
    match core.senders.of(channel) {
        Sender::Transport(transport) => Some(transport.probe().await.map_err(|error| error.to_string())),
        Sender::Captured | Sender::Absent => None,
    }
}

/// Asks the list of breached passwords about one. `None`: the deployment names no list. The error says why it cannot be
/// asked.
pub async fn try_breach_list(core: &Core) -> Option<Result<(), &'static str>> {
    let list = core.breach_list.as_ref()?;
    let asked = list.ask(BreachRange::of(&dummy_password())).await;
    Some(asked.map(|_is_listed| ()))
}

fn dummy_password() -> Password {
    Password::new(&"a password of no account".into())
}
