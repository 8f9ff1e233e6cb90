//! What administrators are told of a change to the deployment, or to one of them.

use super::AdminRefusal;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::managed_user::UserSelector;
use crate::domain::message::{AdministratorChange, AdministratorChangeKind, Message, WebhookChange};
use crate::domain::policy::numbers::{ANNOUNCED_CHANGES, MOST_NOTIFIED_ADMINISTRATORS};
use crate::domain::sent_code::Quota;
use crate::domain::user::User;
use crate::domain::webhook::Webhook;
use crate::flows::Fault;
use crate::flows::limits::wait_or_take;
use crate::flows::tx::Tx;
use crate::store::managed_users;

/// Counts a change that names something else in each mail, so that its mails are not merged. A refusal must precede the
/// change. The command line is not counted.
pub(super) fn take_announcement(tx: &mut Tx<'_>) -> Result<Result<(), AdminRefusal>, Fault> {
    let Some(author) = tx.actor_id else {
        return Ok(Ok(()));
    };
    let quota = Quota::new(format!("announced changes {}", author.uuid()), ANNOUNCED_CHANGES);
    let wait = wait_or_take(tx, &[quota])?;
    Ok(wait.map_or(Ok(()), |wait| Err(AdminRefusal::TooManyChanges(wait))))
}

/// Notifies the administrators that an operator changed an endpoint.
pub(super) fn notify_of_webhook(
    tx: &mut Tx<'_>,
    webhook: &Webhook,
    what: fn(WebhookChange) -> Message,
) -> Result<(), Fault> {
    let author = author(tx)?;
    let message = what(WebhookChange {
        site: webhook.url.origin(),
        id: Some(webhook.id.uuid()),
        include_addresses: webhook.include_addresses,
        author: author.as_ref().map(|author| author.account_name().to_owned()),
    });
    for administrator in readers(tx, author)? {
        tx.notify(&administrator, message.clone())?;
    }
    Ok(())
}

/// Notifies the administrators, and the account concerned, that an operator changed one of them. The account concerned
/// may not be an administrator any longer: its owner does not learn where the operator was.
pub(super) fn notify_of_administrator(
    tx: &mut Tx<'_>,
    subject: &User,
    change: AdministratorChangeKind,
) -> Result<(), Fault> {
    let author = author(tx)?;
    let message = Message::AdministratorChanged(AdministratorChange {
        account: subject.account_name().to_owned(),
        id: subject.id.uuid(),
        change,
        author: author.as_ref().map(|author| author.account_name().to_owned()),
    });
    let hidden = RequestOrigin {
        ip: None,
        user_agent: None,
        ..tx.origin.clone()
    };
    tx.with_origin(&hidden).notify(subject, message.clone())?;
    for administrator in readers(tx, author)? {
        if administrator.id != subject.id {
            tx.notify(&administrator, message.clone())?;
        }
    }
    Ok(())
}

/// Returns the administrator who makes the change; `None` for the command line.
fn author(tx: &mut Tx<'_>) -> Result<Option<User>, Fault> {
    let Some(id) = tx.actor_id else {
        return Ok(None);
    };
    let found = managed_users::find(tx.connection, &UserSelector::Id(id))?;
    Ok(found.map(|found| found.user))
}

/// Returns who gets a mail: the author first, since the owner of an account is the first to know that another person
/// used it, and then the oldest administrators.
fn readers(tx: &mut Tx<'_>, author: Option<User>) -> Result<Vec<User>, Fault> {
    let author_id = author.as_ref().map(|author| author.id);
    let oldest = managed_users::administrators(tx.connection, MOST_NOTIFIED_ADMINISTRATORS)?;
    let others = oldest.into_iter().filter(|user| Some(user.id) != author_id);
    Ok(author.into_iter().chain(others).collect())
}
