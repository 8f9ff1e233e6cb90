//! Clients: the programs that get tokens. Operators register them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::{AdminRefusal, Operator, RecentOperator, change_deployment};
use crate::crypto::client_keys::{self, ClientKeys};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::ids::{ClientId, UserId};
use crate::domain::input::InvalidInput;
use crate::domain::oauth::client::{Client, ClientChanges, ClientDescription, OwnResources};
use crate::domain::oauth::client_secret::ClientSecret;
use crate::domain::oauth::scope::OFFLINE_ACCESS;
use crate::domain::session_end::EndCause;
use crate::flows::session::session_end;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::clients::{self, SecretHashes, StoredClient};
use crate::store::sessions::GrantTo;
use crate::store::{consents, quotas, sessions, users};

/// How many users' grants are read at once.
const USERS_AT_ONCE: i64 = 200;

/// The result of registering a client.
#[must_use]
pub enum Registration {
    /// The client, with its secret if it has one. The secret is shown only once.
    Registered(Box<Client>, Option<SecretString>),
    /// There is another client with this name.
    NameTaken,
    /// The description breaks rules.
    Invalid(InvalidInput),
    /// The operator may not register clients.
    Refused(AdminRefusal),
}

/// Registers a client.
pub async fn create(
    core: &Arc<Core>,
    operator: &RecentOperator,
    description: ClientDescription,
) -> Result<Registration, Fault> {
    let now = core.clock.now();
    let id = ClientId::new(now, core.random.as_ref());
    let jwks = description.jwks.clone();
    let client = match description.check(id, &core.settings.access_tokens.own_resources(), now) {
        Ok(client) => client,
        Err(invalid) => return Ok(Registration::Invalid(invalid)),
    };
    if let Some(Err(wanted)) = jwks.as_deref().map(ClientKeys::parse) {
        return Ok(Registration::Invalid(InvalidInput::of("/jwks", wanted)));
    }
    let has_secret = client.kind.authenticates() && jwks.is_none();
    let secret = has_secret.then(|| ClientSecret::generate(core.random.as_ref()));
    let hash = secret.as_ref().map(|secret| core.client_secret_hasher.hash(id, secret));
    let stored = StoredClient {
        client: client.clone(),
        secrets: SecretHashes {
            newest: hash.transpose()?,
            previous: None,
        },
        jwks,
    };
    let made = change(core, operator, "clients.create", move |tx| {
        let made = clients::insert(tx.connection, &stored)?;
        Ok((made, made.then_some((EventName::ClientCreated, id))))
    })
    .await?;
    Ok(match made {
        Ok(true) => Registration::Registered(
            Box::new(complete(core, client)),
            secret.as_ref().map(ClientSecret::to_token),
        ),
        Ok(false) => Registration::NameTaken,
        Err(refusal) => Registration::Refused(refusal),
    })
}

/// Makes a change to clients in one transaction, and records it.
async fn change<T: Send + 'static>(
    core: &Arc<Core>,
    operator: &Operator,
    name: &'static str,
    work: impl Fn(&mut Tx<'_>) -> Result<(T, Option<(EventName, ClientId)>), Fault> + Send + 'static,
) -> Result<Result<T, AdminRefusal>, Fault> {
    let event = |(event, id): (EventName, ClientId)| AuditEvent::of_deployment(event).with_client(id);
    change_deployment(core, operator, name, move |tx| {
        let (done, change) = work(tx)?;
        Ok((done, change.map(event)))
    })
    .await
}

/// Lists all clients, oldest first.
pub async fn list(core: &Arc<Core>) -> Result<Vec<Client>, Fault> {
    let stored = core
        .db
        .read("clients.list", |connection| {
            clients::list(connection).map_err(Fault::from)
        })
        .await?;
    Ok(stored.into_iter().map(|stored| complete(core, stored.client)).collect())
}

/// Finds a client.
pub async fn find(core: &Arc<Core>, id: ClientId) -> Result<Option<Client>, Fault> {
    Ok(find_stored(core, id).await?.map(|stored| stored.client))
}

async fn find_stored(core: &Arc<Core>, id: ClientId) -> Result<Option<StoredClient>, Fault> {
    let found = core
        .db
        .read("clients.find", move |connection| {
            clients::find(connection, id).map_err(Fault::from)
        })
        .await?;
    Ok(found.map(|stored| StoredClient {
        client: complete(core, stored.client),
        ..stored
    }))
}

/// Adds what follows from the settings, which may change.
fn complete(core: &Core, client: Client) -> Client {
    client.or_userinfo(&core.settings.access_tokens.userinfo())
}

/// The result of changing a client.
#[must_use]
pub enum Update {
    /// The client as it is now.
    Updated(Box<Client>),
    /// There is no such client.
    Unknown,
    /// There is another client with this name.
    NameTaken,
    /// The changes break rules.
    Invalid(InvalidInput),
    /// The operator may not change clients.
    Refused(AdminRefusal),
}

/// Changes a client, and takes from its grants what it may no longer get.
///
/// The client goes first, so that no further grant gets what was taken from it. Its grants follow user by user. What
/// users allowed stays stored: it counts only together with what the client may get.
pub async fn update(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: ClientId,
    changes: ClientChanges,
) -> Result<Update, Fault> {
    if let Some(Err(wanted)) = changes.jwks.as_deref().map(ClientKeys::parse) {
        return Ok(Update::Invalid(InvalidInput::of("/jwks", wanted)));
    }
    let concern_grants = changes.concern_grants();
    let own = core.settings.access_tokens.own_resources();
    let updated = change(core, operator, "clients.update", move |tx| {
        let updated = update_stored(tx, id, (&changes, &own))?;
        let is_updated = matches!(updated, Update::Updated(_));
        Ok((updated, is_updated.then_some((EventName::ClientUpdated, id))))
    })
    .await?;
    let client = match updated {
        Ok(Update::Updated(client)) => complete(core, *client),
        Ok(refused) => return Ok(refused),
        Err(refusal) => return Ok(Update::Refused(refusal)),
    };
    // Also where nothing is taken now: an earlier call may have been interrupted.
    if concern_grants {
        narrow_grants(core, operator, &client).await?;
    }
    Ok(Update::Updated(Box::new(client)))
}

fn update_stored(
    tx: &mut Tx<'_>,
    id: ClientId,
    (changes, own): (&ClientChanges, &OwnResources),
) -> Result<Update, Fault> {
    let Some(stored) = clients::find_for_update(tx.connection, id)? else {
        return Ok(Update::Unknown);
    };
    let client = match changes.clone().apply(&stored.client, own) {
        Ok(client) => client,
        Err(invalid) => return Ok(Update::Invalid(invalid)),
    };
    if clients::is_named(tx.connection, &client.name, id)? {
        return Ok(Update::NameTaken);
    }
    clients::update(tx.connection, &client, changes.jwks.as_deref())?;
    Ok(Update::Updated(Box::new(client)))
}

/// Takes from the grants of all users to a client what it may no longer get.
async fn narrow_grants(core: &Arc<Core>, operator: &Operator, client: &Client) -> Result<(), Fault> {
    let (client, userinfo) = (client.clone(), core.settings.access_tokens.userinfo());
    for_each_user(core, operator, client.id, move |tx, user_id| {
        for grant in sessions::list_grants_to(tx.connection, (user_id, client.id))? {
            let remaining = client.remaining(&grant.scopes, &grant.audience, &userinfo);
            match remaining.filter(|_| !is_ended(&client, &grant)) {
                Some(remaining) if remaining == grant.scopes => {}
                Some(remaining) => sessions::narrow_grant(tx.connection, grant.key, &remaining)?,
                None => {
                    session_end::end(tx, grant.key, EndCause::ClientChanged)?;
                }
            }
        }
        Ok(())
    })
    .await
}

/// Returns whether a grant ends although scopes of it remain: the client gets no refresh tokens any longer, or only
/// tokens that are bound to a key (RFC 9449 §5.2), and a session never gets a key later.
fn is_ended(client: &Client, grant: &GrantTo) -> bool {
    let may_refresh = client.is_first_party() || client.scopes.has(OFFLINE_ACCESS);
    let loses_refresh = grant.scopes.has(OFFLINE_ACCESS) && !may_refresh;
    loses_refresh || (client.dpop_bound_access_tokens && grant.is_active_without_key)
}

/// Makes a new secret for a client, and accepts the one before for a while. `None`: there is no such client, or it has
/// no secret.
pub async fn rotate_secret(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: ClientId,
    overlap: TimeDelta,
) -> Result<Result<Option<SecretString>, AdminRefusal>, Fault> {
    let secret = ClientSecret::generate(core.random.as_ref());
    let hash = core.client_secret_hasher.hash(id, &secret)?;
    let replaced = change(core, operator, "clients.rotate_secret", move |tx| {
        let replaced = clients::replace_secret(tx.connection, id, &hash, tx.now + overlap)?;
        Ok((replaced, replaced.then_some((EventName::ClientSecretRotated, id))))
    })
    .await?;
    Ok(replaced.map(|replaced| replaced.then(|| secret.to_token())))
}

/// Deletes a client, and ends its grants. Returns whether there was one.
///
/// The client goes first, so that it gets no further grant and its refresh tokens are refused at once. Its grants end
/// user by user.
pub async fn delete(
    core: &Arc<Core>,
    operator: &RecentOperator,
    id: ClientId,
) -> Result<Result<bool, AdminRefusal>, Fault> {
    let deleted = change(core, operator, "clients.delete", move |tx| {
        let deleted = clients::delete(tx.connection, id)?;
        Ok((deleted, deleted.then_some((EventName::ClientDeleted, id))))
    })
    .await?;
    // Also where the client is gone: an earlier call may have been interrupted.
    if deleted.is_ok() {
        end_grants(core, operator, id).await?;
    }
    Ok(deleted)
}

/// Ends the grants of all users to a client.
async fn end_grants(core: &Arc<Core>, operator: &Operator, id: ClientId) -> Result<(), Fault> {
    for_each_user(core, operator, id, move |tx, user_id| {
        consents::delete(tx.connection, user_id, id)?;
        session_end::end_grants(tx, user_id, id, EndCause::ClientDeleted)?;
        Ok(())
    })
    .await
}

/// Changes the grants of all users to a client, user by user, so that each transaction is about one of them. The work
/// begins with the user's row locked.
async fn for_each_user(
    core: &Arc<Core>,
    operator: &Operator,
    id: ClientId,
    work: impl Fn(&mut Tx<'_>, UserId) -> Result<(), Fault> + Clone + Send + 'static,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let users: Vec<UserId> = core
            .db
            .read("clients.granted_by", move |connection| {
                sessions::users_with_grants(connection, id, after, USERS_AT_ONCE).map_err(Fault::from)
            })
            .await?;
        let Some(last) = users.last() else {
            return Ok(());
        };
        after = Some(*last);
        for user_id in users {
            let work = work.clone();
            let actor = operator.id();
            core.transaction("clients.change_grants", operator.origin().clone(), move |tx| {
                tx.actor_id = actor;
                users::lock_user(tx.connection, Some(user_id))?;
                work(tx, user_id)
            })
            .await?;
        }
    }
}

/// Finds the client behind an id and a secret; `None` for all credentials that are not valid.
pub async fn authenticate(core: &Arc<Core>, id: &str, secret: &SecretString) -> Result<Option<Client>, Fault> {
    let (Some(id), Some(secret)) = (ClientId::parse(id), ClientSecret::parse(secret.expose_secret())) else {
        return Ok(None);
    };
    let now = core.clock.now();
    let found = find_stored(core, id).await?;
    Ok(found
        .filter(|stored| is_one_of(core, &stored.secrets, (id, &secret), now))
        .map(|stored| stored.client))
}

fn is_one_of(core: &Core, secrets: &SecretHashes, (id, secret): (ClientId, &ClientSecret), now: DateTime<Utc>) -> bool {
    let previous = secrets
        .previous
        .as_ref()
        .filter(|(_, until)| now < *until)
        .map(|(hash, _)| hash);
    let mut accepted = secrets.newest.iter().chain(previous);
    accepted.any(|hash| core.client_secret_hasher.matches(id, secret, hash))
}

/// Finds the client that signed an assertion; `None` for every assertion that is not valid, or was presented before.
pub async fn authenticate_by_assertion(core: &Arc<Core>, assertion: &SecretString) -> Result<Option<Client>, Fault> {
    let claims = client_keys::claimed_client(assertion.expose_secret());
    let Some(id) = claims.and_then(|claims| claims.client()) else {
        return Ok(None);
    };
    let Some(stored) = find_stored(core, id).await? else {
        return Ok(None);
    };
    let Some(keys) = stored.jwks.as_deref().and_then(|jwks| ClientKeys::parse(jwks).ok()) else {
        return Ok(None);
    };
    let is_accepted = accept_assertion(core, id, &keys, assertion).await?;
    Ok(is_accepted.then_some(stored.client))
}

/// Verifies an assertion of the client that it names, and uses it up. Returns whether it is valid and new.
pub(in crate::flows) async fn accept_assertion(
    core: &Arc<Core>,
    id: ClientId,
    keys: &ClientKeys,
    assertion: &SecretString,
) -> Result<bool, Fault> {
    let verified = keys.verify(assertion.expose_secret());
    let (now, issuer) = (core.clock.now(), &core.settings.access_tokens.issuer);
    let accepted = verified.and_then(|claims| Some((claims.accepted_until(issuer, now)?, claims.jti)));
    let Some((until, jti)) = accepted else {
        return Ok(false);
    };
    // An assertion counts once, in all instances together (OpenID Connect Core 1.0 §9).
    let key = core.identifier_hasher.hash(&format!("assertion {} {jti}", id.uuid()))?;
    core.db
        .transaction("clients.assertion", move |connection| {
            quotas::take(connection, &key, (DateTime::UNIX_EPOCH, until), 1).map_err(Fault::from)
        })
        .await
}
