//! What owners do with their account: see all of it, change it, leave.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::account::{ListedFactor, load_factors, load_second_factors};
use super::page::Page;
use super::sending::tell;
use super::sessions::Caller;
use super::step_up::RecentCaller;
use super::{Core, Fault};
use crate::domain::audit_event::{AuditEvent, EventFilter, EventName, RecordedEvent, RequestOrigin};
use crate::domain::ids::{AuditEventId, UserId};
use crate::domain::message::{Locale, Message};
use crate::domain::session::{SessionKey, SessionRecord};
use crate::domain::user::{SecondFactors, User};
use crate::domain::username::Username;
use crate::store::users::Renaming;
use crate::store::{PgConnection, audit_events, sessions, users};

/// Most events of an export: more than anybody makes by hand in the time that events are kept.
const MOST_EXPORTED_EVENTS: i64 = 10_000;

/// What became of a change.
#[must_use]
pub enum Update {
    /// The account as it stands now.
    Updated(Box<User>),
    /// Another account has the name.
    UsernameTaken,
}

/// Changes the language of the caller's messages, which anyone who is signed in may; `None` changes nothing.
///
/// # Errors
///
/// Returns faults only.
pub async fn set_locale(
    core: &Arc<Core>,
    caller: &Caller,
    locale: Option<Locale>,
    origin: RequestOrigin,
) -> Result<Update, Fault> {
    update(core, caller.key(), (None, locale), origin).await
}

/// Changes the caller's name, and the language too unless it is `None`. The name is what the owner signs in with: changing it
/// requires a recent proof, and the owner is told.
///
/// # Errors
///
/// Returns faults only.
pub async fn rename(
    core: &Arc<Core>,
    caller: &RecentCaller,
    (username, locale): (Username, Option<Locale>),
    origin: RequestOrigin,
) -> Result<Update, Fault> {
    update(core, caller.key(), (Some(username), locale), origin).await
}

async fn update(
    core: &Arc<Core>,
    key: SessionKey,
    (username, locale): (Option<Username>, Option<Locale>),
    origin: RequestOrigin,
) -> Result<Update, Fault> {
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("profile.update", move |connection| {
            let mut user = key.hold(connection, now)?.user;
            if users::update_profile(connection, user.id, username.as_ref(), locale)? == Renaming::Taken {
                return Ok(Update::UsernameTaken);
            }
            user.locale = locale.unwrap_or(user.locale);
            if username.is_some() && username != user.username {
                user.username.clone_from(&username);
                tell(&shared, connection, &user, Message::UsernameChanged, &origin, now)?;
            }
            let event = AuditEvent::success(EventName::UserUpdated, user.id).because("profile");
            shared.audit(connection, &[event.in_session(key.session_id)], &origin, now)?;
            Ok(Update::Updated(Box::new(user)))
        })
        .await
}

/// Everything held about a person.
pub struct Export {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// The account.
    pub user: User,
    /// Its second factors, without their secrets.
    pub factors: Vec<ListedFactor>,
    /// The phone number that codes go to.
    pub phone_number: Option<String>,
    /// Their state.
    pub second_factors: SecondFactors,
    /// Its sessions, ended and pending ones included.
    pub sessions: Vec<SessionRecord>,
    /// What happened to it, newest first.
    pub events: Vec<RecordedEvent>,
}

/// Reads everything held about the caller, and writes down that this was done.
///
/// # Errors
///
/// Returns faults only.
pub async fn export(core: &Arc<Core>, caller: &RecentCaller, origin: RequestOrigin) -> Result<Export, Fault> {
    let (key, now) = (caller.key(), core.clock.now());
    let shared = Arc::clone(core);
    core.db
        .transaction("profile.export", move |connection| {
            let user = key.hold(connection, now)?.user;
            let event = AuditEvent::success(EventName::UserExported, user.id).in_session(key.session_id);
            shared.audit(connection, &[event], &origin, now)?;
            Ok(Export {
                at: now,
                factors: load_factors(&shared, connection, (&user, Some(key)), now)?,
                phone_number: super::out_of_band::phone_number(&shared, connection, &user)?,
                second_factors: load_second_factors(&shared, connection, &user, now)?,
                sessions: sessions::list_records(connection, user.id)?,
                events: own_events(connection, user.id, None, MOST_EXPORTED_EVENTS)?,
                user,
            })
        })
        .await
}

/// Lists what happened to the caller's account, newest first.
///
/// # Errors
///
/// Returns faults only.
pub async fn events(
    core: &Arc<Core>,
    user_id: UserId,
    before: Option<AuditEventId>,
    limit: i64,
) -> Result<Page<RecordedEvent, AuditEventId>, Fault> {
    core.db
        .read("profile.events", move |connection| {
            let find = |most| own_events(connection, user_id, before, most);
            Page::read(limit, find, |event| event.id)
        })
        .await
}

/// Reads what happened to an account, as its owner may see it.
fn own_events(
    connection: &mut PgConnection,
    user_id: UserId,
    before: Option<AuditEventId>,
    most: i64,
) -> Result<Vec<RecordedEvent>, Fault> {
    let filter = EventFilter {
        user_id: Some(user_id),
        ..EventFilter::default()
    };
    let events = audit_events::page(connection, &filter, before, most)?;
    Ok(events.into_iter().map(RecordedEvent::for_owner).collect())
}

/// Deletes the caller's account and everything that belongs to it. The audit trail stays, without a name in it.
///
/// # Errors
///
/// Returns faults only.
pub async fn delete(core: &Arc<Core>, caller: &RecentCaller, origin: RequestOrigin) -> Result<(), Fault> {
    let (key, now) = (caller.key(), core.clock.now());
    let shared = Arc::clone(core);
    core.db
        .transaction("profile.delete", move |connection| {
            let user = key.hold(connection, now)?.user;
            let event = AuditEvent::success(EventName::UserDeleted, user.id).in_session(key.session_id);
            shared.audit(connection, &[event], &origin, now)?;
            tell(&shared, connection, &user, Message::AccountDeleted, &origin, now)?;
            Ok(users::delete(connection, user.id)?)
        })
        .await
}
