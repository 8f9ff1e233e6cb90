//! Notifying owners of what an attacker may have done (ASVS 6.3.5).
//!
//! Wrong proofs are reported once an hour and kind, so that an attacker cannot fill the mailbox by repeating them.
//! Every sign-in from a new place is reported, since it takes right proofs: with an hourly limit, an attacker who signs
//! in soon after the owner would go unreported. [`notify`] merges several within minutes into one message with their
//! number.

use chrono::{DateTime, Utc};

use crate::domain::audit_event::RequestOrigin;
use crate::domain::message::Message;
use crate::domain::network::network_of;
use crate::domain::policy::numbers::{
    FAILURE_REPORTS, FAILURES_BEFORE_SUCCESS_TO_REPORT, FAILURES_TO_REPORT, PLACE_REMEMBERED_FOR,
};
use crate::domain::sent_code::Quota;
use crate::domain::session::{ActiveSession, SessionOrigin};
use crate::domain::user::User;
use crate::flows::limits::quotas;
use crate::flows::notify::sending::notify;
use crate::flows::{Core, Fault};
use crate::store::{PgConnection, sessions, users};

/// Notifies the owner of wrong proofs within a day, by the `notice` of their kind.
pub(in crate::flows) fn notify_failures(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    (count, notice): (i32, Message),
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    if count < FAILURES_TO_REPORT {
        return Ok(());
    }
    let subject = format!("security_notice {} {}", notice.kind(), user.id.uuid());
    let quota = Quota::new(subject, FAILURE_REPORTS);
    match quotas::wait_or_take(core, connection, &[quota], now)? {
        None => notify(core, connection, user, notice, origin, now),
        Some(_notified_already) => Ok(()),
    }
}

/// Notifies the owner of a right second factor after many wrong ones.
pub(in crate::flows) fn notify_success(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    failed_before: i32,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    if failed_before < FAILURES_BEFORE_SUCCESS_TO_REPORT {
        return Ok(());
    }
    notify(core, connection, user, Message::SignInAfterFailures, origin, now)
}

/// Notifies the owner of a sign-in from a network and with a program that none of the user's sessions of the last
/// months came from. The account's first sign-in of all is not reported. A later one is, even if no session is left to
/// compare with.
pub(in crate::flows) fn notify_new_place(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    session: &ActiveSession,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    let network = origin.ip.map(network_of);
    let before = sessions::origins_since(connection, user.id, Some(session.id), now - PLACE_REMEMBERED_FOR)?;
    let is_known = |known: &SessionOrigin| known.ip.map(network_of) == network && known.user_agent == origin.user_agent;
    if before.iter().any(is_known) {
        return Ok(());
    }
    if before.is_empty() && users::note_first_sign_in(connection, user.id, now)? {
        return Ok(());
    }
    notify(core, connection, user, Message::NewSignIn, origin, now)
}
