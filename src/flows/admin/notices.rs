//! What administrators are told of a change to the deployment.

use crate::domain::managed_user::UserSelector;
use crate::domain::message::{Message, WebhookChange};
use crate::domain::policy::numbers::MOST_NOTIFIED_ADMINISTRATORS;
use crate::domain::webhook::Webhook;
use crate::flows::Fault;
use crate::flows::tx::Tx;
use crate::store::managed_users;

/// Notifies the administrators that an operator changed an endpoint. The author gets the mail too: the owner of an
/// account is the first to know that another person used it.
pub(super) fn notify_of_webhook(
    tx: &mut Tx<'_>,
    webhook: &Webhook,
    what: fn(WebhookChange) -> Message,
) -> Result<(), Fault> {
    let author = match tx.actor_id {
        Some(id) => managed_users::find(tx.connection, &UserSelector::Id(id))?,
        None => None,
    };
    let change = WebhookChange {
        site: webhook.url.origin(),
        author: author.map(|author| author.user.account_name().to_owned()),
    };
    for administrator in managed_users::administrators(tx.connection, MOST_NOTIFIED_ADMINISTRATORS)? {
        tx.notify(&administrator, what(change.clone()))?;
    }
    Ok(())
}
