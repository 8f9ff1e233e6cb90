//! Notifying owners of what an attacker may have done (ASVS 6.3.5).
//!
//! Wrong proofs are reported once an hour and kind, so that an attacker cannot fill the mailbox by repeating them.
//! Every sign-in from a new place is reported, since it takes right proofs: with an hourly limit, an attacker who signs
//! in soon after the owner would go unreported. [`Tx::notify`] merges several within minutes into one message with
//! their number.

use crate::domain::message::Message;
use crate::domain::network::network_of;
use crate::domain::policy::numbers::{FAILURE_REPORTS, FAILURES_BEFORE_SUCCESS_TO_REPORT, FAILURES_TO_REPORT};
use crate::domain::sent_code::Quota;
use crate::domain::session::SessionOrigin;
use crate::domain::user::User;
use crate::flows::Fault;
use crate::flows::limits::quotas;
use crate::flows::tx::Tx;
use crate::store::users;

/// Notifies the owner of wrong proofs within a day, by the `notice` of their kind.
pub(in crate::flows) fn notify_failures(
    tx: &mut Tx<'_>,
    user: &User,
    count: i32,
    notice: Message,
) -> Result<(), Fault> {
    if count < FAILURES_TO_REPORT {
        return Ok(());
    }
    let subject = format!("security_notice {} {}", notice.kind(), user.id.uuid());
    let quota = Quota::new(subject, FAILURE_REPORTS);
    match quotas::wait_or_take(tx, &[quota])? {
        None => tx.notify(user, notice),
        Some(_notified_already) => Ok(()),
    }
}

/// Notifies the owner of a right second factor after many wrong ones.
pub(in crate::flows) fn notify_success(tx: &mut Tx<'_>, user: &User, failed_before: i32) -> Result<(), Fault> {
    if failed_before < FAILURES_BEFORE_SUCCESS_TO_REPORT {
        return Ok(());
    }
    tx.notify(user, Message::SignInAfterFailures)
}

/// Notifies the owner of a sign-in from a network and with a program that none of the user's earlier sessions came
/// from: those of the last months, whose origins are given. The account's first sign-in of all is not reported. A later
/// one is, even if no session is left to compare with.
pub(in crate::flows) fn notify_new_place(tx: &mut Tx<'_>, user: &User, before: &[SessionOrigin]) -> Result<(), Fault> {
    let network = tx.origin.ip.map(network_of);
    let is_known =
        |known: &SessionOrigin| known.ip.map(network_of) == network && known.user_agent == tx.origin.user_agent;
    if before.iter().any(is_known) {
        return Ok(());
    }
    if before.is_empty() && users::note_first_sign_in(tx.connection, user.id, tx.now)? {
        return Ok(());
    }
    tx.notify(user, Message::NewSignIn)
}
