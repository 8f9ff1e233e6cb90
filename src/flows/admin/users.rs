//! What operators do with accounts that are there.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{AdminRefusal, Operator, Work, change};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::ids::{LinkTokenId, UserId};
use crate::domain::managed_user::{FactorSummary, ManagedUser, UserQuery, UserSelector};
use crate::domain::message::{Channel, Message};
use crate::domain::roles::{self, RolesChange};
use crate::domain::session_end::EndCause;
use crate::flows::page::Page;
use crate::flows::sending::notify;
use crate::flows::{Core, Fault, recovery};
use crate::store::{
    PgConnection, link_tokens, managed_users, recovery_codes, sent_code_factors, sessions, totp_factors, users,
};

/// Accounts that are looked for at a time.
const SIGNED_OUT_AT_ONCE: i64 = 200;

/// An account with the state of its second factors.
pub struct ListedAccount {
    /// The account.
    pub account: ManagedUser,
    /// Which factors it has confirmed.
    pub factors: FactorSummary,
}

/// Finds an account.
///
/// # Errors
///
/// Returns faults only.
pub async fn find(core: &Arc<Core>, selector: UserSelector) -> Result<Option<ListedAccount>, Fault> {
    core.db
        .read("admin.find_user", move |connection| {
            let found = managed_users::find(connection, &selector)?;
            let listed = with_factors(connection, found.into_iter().collect())?;
            Ok(listed.into_iter().next())
        })
        .await
}

/// Lists accounts, newest first.
///
/// # Errors
///
/// Returns faults only.
pub async fn list(
    core: &Arc<Core>,
    query: UserQuery,
    after: Option<UserId>,
    limit: i64,
) -> Result<Page<ListedAccount, UserId>, Fault> {
    core.db
        .read("admin.list_users", move |connection| {
            let find = |most| Ok(managed_users::list(connection, &query, after, most)?);
            let Page { items, next } = Page::read(limit, find, |account: &ManagedUser| account.user.id)?;
            let items = with_factors(connection, items)?;
            Ok(Page { items, next })
        })
        .await
}

/// Adds the state of second factors: three statements, for however many accounts.
fn with_factors(connection: &mut PgConnection, accounts: Vec<ManagedUser>) -> Result<Vec<ListedAccount>, Fault> {
    let ids: Vec<UserId> = accounts.iter().map(|account| account.user.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let apps = totp_factors::confirmed_among(connection, &ids)?;
    let sent = sent_code_factors::confirmed_among(connection, &ids)?;
    let codes: HashMap<UserId, i64> = recovery_codes::remaining_among(connection, &ids)?.into_iter().collect();
    let summary = |account: &ManagedUser| {
        let user = &account.user;
        FactorSummary {
            totp: apps.contains(&user.id),
            // Mail counts only as long as the account's address is known to be the owner's.
            email: user.verified_email().is_some() && sent.contains(&(user.id, Channel::Email)),
            phone: sent.contains(&(user.id, Channel::Sms)),
            recovery_codes_remaining: codes.get(&user.id).copied().unwrap_or_default(),
        }
    };
    let listed = accounts.into_iter().map(|account| ListedAccount {
        factors: summary(&account),
        account,
    });
    Ok(listed.collect())
}

/// What to change about an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Whether it is kept out.
    pub disabled: Option<bool>,
    /// Its roles.
    pub roles: Option<RolesChange>,
    /// Whether roles may be granted although nobody has proven the address. On the command line only, and said aloud there.
    pub unverified: bool,
}

/// Changes an account. One that is disabled is out at once; roles are in the tokens from the next refresh on.
///
/// # Errors
///
/// Returns faults only.
pub async fn update(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
    update: Update,
) -> Result<Result<ListedAccount, AdminRefusal>, Fault> {
    change(
        core,
        operator,
        (id, "admin.update_user"),
        move |work, connection, mut subject| {
            // Before anything is written: a refusal must leave nothing behind, and is committed.
            let disables = update.disabled == Some(true) && !subject.disabled;
            if disables && let Err(refusal) = work.may_remove(&subject) {
                return Ok(Err(refusal));
            }
            if let Some(roles) = &update.roles
                && let Err(refusal) = change_roles(work, connection, &mut subject, (roles, update.unverified))?
            {
                return Ok(Err(refusal));
            }
            if let Some(disabled) = update.disabled {
                set_disabled(work, connection, &mut subject, disabled)?;
            }
            if update.disabled == Some(false) {
                enable_password(work, connection, &mut subject)?;
            }
            let listed = with_factors(connection, vec![subject])?.into_iter().next();
            Ok(listed.ok_or(AdminRefusal::UnknownUser))
        },
    )
    .await
}

/// Nothing was written yet when this refuses.
fn change_roles(
    work: &Work<'_>,
    connection: &mut PgConnection,
    subject: &mut ManagedUser,
    (change, unverified): (&RolesChange, bool),
) -> Result<Result<(), AdminRefusal>, Fault> {
    let new = match change.apply(&subject.user.roles) {
        Ok(new) => new,
        Err(wanted) => return Ok(Err(AdminRefusal::Roles(wanted))),
    };
    if new == subject.user.roles {
        return Ok(Ok(()));
    }
    let grants = new.iter().any(|role| !subject.user.roles.contains(role));
    if grants && !unverified && !subject.user.may_have_roles() {
        return Ok(Err(AdminRefusal::UnverifiedAddress));
    }
    if roles::is_administrator(&subject.user.roles)
        && !roles::is_administrator(&new)
        && let Err(refusal) = work.may_remove(subject)
    {
        return Ok(Err(refusal));
    }
    managed_users::set_roles(connection, subject.user.id, &new)?;
    subject.user.roles = new;
    let updated = AuditEvent::success(EventName::UserUpdated, subject.user.id).because("roles");
    work.record(connection, "roles_changed", &[updated], Some(subject.user.id))?;
    Ok(Ok(()))
}

fn set_disabled(
    work: &Work<'_>,
    connection: &mut PgConnection,
    subject: &mut ManagedUser,
    disabled: bool,
) -> Result<(), Fault> {
    let id = subject.user.id;
    if subject.disabled == disabled {
        return Ok(());
    }
    managed_users::set_disabled(connection, id, disabled)?;
    subject.disabled = disabled;
    let mut events = Vec::new();
    let what = if disabled {
        // With what waits on the account: a link in an old mail must not open what was closed and opened again.
        events.extend(work.end_sessions(connection, id, EndCause::AccountDisabled)?);
        "user_disabled"
    } else {
        "user_enabled"
    };
    let how = if disabled { "disabled" } else { "enabled" };
    events.insert(0, AuditEvent::success(EventName::UserUpdated, id).because(how));
    work.record(connection, what, &events, Some(id))
}

/// Lets a password count again that guessing ended: the way back for owners who have no address for a reset.
fn enable_password(work: &Work<'_>, connection: &mut PgConnection, subject: &mut ManagedUser) -> Result<(), Fault> {
    let id = subject.user.id;
    if subject.password_disabled_at.is_none() {
        return Ok(());
    }
    users::enable_password(connection, id)?;
    subject.password_disabled_at = None;
    let updated = AuditEvent::success(EventName::UserUpdated, id).because("password_enabled");
    work.record(connection, "password_enabled", &[updated], Some(id))
}

/// Deletes an account and everything that belongs to it but the audit trail. Its owner is told.
///
/// # Errors
///
/// Returns faults only.
pub async fn delete(core: &Arc<Core>, operator: &Operator, id: UserId) -> Result<Result<(), AdminRefusal>, Fault> {
    change(
        core,
        operator,
        (id, "admin.delete_user"),
        |work, connection, subject| {
            if let Err(refusal) = work.may_remove(&subject) {
                return Ok(Err(refusal));
            }
            let id = subject.user.id;
            let deleted = AuditEvent::success(EventName::UserDeleted, id);
            work.record(connection, "user_deleted", &[deleted], Some(id))?;
            let origin = work.operator.shown_origin();
            notify(
                work.core,
                connection,
                &subject.user,
                Message::AccountDeleted,
                &origin,
                work.now,
            )?;
            users::delete(connection, id, work.now)?;
            Ok(Ok(()))
        },
    )
    .await
}

/// Takes all second factors and recovery codes of an account away: for owners who have lost them. All sessions end, wrong
/// codes are forgotten, and the owner is told. Whoever knows the password sets up a new factor at the next login.
///
/// Not one's own: whoever holds an administrator's session would turn it into the account.
///
/// # Errors
///
/// Returns faults only.
pub async fn reset_second_factors(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
) -> Result<Result<(), AdminRefusal>, Fault> {
    change(core, operator, (id, "admin.reset_2fa"), |work, connection, subject| {
        let id = subject.user.id;
        if let Err(refusal) = work.may_remove(&subject) {
            return Ok(Err(refusal));
        }
        let mut events = vec![AuditEvent::success(EventName::MfaRemoved, id).because("by_operator")];
        events.extend(work.end_sessions(connection, id, EndCause::FactorsReset)?);
        recovery::remove_second_factors(work.core, connection, id, work.now)?;
        work.record(connection, "second_factors_reset", &events, Some(id))?;
        let origin = work.operator.shown_origin();
        notify(
            work.core,
            connection,
            &subject.user,
            Message::SecondFactorsReset,
            &origin,
            work.now,
        )?;
        Ok(Ok(()))
    })
    .await
}

/// Ends all sessions of an account, pending ones included. Returns how many there were.
///
/// # Errors
///
/// Returns faults only.
pub async fn end_sessions(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
) -> Result<Result<usize, AdminRefusal>, Fault> {
    change(
        core,
        operator,
        (id, "admin.end_sessions"),
        |work, connection, subject| {
            let events = work.end_sessions(connection, subject.user.id, EndCause::EndedByOperator)?;
            work.record(connection, "sessions_ended", &events, Some(subject.user.id))?;
            Ok(Ok(events.len()))
        },
    )
    .await
}

/// Ends the sessions of everybody, account by account, and every mailed token: after a leak of keys, say. `progress` is told of
/// each account. Can be cut off and run again. Returns how many sessions there were.
///
/// # Errors
///
/// Returns faults; what was ended until then stays so.
pub async fn sign_out_everybody(core: &Arc<Core>, operator: &Operator, progress: impl Fn()) -> Result<usize, Fault> {
    let (mut ended, mut after) = (0, None);
    loop {
        let signed_in = core
            .db
            .read("admin.signed_in", move |connection| {
                sessions::users_with_sessions(connection, after, SIGNED_OUT_AT_ONCE).map_err(Fault::from)
            })
            .await?;
        let Some(last) = signed_in.last() else {
            break;
        };
        after = Some(*last);
        for id in signed_in {
            // Whoever is gone meanwhile has no session either.
            ended += end_sessions(core, operator, id).await?.unwrap_or_default();
            progress();
        }
    }
    remove_mailed_tokens(core).await?;
    Ok(ended)
}

/// Removes the mailed tokens of everybody: those of accounts without a session are left by then.
async fn remove_mailed_tokens(core: &Arc<Core>) -> Result<(), Fault> {
    // Ids begin with the millisecond; those of the present one go as well.
    let end = LinkTokenId::new(core.clock.now() + TimeDelta::milliseconds(1), core.random.as_ref());
    loop {
        let removed = core
            .db
            .transaction("admin.remove_mailed_tokens", move |connection| {
                link_tokens::delete_before(connection, end.uuid(), SIGNED_OUT_AT_ONCE).map_err(Fault::from)
            })
            .await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
