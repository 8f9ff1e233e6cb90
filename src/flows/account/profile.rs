//! What owners do with their account: read all of it, change it, delete it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::account_change::AccountChange;
use crate::domain::audit_event::{AuditEvent, EventFilter, EventName, RecordedEvent, RequestOrigin};
use crate::domain::factor::Factors;
use crate::domain::federation::identity::Identity;
use crate::domain::ids::{AuditEventId, SessionId, UserId};
use crate::domain::message::{Locale, Message};
use crate::domain::oauth::api_key::ApiKey;
use crate::domain::oauth::client::{ClientRef, NamedApplication};
use crate::domain::passkey::PasskeyRecord;
use crate::domain::policy::numbers::{MOST_EXPORTED_EVENTS, USERNAME_REQUESTS};
use crate::domain::sent_code::Quota;
use crate::domain::session::{SessionKey, SessionRecord};
use crate::domain::trusted_device::TrustedDevice;
use crate::domain::user::User;
use crate::domain::username::Username;
use crate::flows::account::email::wait_to_leave;
use crate::flows::factors::{RecentCaller, load_factors, phone_number};
use crate::flows::limits::quotas;
use crate::flows::oauth::{ListedApplication, consents};
use crate::flows::page::Page;
use crate::flows::session::{Caller, session_end};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users::Renaming;
use crate::store::{
    PgConnection, account_names, api_keys, audit_events, clients, identities, passkeys, sessions, trusted_devices,
    users,
};

/// The result of a change.
#[must_use]
pub enum ProfileUpdate {
    /// The account after the change.
    Updated(Box<User>),
    /// Another account has the name, or gave it up recently.
    UsernameTaken,
    /// There were too many requests for a name. Further ones are refused for this long.
    Wait(TimeDelta),
}

/// Changes the language of the caller's messages, which requires no recent proof; `None` changes nothing.
pub async fn set_locale(
    core: &Arc<Core>,
    caller: &Caller,
    locale: Option<Locale>,
    origin: RequestOrigin,
) -> Result<ProfileUpdate, Fault> {
    update(core, caller.key(), (None, locale), origin).await
}

/// Changes the caller's name, and the language too unless it is `None`. The owner signs in with the name, so a change
/// requires a recent proof, and the owner is notified.
pub async fn rename(
    core: &Arc<Core>,
    caller: &RecentCaller,
    (username, locale): (Username, Option<Locale>),
    origin: RequestOrigin,
) -> Result<ProfileUpdate, Fault> {
    update(core, caller.key(), (Some(username), locale), origin).await
}

async fn update(
    core: &Arc<Core>,
    key: SessionKey,
    (username, locale): (Option<Username>, Option<Locale>),
    origin: RequestOrigin,
) -> Result<ProfileUpdate, Fault> {
    core.transaction("profile.update", origin, move |tx| {
        let mut user = key.lock_user(tx)?.user;
        let before = (user.username.clone(), user.locale);
        if let Some(wanted) = username
            .as_ref()
            .filter(|wanted| user.username.as_ref() != Some(wanted))
        {
            if let Err(refusal) = take_name(tx, user.id, wanted)? {
                return Ok(refusal);
            }
            user.username = Some(wanted.clone());
            tx.notify(&user, Message::UsernameChanged)?;
        }
        if let Some(locale) = locale {
            users::set_locale(tx.connection, user.id, locale)?;
            user.locale = locale;
        }
        if before != (user.username.clone(), user.locale) {
            let event = AuditEvent::account_changed(AccountChange::Profile, user.id);
            tx.audit(&[event.in_session(key.session_id)])?;
        }
        Ok(ProfileUpdate::Updated(Box::new(user)))
    })
    .await
}

/// Gives an account another name, or returns why not.
fn take_name(tx: &mut Tx<'_>, id: UserId, wanted: &Username) -> Result<Result<(), ProfileUpdate>, Fault> {
    let quota = Quota::new(format!("username {}", id.uuid()), USERNAME_REQUESTS);
    if let Some(wait) = quotas::wait_or_take(tx, &[quota])? {
        return Ok(Err(ProfileUpdate::Wait(wait)));
    }
    Ok(match users::rename(tx.connection, id, wanted, tx.now)? {
        Renaming::Renamed => Ok(()),
        Renaming::Taken => Err(ProfileUpdate::UsernameTaken),
    })
}

/// Everything that is stored about a user.
pub struct Export {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// The account.
    pub user: User,
    /// The names that it gave up recently, which no other account can have yet.
    pub released_usernames: Vec<Username>,
    /// Its second factors, without their secrets.
    pub factors: Factors,
    /// Its passkeys, without their public keys.
    pub passkeys: Vec<PasskeyRecord>,
    /// The phone number that codes are sent to.
    pub phone_number: Option<String>,
    /// Its sessions, including ended and pending ones.
    pub sessions: Vec<SessionRecord>,
    /// Its trusted devices, including those that count no longer.
    pub trusted_devices: Vec<TrustedDevice>,
    /// The applications that it allowed something, or that are signed in.
    pub applications: Vec<ListedApplication>,
    /// Who it is at upstream providers. Providers are named by their issuers.
    pub identities: Vec<Identity>,
    /// Its API keys, including expired ones.
    pub api_keys: Vec<ApiKey>,
    /// Its audit events, newest first.
    pub events: Vec<OwnEvent>,
}

/// An event as the owner of the account sees it.
pub struct OwnEvent {
    /// The event, without an origin that is not the owner's.
    pub event: RecordedEvent,
    /// The application that did it, or that it is about. `None` if it was deleted.
    pub application: Option<NamedApplication>,
}

/// Reads everything that is stored about the caller, records that this was done, and notifies the owner.
pub async fn export(core: &Arc<Core>, caller: &RecentCaller, origin: RequestOrigin) -> Result<Export, Fault> {
    let key = caller.key();
    let userinfo = core.settings.access_tokens.userinfo();
    core.transaction("profile.export", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        let event = AuditEvent::success(EventName::UserExported, user.id).in_session(key.session_id);
        tx.audit(&[event])?;
        tx.notify(&user, Message::AccountExported)?;
        Ok(Export {
            at: tx.now,
            released_usernames: account_names::list_reserved(tx.connection, user.id, tx.now)?,
            factors: load_factors(tx.core, tx.connection, &user, Some((key, tx.now)))?,
            passkeys: passkeys::list_records(tx.connection, user.id)?,
            phone_number: phone_number(tx.core, tx.connection, &user)?,
            sessions: sessions::list_records(tx.connection, user.id)?,
            trusted_devices: trusted_devices::list_records(tx.connection, user.id)?,
            applications: consents::load(tx.connection, user.id, &userinfo, tx.now)?,
            identities: identities::list(tx.connection, user.id)?,
            api_keys: api_keys::list_records(tx.connection, user.id)?,
            events: own_events(tx.connection, user.id, None, MOST_EXPORTED_EVENTS)?,
            user,
        })
    })
    .await
}

/// Lists the audit events of the caller's account, newest first.
pub async fn events(
    core: &Arc<Core>,
    user_id: UserId,
    before: Option<AuditEventId>,
    limit: i64,
) -> Result<Page<OwnEvent, AuditEventId>, Fault> {
    core.db
        .read("profile.events", move |connection| {
            let find = |most| own_events(connection, user_id, before, most);
            Page::read(limit, find, |own| own.event.id)
        })
        .await
}

/// Reads the audit events of an account, with what its owner may see of them.
fn own_events(
    connection: &mut PgConnection,
    user_id: UserId,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<OwnEvent>, Fault> {
    let filter = EventFilter {
        user_id: Some(user_id),
        ..EventFilter::default()
    };
    let events = audit_events::page(connection, &filter, before, most)?;
    let applications = applications_of(connection, user_id, &events)?;
    let own = |(event, application): (RecordedEvent, _)| OwnEvent {
        event: event.for_owner(),
        application,
    };
    Ok(events.into_iter().zip(applications).map(own).collect())
}

/// Finds the application of each event: the client that it names, or the one that its session was granted to.
fn applications_of(
    connection: &mut PgConnection,
    user_id: UserId,
    events: &[RecordedEvent],
) -> Result<Vec<Option<NamedApplication>>, Fault> {
    let sessions: Vec<SessionId> = events.iter().filter_map(|event| event.session_id).collect();
    let granted: BTreeMap<SessionId, ClientRef> = sessions::granted_to(connection, user_id, &sessions)?
        .into_iter()
        .collect();
    let of_session = |event: &RecordedEvent| granted.get(&event.session_id?).cloned();
    let client = |event: &RecordedEvent| event.client.clone().or_else(|| of_session(event));
    let clients: Vec<ClientRef> = events.iter().filter_map(client).collect();
    let named = clients::application_names(connection, &clients)?;
    let find = |client: ClientRef| {
        let is_it = |application: &&NamedApplication| application.client_id == client.id;
        named.iter().find(is_it).cloned()
    };
    Ok(events.iter().map(|event| client(event).and_then(find)).collect())
}

/// The result of a request to delete the account.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The account was deleted.
    Deleted,
    /// The account's address is not verified, and accounts have left that address too often. Deletion is refused for
    /// this long.
    Wait(TimeDelta),
}

/// Deletes the caller's account and everything that belongs to it. The audit trail stays, without the account's names.
pub async fn delete(core: &Arc<Core>, caller: &RecentCaller, origin: RequestOrigin) -> Result<Deletion, Fault> {
    let key = caller.key();
    core.transaction("profile.delete", origin, move |tx| {
        let user = key.lock_user(tx)?.user;
        if let Some(wait) = wait_to_leave(tx, &user)? {
            return Ok(Deletion::Wait(wait));
        }
        let event = AuditEvent::success(EventName::UserDeleted, user.id).in_session(key.session_id);
        tx.audit(&[event])?;
        tx.notify(&user, Message::AccountDeleted)?;
        session_end::delete_account(tx, user.id)?;
        Ok(Deletion::Deleted)
    })
    .await
}
