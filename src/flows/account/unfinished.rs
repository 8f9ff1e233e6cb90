//! Registrations without a password whose passkey never came: their accounts are deleted, and their names are free.
//!
//! Otherwise a visitor who closed the page, or whose device made no passkey, could never register with that name: the
//! account would have no way in.

use std::sync::Arc;

use crate::domain::account_event::UNFINISHED_REGISTRATION;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::ids::UserId;
use crate::domain::user::AccountNames;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{unfinished_registrations, users};

/// Deletes the accounts with some names that have no way in and whose time is over.
pub(in crate::flows) fn free_names(tx: &mut Tx<'_>, names: &AccountNames) -> Result<(), Fault> {
    for name in names.identifiers() {
        // Two statements, whether or not an account has the name.
        let holder = users::holder(tx.connection, &name)?;
        if unfinished_registrations::has_expired(tx.connection, holder, tx.now)? {
            close(tx, holder)?;
        }
    }
    Ok(())
}

/// Deletes up to so many accounts that have no way in and whose time is over. Returns how many were looked at.
pub(in crate::flows) async fn delete_expired(core: &Arc<Core>, most: i64) -> Result<usize, Fault> {
    core.transaction("retention.unfinished_registrations", core.own_origin(), move |tx| {
        let expired = unfinished_registrations::expired(tx.connection, tx.now, most)?;
        for id in &expired {
            close(tx, *id)?;
        }
        Ok(expired.len())
    })
    .await
}

fn close(tx: &mut Tx<'_>, id: UserId) -> Result<(), Fault> {
    if !users::delete_without_way_in(tx.connection, id)? {
        return Ok(unfinished_registrations::remove(tx.connection, id)?);
    }
    let event = AuditEvent::success(EventName::UserDeleted, id).because(UNFINISHED_REGISTRATION);
    tx.audit(&[event])
}
