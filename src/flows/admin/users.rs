//! Operators' changes to existing accounts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::invitation::{Way, invite};
use super::notices::{notify_of_administrator, take_announcement};
use super::{AdminRefusal, Operator, RecentOperator, change};
use crate::domain::account_change::AccountChange;
use crate::domain::app_claims::AppClaims;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::{FactorKind, FactorSummary};
use crate::domain::ids::{ClientId, IdentityId, UserId, least_of};
use crate::domain::managed_user::{ManagedUser, UserFilter, UserSelector};
use crate::domain::message::{AdministratorChangeKind, Channel, Message};
use crate::domain::passkey::Passkey;
use crate::domain::roles::{self, RolesChange};
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::factors::{Linked, remove_all_factors, remove_identity};
use crate::flows::notify::require_mail;
use crate::flows::page::Page;
use crate::flows::session::{session_end, trusted_device};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::error::StoreError;
use crate::store::{
    PgConnection, api_keys, consents, identities, link_tokens, managed_users, passkeys, recovery_codes,
    sent_code_factors, sessions, totp_factors, trusted_devices, users,
};

/// Accounts in one query.
const SIGNED_OUT_AT_ONCE: i64 = 200;
/// How often rows that other transactions have locked are tried again, and the pause before each time. No request holds
/// a lock for that long.
const TRIES_AT_LOCKED: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// An account with the state of its second factors.
pub struct ListedAccount {
    /// The account.
    pub account: ManagedUser,
    /// Which factors it has confirmed.
    pub factors: FactorSummary,
    /// Its passkeys, the oldest first.
    pub passkeys: Vec<Passkey>,
    /// Who its owner is at upstream providers, the oldest first.
    pub identities: Vec<Linked>,
}

/// Finds an account.
pub async fn find(core: &Arc<Core>, selector: UserSelector) -> Result<Option<ListedAccount>, Fault> {
    let shared = Arc::clone(core);
    core.db
        .read("admin.find_user", move |connection| {
            let found = managed_users::find(connection, &selector)?;
            let listed = with_factors(&shared, connection, found.into_iter().collect())?;
            Ok(listed.into_iter().next())
        })
        .await
}

/// Lists accounts, newest first.
pub async fn list(
    core: &Arc<Core>,
    filter: UserFilter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Page<ListedAccount, UserId>, Fault> {
    let shared = Arc::clone(core);
    core.db
        .read("admin.list_users", move |connection| {
            let find = |most| Ok(managed_users::list(connection, &filter, after, most)?);
            let Page { items, next } = Page::read(limit, find, |account: &ManagedUser| account.user.id)?;
            let items = with_factors(&shared, connection, items)?;
            Ok(Page { items, next })
        })
        .await
}

/// Adds the state of second factors, and the identities: five statements for any number of accounts.
fn with_factors(
    core: &Core,
    connection: &mut PgConnection,
    accounts: Vec<ManagedUser>,
) -> Result<Vec<ListedAccount>, Fault> {
    let ids: Vec<UserId> = accounts.iter().map(|account| account.user.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys: HashMap<UserId, Vec<Passkey>> = HashMap::new();
    for (user_id, passkey) in passkeys::list_among(connection, &ids)? {
        keys.entry(user_id).or_default().push(passkey);
    }
    let mut linked: HashMap<UserId, Vec<Linked>> = HashMap::new();
    for (user_id, identity) in identities::list_among(connection, &ids)? {
        linked.entry(user_id).or_default().push(Linked::of(core, identity));
    }
    let apps = totp_factors::confirmed_among(connection, &ids)?;
    let sent = sent_code_factors::confirmed_among(connection, &ids)?;
    let codes: HashMap<UserId, i64> = recovery_codes::remaining_among(connection, &ids)?.into_iter().collect();
    let summary = |account: &ManagedUser| {
        let user = &account.user;
        let has = |kind: &FactorKind| match kind {
            FactorKind::Passkey => keys.contains_key(&user.id),
            FactorKind::Totp => apps.contains(&user.id),
            FactorKind::Sms => sent.contains(&(user.id, Channel::Sms)),
            // Mail counts only while the account's address is verified.
            FactorKind::Email => user.verified_email().is_some() && sent.contains(&(user.id, Channel::Email)),
            FactorKind::RecoveryCodes => false,
        };
        FactorSummary {
            confirmed: FactorKind::ALL.into_iter().filter(has).collect(),
            recovery_codes_remaining: codes.get(&user.id).copied().unwrap_or_default(),
        }
    };
    let summaries: Vec<FactorSummary> = accounts.iter().map(summary).collect();
    let listed = accounts.into_iter().zip(summaries);
    let listed = listed.map(|(account, factors)| ListedAccount {
        passkeys: keys.remove(&account.user.id).unwrap_or_default(),
        identities: linked.remove(&account.user.id).unwrap_or_default(),
        factors,
        account,
    });
    Ok(listed.collect())
}

/// The changes to an account; `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountUpdate {
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// Its roles.
    pub roles: Option<RolesChange>,
    /// All of its claims.
    pub claims: Option<AppClaims>,
    /// Whether roles may be granted although the address is not verified. Possible on the command line only, where it
    /// takes an explicit option.
    pub unverified: bool,
}

impl AccountUpdate {
    /// The update that disables an account and does nothing else.
    pub fn disabling() -> Self {
        Self {
            disabled: Some(true),
            ..Self::default()
        }
    }
}

/// Changes an account. Disabling ends its sessions at once; roles and claims appear in tokens from the next refresh on.
pub async fn update(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: UserId,
    update: AccountUpdate,
) -> Result<Result<ListedAccount, AdminRefusal>, Fault> {
    apply(core, operator, id, update).await
}

/// Disables an account, and ends its sessions at once.
pub async fn disable(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
) -> Result<Result<ListedAccount, AdminRefusal>, Fault> {
    apply(core, operator, id, AccountUpdate::disabling()).await
}

async fn apply(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
    update: AccountUpdate,
) -> Result<Result<ListedAccount, AdminRefusal>, Fault> {
    change(
        core,
        operator,
        id,
        "admin.update_user",
        move |tx, operator, mut subject| {
            // Checked before anything is written: a refusal is committed, and must leave no other change behind.
            let disables = update.disabled == Some(true) && !subject.disabled;
            if disables && let Err(refusal) = operator.may_remove(&subject) {
                return Ok(Err(refusal));
            }
            if changes_administrator(&update, &subject)
                && let Err(refusal) = take_announcement(tx)?
            {
                return Ok(Err(refusal));
            }
            if let Some(roles) = &update.roles
                && let Err(refusal) = change_roles(tx, operator, &mut subject, roles, update.unverified)?
            {
                return Ok(Err(refusal));
            }
            if let Some(claims) = &update.claims
                && let Some(changed) = replace_claims(tx, &mut subject.user, claims)?
            {
                Operator::record(tx, "claims_changed", &[changed], Some(id))?;
            }
            if let Some(disabled) = update.disabled {
                set_disabled(tx, &mut subject, disabled)?;
            }
            if update.disabled == Some(false) {
                enable_password(tx, &mut subject)?;
            }
            let listed = with_factors(tx.core, tx.connection, vec![subject])?.into_iter().next();
            Ok(listed.ok_or(AdminRefusal::UnknownUser))
        },
    )
    .await
}

/// Returns whether an update grants or takes the role of administrators, or disables or enables one.
fn changes_administrator(update: &AccountUpdate, subject: &ManagedUser) -> bool {
    let was = roles::is_administrator(&subject.user.roles);
    let new = update.roles.as_ref().map(|roles| roles.apply(&subject.user.roles));
    let is = new.map_or(was, |new| new.is_ok_and(|new| roles::is_administrator(&new)));
    let is_switched = update.disabled.is_some_and(|disabled| disabled != subject.disabled);
    was != is || (is && is_switched)
}

/// Refuses before anything is written.
fn change_roles(
    tx: &mut Tx<'_>,
    operator: &Operator,
    subject: &mut ManagedUser,
    change: &RolesChange,
    unverified: bool,
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
        && let Err(refusal) = operator.may_remove(subject)
    {
        return Ok(Err(refusal));
    }
    let [was, is] = [&subject.user.roles, &new].map(|roles| roles::is_administrator(roles));
    managed_users::set_roles(tx.connection, subject.user.id, &new)?;
    subject.user.roles = new;
    if is != was {
        let kind = if is {
            AdministratorChangeKind::Granted
        } else {
            AdministratorChangeKind::Revoked
        };
        notify_of_administrator(tx, &subject.user, kind)?;
    }
    let updated = AuditEvent::account_changed(AccountChange::Roles, subject.user.id);
    Operator::record(tx, "roles_changed", &[updated], Some(subject.user.id))?;
    Ok(Ok(()))
}

/// Replaces the claims of an account, whose row is locked. Returns the event for it if they were others.
///
/// Accounts with an unverified address may have claims: a registration hook gives them before the address can be
/// verified. The reader of the address does not get them, since they end with the reset of the account.
fn replace_claims(tx: &mut Tx<'_>, user: &mut User, claims: &AppClaims) -> Result<Option<AuditEvent>, Fault> {
    if user.claims == *claims {
        return Ok(None);
    }
    managed_users::set_claims(tx.connection, user.id, claims)?;
    user.claims = claims.clone();
    Ok(Some(AuditEvent::account_changed(AccountChange::Claims, user.id)))
}

/// Replaces the claims of an account on behalf of a service. Services write about many users, so this does not take the
/// turn of operators' changes. Returns whether there is such an account.
pub async fn set_claims(
    core: &Arc<Core>,
    service: ClientId,
    (id, claims): (UserId, AppClaims),
    origin: RequestOrigin,
) -> Result<bool, Fault> {
    core.transaction("admin.set_claims", origin, move |tx| {
        let Some(mut subject) = managed_users::find_for_update(tx.connection, id)? else {
            return Ok(false);
        };
        if let Some(changed) = replace_claims(tx, &mut subject.user, &claims)? {
            tx.audit(&[changed.with_client(service)])?;
        }
        Ok(true)
    })
    .await
}

fn set_disabled(tx: &mut Tx<'_>, subject: &mut ManagedUser, disabled: bool) -> Result<(), Fault> {
    let id = subject.user.id;
    if subject.disabled == disabled {
        return Ok(());
    }
    managed_users::set_disabled(tx.connection, id, disabled, tx.now)?;
    subject.disabled = disabled;
    let (what, how) = if disabled {
        // Also removes what is pending on the account: a link in an old mail must not work after the account is enabled
        // again.
        session_end::end_all(tx, id, None, EndCause::AccountDisabled)?;
        ("user_disabled", AccountChange::Disabled)
    } else {
        ("user_enabled", AccountChange::Enabled)
    };
    if roles::is_administrator(&subject.user.roles) {
        let kind = if disabled {
            AdministratorChangeKind::Disabled
        } else {
            AdministratorChangeKind::Enabled
        };
        notify_of_administrator(tx, &subject.user, kind)?;
    }
    let updated = AuditEvent::account_changed(how, id);
    Operator::record(tx, what, &[updated], Some(id))
}

/// Enables a password that was disabled after too many guesses, for all or for strangers: the way to recover for owners
/// without an address for a reset.
fn enable_password(tx: &mut Tx<'_>, subject: &mut ManagedUser) -> Result<(), Fault> {
    let id = subject.user.id;
    if subject.password_disabled_at.is_none() && !subject.password_refused_to_strangers {
        return Ok(());
    }
    users::enable_password(tx.connection, id)?;
    subject.password_disabled_at = None;
    subject.password_refused_to_strangers = false;
    let updated = AuditEvent::account_changed(AccountChange::PasswordEnabled, id);
    Operator::record(tx, "password_enabled", &[updated], Some(id))
}

/// Deletes an account and everything that belongs to it except the audit trail. Its owner is notified, and if it is an
/// administrator, all others are.
pub async fn delete(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: UserId,
) -> Result<Result<(), AdminRefusal>, Fault> {
    change(core, operator, id, "admin.delete_user", |tx, operator, subject| {
        if let Err(refusal) = operator.may_remove(&subject) {
            return Ok(Err(refusal));
        }
        if roles::is_administrator(&subject.user.roles) {
            if let Err(refusal) = take_announcement(tx)? {
                return Ok(Err(refusal));
            }
            notify_of_administrator(tx, &subject.user, AdministratorChangeKind::Deleted)?;
        }
        let id = subject.user.id;
        let deleted = AuditEvent::success(EventName::UserDeleted, id);
        Operator::record(tx, "user_deleted", &[deleted], Some(id))?;
        let origin = operator.shown_origin();
        tx.with_origin(&origin).notify(&subject.user, Message::AccountDeleted)?;
        session_end::delete_account(tx, id)?;
        Ok(Ok(()))
    })
    .await
}

/// What a reset leaves to the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// The password.
    Password,
    /// A link, as for an invitation: the account has no password.
    Link(
        /// The link, unless it was mailed.
        Option<String>,
    ),
}

/// Removes all second factors and recovery codes of an account whose owner has lost them. All sessions end, wrong codes
/// are reset, and the owner is notified. With the password, a new factor is set up at the next login. Without one, the
/// owner gets a link in the given way; an account without an address either is refused, since it would have no way in.
///
/// Administrators cannot reset their own: a thief with an administrator's session could then take the account itself.
pub async fn reset_second_factors(
    core: &Arc<Core>,
    operator: &RecentOperator,
    (id, way): (UserId, Way),
) -> Result<Result<WayBack, AdminRefusal>, Fault> {
    change(core, operator, id, "admin.reset_2fa", move |tx, operator, subject| {
        let id = subject.user.id;
        if let Err(refusal) = operator.may_remove(&subject) {
            return Ok(Err(refusal));
        }
        if !subject.user.has_password && subject.user.email.is_none() {
            return Ok(Err(AdminRefusal::NoWayBack));
        }
        session_end::end_all(tx, id, None, EndCause::FactorsReset)?;
        remove_all_factors(tx, id)?;
        let removed = AuditEvent::success(EventName::MfaRemoved, id).because("by_operator");
        Operator::record(tx, "second_factors_reset", &[removed], Some(id))?;
        let origin = operator.shown_origin();
        tx.with_origin(&origin)
            .notify(&subject.user, Message::SecondFactorsReset)?;
        way_back(tx, operator, &subject.user, way).map(Ok)
    })
    .await
}

fn way_back(tx: &mut Tx<'_>, operator: &Operator, user: &User, way: Way) -> Result<WayBack, Fault> {
    let Some(email) = user.email.as_ref().filter(|_| !user.has_password) else {
        return Ok(WayBack::Password);
    };
    if way == Way::Mail {
        require_mail(tx.core)?;
    }
    invite(tx, operator, user, (email, way)).map(WayBack::Link)
}

/// Unlinks an identity of an account, as after the owner lost their account at the provider. All sessions lose their
/// proofs by providers, those without another proof end, and the owner is notified. Refused if the account has neither
/// an address nor a password: it might have no way in. Returns whether there was one.
pub async fn unlink_identity(
    core: &Arc<Core>,
    operator: &Operator,
    (id, identity): (UserId, IdentityId),
) -> Result<Result<bool, AdminRefusal>, Fault> {
    change(
        core,
        operator,
        id,
        "admin.unlink_identity",
        move |tx, operator, subject| {
            let user = &subject.user;
            let present = identities::list(tx.connection, user.id)?;
            if !present.iter().any(|one| one.id == identity) {
                return Ok(Ok(false));
            }
            if !user.has_password && user.email.is_none() {
                return Ok(Err(AdminRefusal::NoWayBack));
            }
            let Some(removed) = remove_identity(tx, (user.id, None), identity)? else {
                return Ok(Ok(false));
            };
            let event = removed.event_of_unlinking(user.id).because("by_operator");
            Operator::record(tx, "identity_unlinked", &[event], Some(user.id))?;
            let origin = operator.shown_origin();
            tx.with_origin(&origin).notify(user, removed.notice_of_unlinking())?;
            Ok(Ok(true))
        },
    )
    .await
}

/// Ends all sessions of an account, including pending ones. Returns how many there were.
pub async fn end_sessions(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
) -> Result<Result<usize, AdminRefusal>, Fault> {
    change(core, operator, id, "admin.end_sessions", |tx, _operator, subject| {
        let ended = session_end::end_all(tx, subject.user.id, None, EndCause::EndedByOperator)?;
        Operator::record(tx, "sessions_ended", &[], Some(subject.user.id))?;
        Ok(Ok(ended))
    })
    .await
}

/// Ends one session of an account, with what was granted in it. Pending logins and expired sessions are in no list, and
/// so cannot be ended by their id. Returns whether there was one.
pub async fn end_session(
    core: &Arc<Core>,
    operator: &Operator,
    key: SessionKey,
) -> Result<Result<bool, AdminRefusal>, Fault> {
    let name = "admin.end_session";
    change(core, operator, key.user_id, name, move |tx, _operator, subject| {
        let ended = session_end::end(tx, key, EndCause::OneEndedByOperator)?;
        if ended {
            Operator::record(tx, "session_ended", &[], Some(subject.user.id))?;
        }
        Ok(Ok(ended))
    })
    .await
}

/// Ends all trusted devices of an account: the next login on each requires the second factor. Returns how many there
/// were.
pub async fn end_devices(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
) -> Result<Result<usize, AdminRefusal>, Fault> {
    change(core, operator, id, "admin.end_devices", |tx, _operator, subject| {
        let id = subject.user.id;
        let ended = trusted_device::end_all(tx, id)?;
        let removed = AuditEvent::success(EventName::DeviceRemoved, id).because("by_operator");
        let removed = (ended > 0).then_some(removed);
        Operator::record(tx, "devices_removed", removed.as_slice(), Some(id))?;
        Ok(Ok(ended))
    })
    .await
}

/// Lists up to so many users, in the order of their ids, starting after one if it is given.
type ListUsers = fn(&mut PgConnection, Option<UserId>, i64) -> Result<Vec<UserId>, StoreError>;

/// Ends the sessions of all accounts that are listed, one account after the other. Returns how many there were.
async fn end_sessions_of(
    core: &Arc<Core>,
    operator: &Operator,
    list: ListUsers,
    progress: &impl Fn(),
) -> Result<usize, Fault> {
    let (mut sessions, mut after) = (0, None);
    loop {
        let users = core
            .db
            .read("admin.signed_in", move |connection| {
                list(connection, after, SIGNED_OUT_AT_ONCE).map_err(Fault::from)
            })
            .await?;
        let Some(last) = users.last() else {
            return Ok(sessions);
        };
        after = Some(*last);
        for id in users {
            // An account that was deleted in the meantime has no sessions left.
            sessions += end_sessions(core, operator, id).await?.unwrap_or_default();
            progress();
        }
    }
}

/// What [`sign_out_all`] ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedOut {
    /// Sessions, including pending ones.
    pub sessions: usize,
    /// Links that could be used when it began, including invitations.
    pub links: usize,
}

/// Ends the sessions of all accounts, one account after the other, with what their users allowed applications, and then
/// deletes all mailed tokens, trusted devices and API keys: after a leak of keys, for example. `progress` is called for
/// each account. Can be interrupted and run again. Returns what there was to end.
///
/// # Errors
///
/// Returns faults, also if another transaction locks a row for too long; what ended before the fault stays ended.
pub async fn sign_out_all(core: &Arc<Core>, operator: &Operator, progress: impl Fn()) -> Result<SignedOut, Fault> {
    let now = core.clock.now();
    // Counted before the sessions end, since the links of their accounts end with them.
    let links = core
        .db
        .read("admin.usable_links", move |connection| {
            link_tokens::count_usable(connection, now).map_err(Fault::from)
        })
        .await?;
    let mut sessions = end_sessions_of(core, operator, sessions::users_with_sessions, &progress).await?;
    // What a user allowed ends with the sessions, also where there is none at the moment.
    sessions += end_sessions_of(core, operator, consents::users, &progress).await?;
    // Those left at this point are of accounts without a session.
    let tokens = OldRows {
        delete: link_tokens::delete_before,
        exist: link_tokens::exist_before,
    };
    delete_all(core, "admin.remove_mailed_tokens", tokens).await?;
    let devices = OldRows {
        delete: trusted_devices::delete_before,
        exist: trusted_devices::exist_before,
    };
    delete_all(core, "admin.remove_trusted_devices", devices).await?;
    let keys = OldRows {
        delete: api_keys::delete_before,
        exist: api_keys::exist_before,
    };
    delete_all(core, "admin.remove_api_keys", keys).await?;
    Ok(SignedOut { sessions, links })
}

/// Statements on the rows of a table of users that were created before an id.
#[derive(Clone, Copy)]
struct OldRows {
    /// Deletes up to a number of them, except those that are locked. Returns how many.
    delete: fn(&mut PgConnection, Uuid, i64) -> Result<usize, StoreError>,
    /// Returns whether there are any.
    exist: fn(&mut PgConnection, Uuid) -> Result<bool, StoreError>,
}

/// Deletes all rows of a table of users that there are now. Those that are in use at the moment are tried again: each
/// may be an attacker's.
async fn delete_all(core: &Arc<Core>, name: &'static str, rows: OldRows) -> Result<(), Fault> {
    // Ids begin with the millisecond; those of the current one are deleted as well.
    let end = least_of(core.clock.now() + TimeDelta::milliseconds(1));
    let mut tries_left = TRIES_AT_LOCKED;
    loop {
        let (removed, some_left) = core
            .db
            .transaction(name, move |connection| {
                let removed = (rows.delete)(connection, end, SIGNED_OUT_AT_ONCE)?;
                Ok::<_, Fault>((removed, (rows.exist)(connection, end)?))
            })
            .await?;
        if !some_left {
            return Ok(());
        }
        if removed == 0 {
            tries_left = tries_left.checked_sub(1).ok_or_else(|| {
                let reason = "other transactions lock rows that have to be deleted: run the command again";
                StoreError::Unavailable(reason.to_owned())
            })?;
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
}
