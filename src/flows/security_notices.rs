//! Telling owners what may not have been them (ASVS 6.3.5).
//!
//! Wrong proofs are told once an hour and kind: what an attacker can do again and again must not fill the mail box.
//! Each sign-in is told, since it takes right proofs: an attacker who signs in soon after the owner would otherwise be
//! told to no one. Of several within minutes [`notify`] makes one message with their number.

use chrono::{DateTime, TimeDelta, Utc};

use super::sending::notify;
use super::{Core, Fault, quotas};
use crate::domain::audit_event::RequestOrigin;
use crate::domain::message::Message;
use crate::domain::network::network_of;
use crate::domain::sent_code::Quota;
use crate::domain::session::{ActiveSession, SessionOrigin};
use crate::domain::user::User;
use crate::store::{PgConnection, sessions, users};

/// Wrong proofs within a day that are worth a message.
const WORTH_NOTIFYING: i32 = 3;
/// Wrong ones before a right one that are worth a message.
const MANY: i32 = 5;
/// How long a place and a program are remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(90);

/// Tells of wrong proofs within a day, by `notice` of their kind.
pub(super) fn notify_failures(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    (count, notice): (i32, Message),
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    if count < WORTH_NOTIFYING {
        return Ok(());
    }
    let quota = Quota {
        subject: format!("security_notice {} {}", notice.kind(), user.id.uuid()),
        window: TimeDelta::hours(1),
        most: 1,
    };
    match quotas::wait_or_take(core, connection, &[quota], now)? {
        None => notify(core, connection, user, notice, origin, now),
        Some(_notified_already) => Ok(()),
    }
}

/// Tells of a right second factor after many wrong ones.
pub(super) fn notify_success(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    failed_before: i32,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    if failed_before < MANY {
        return Ok(());
    }
    notify(core, connection, user, Message::SignInAfterFailures, origin, now)
}

/// Tells of a sign-in from a network and with a program that none of the user's sessions of the last months came from. Only the
/// account's first sign-in of all is not told. No session left to compare with does not make it the first.
pub(super) fn notify_new_place(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    session: &ActiveSession,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    let network = origin.ip.map(network_of);
    let before = sessions::origins_since(connection, user.id, Some(session.id), now - REMEMBERED)?;
    let is_known = |known: &SessionOrigin| known.ip.map(network_of) == network && known.user_agent == origin.user_agent;
    if before.iter().any(is_known) {
        return Ok(());
    }
    if before.is_empty() && users::note_first_sign_in(connection, user.id, now)? {
        return Ok(());
    }
    notify(core, connection, user, Message::NewSignIn, origin, now)
}
