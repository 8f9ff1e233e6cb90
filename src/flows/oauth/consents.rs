//! What a user allowed applications: they see it, and withdraw it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{ClientId, UserId};
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::scope::Scopes;
use crate::domain::session_end::EndCause;
use crate::flows::session::{Caller, session_end};
use crate::flows::{Core, Fault};
use crate::store::{PgConnection, clients, consents, sessions};

/// An application that a user allowed something, or that is signed in.
pub struct ListedApplication {
    /// The application.
    pub client_id: ClientId,
    /// Its name; the host of one that describes itself.
    pub name: String,
    /// The `client_id` of one that describes itself.
    pub url: Option<ClientUrl>,
    /// Whether it belongs to the deployment.
    pub first_party: bool,
    /// What it was allowed.
    pub scopes: Scopes,
    /// The resources that it was allowed this for, if it gets access tokens for any.
    pub resources: Vec<String>,
    /// When it was last allowed something. Absent for applications of the deployment, which need not ask.
    pub granted_at: Option<DateTime<Utc>>,
    /// When it last got tokens; absent if it has no grant now.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Lists the applications of a user, in the order of their ids.
pub async fn list(core: &Arc<Core>, caller: &Caller) -> Result<Vec<ListedApplication>, Fault> {
    let (user_id, now) = (caller.user.id, core.clock.now());
    let userinfo = core.settings.access_tokens.userinfo();
    core.db
        .read("applications.list", move |connection| {
            load(connection, user_id, &userinfo, now)
        })
        .await
}

/// Reads the applications of a user, in the order of their ids.
pub(in crate::flows) fn load(
    connection: &mut PgConnection,
    user_id: UserId,
    userinfo: &str,
    now: DateTime<Utc>,
) -> Result<Vec<ListedApplication>, Fault> {
    let consents = consents::list(connection, user_id)?;
    let grants = sessions::list_grants(connection, user_id, now)?;
    let is_resource = |audience: &&String| !audience.is_empty() && *audience != userinfo;
    let mut listed: BTreeMap<ClientId, ListedApplication> = BTreeMap::new();
    for client in clients::list(connection)?.into_iter().map(|stored| stored.client) {
        let of_user = || consents.iter().filter(|consent| consent.client_id == client.id);
        let of_client = || grants.iter().filter(|grant| grant.client.id == client.id);
        let is_asked = of_user().next().is_some();
        if !is_asked && of_client().next().is_none() {
            continue;
        }
        let union = |all: Scopes, more: &Scopes| all.and(more);
        let asked = of_user().map(|consent| &consent.scopes).fold(Scopes::default(), union);
        let granted = of_client().map(|grant| &grant.scopes).fold(Scopes::default(), union);
        let audiences = of_user().map(|consent| &consent.audience);
        let audiences: BTreeSet<&String> = audiences.chain(of_client().map(|grant| &grant.audience)).collect();
        let application = ListedApplication {
            client_id: client.id,
            first_party: client.is_first_party(),
            name: client.name,
            url: None,
            scopes: if is_asked { asked } else { granted },
            resources: audiences.into_iter().filter(is_resource).cloned().collect(),
            granted_at: of_user().map(|consent| consent.granted_at).max(),
            last_used_at: of_client().map(|grant| grant.last_used_at).max(),
        };
        listed.insert(client.id, application);
    }
    for grant in &grants {
        let Some(url) = &grant.client.url else { continue };
        let described = listed.entry(grant.client.id).or_insert_with(|| ListedApplication {
            client_id: grant.client.id,
            name: url.host().to_owned(),
            url: Some(url.clone()),
            first_party: false,
            scopes: Scopes::default(),
            resources: Vec::new(),
            granted_at: None,
            last_used_at: None,
        });
        described.scopes = described.scopes.and(&grant.scopes);
        if is_resource(&&grant.audience) && !described.resources.contains(&grant.audience) {
            described.resources.push(grant.audience.clone());
        }
        described.granted_at = described.granted_at.max(Some(grant.created_at));
        described.last_used_at = described.last_used_at.max(Some(grant.last_used_at));
    }
    Ok(listed.into_values().collect())
}

/// Withdraws everything that a user allowed an application, and ends its grants. Returns whether there was anything.
pub async fn withdraw(
    core: &Arc<Core>,
    caller: &Caller,
    client_id: ClientId,
    origin: RequestOrigin,
) -> Result<bool, Fault> {
    let key = caller.key();
    core.transaction("applications.withdraw", origin, move |tx| {
        key.lock_user(tx)?;
        let granted = sessions::list_grants(tx.connection, key.user_id, tx.now)?;
        let named = granted
            .into_iter()
            .map(|grant| grant.client)
            .find(|client| client.id == client_id);
        let had_consent = consents::delete(tx.connection, key.user_id, client_id)?;
        let ended = session_end::end_grants(tx, key.user_id, client_id, EndCause::ConsentWithdrawn)?;
        let is_change = had_consent || ended > 0;
        if is_change {
            let event = AuditEvent::success(EventName::ConsentWithdrawn, key.user_id);
            tx.audit(&[event
                .in_session(key.session_id)
                .with_client(named.unwrap_or_else(|| client_id.into()))])?;
        }
        Ok(is_change)
    })
    .await
}
