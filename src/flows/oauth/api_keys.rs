//! API keys: their owner makes and deletes them, and scripts exchange them for access tokens (RFC 8693).
//!
//! Only a fresh proof of the owner makes a key, so neither a key nor an application makes another one. Whatever shuts
//! an intruder out deletes all keys of the account (`session::session_end`).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::tokens::AccessToken;
use crate::crypto::jwt;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{ApiKeyId, uuid_v7};
use crate::domain::input::InvalidInput;
use crate::domain::message::Message;
use crate::domain::oauth::api_key::{self, ApiKey, ApiKeyDescription, ApiKeyHandle, KeyAuthority, KeyTokenClaims};
use crate::domain::oauth::scope::Scopes;
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::MOST_API_KEYS;
use crate::domain::typed_text;
use crate::domain::user::User;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::factors::RecentCaller;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::api_keys;

/// What comes of a user's request for a new key.
#[must_use]
pub enum Creation {
    /// The key, which is shown once.
    Made(Box<ApiKey>, SecretString),
    /// The description breaks rules.
    Invalid(InvalidInput),
    /// The account has as many keys as it may have.
    TooMany,
}

/// Makes a key, and notifies the owner.
pub async fn create(
    core: &Arc<Core>,
    caller: &RecentCaller,
    wanted: ApiKeyDescription,
    origin: RequestOrigin,
) -> Result<Creation, Fault> {
    let (session, now) = (caller.key(), core.clock.now());
    let handle = ApiKeyHandle {
        user_id: session.user_id,
        key_id: ApiKeyId::new(now, core.random.as_ref()),
    };
    let api_key = core
        .tokens
        .issue(TokenKind::ApiKey, handle.user_id, handle.key_id.uuid(), 0)?;
    let made = core
        .transaction_at(now, "api_keys.create", origin, move |tx| {
            // Locked, so that many requests at once make no more keys than there may be.
            let user = session.lock_user(tx)?.user;
            let event = AuditEvent::success(EventName::ApiKeyCreated, user.id).in_session(session.session_id);
            insert(tx, (&user, handle), &wanted, event)
        })
        .await?;
    Ok(match made {
        Ok(key) => Creation::Made(Box::new(key), api_key),
        Err(refusal) => refusal,
    })
}

fn insert(
    tx: &mut Tx<'_>,
    (user, handle): (&User, ApiKeyHandle),
    wanted: &ApiKeyDescription,
    event: AuditEvent,
) -> Result<Result<ApiKey, Creation>, Fault> {
    let carried = tx.core.settings.access_tokens.role_factors.carried_by_keys(&user.roles);
    let new = match wanted.check(&carried, tx.now) {
        Ok(new) => new,
        Err(invalid) => return Ok(Err(Creation::Invalid(invalid))),
    };
    let most = i64::try_from(MOST_API_KEYS).unwrap_or(i64::MAX);
    // Expired keys go: keys that are made with a near end must not fill the table.
    if api_keys::keep_live(tx.connection, user.id, tx.now)? >= most {
        return Ok(Err(Creation::TooMany));
    }
    let key = ApiKey {
        handle,
        name: new.name,
        scopes: new.scopes,
        created_at: tx.now,
        expires_at: new.expires_at,
        last_used_at: None,
    };
    api_keys::insert(tx.connection, &key)?;
    tx.audit(&[event])?;
    let name = key.name.clone();
    tx.notify(user, Message::ApiKeyCreated { name })?;
    Ok(Ok(key))
}

/// The keys of a user, and what they may allow another one.
pub struct OwnKeys {
    /// The keys that have not expired, newest first.
    pub keys: Vec<ApiKey>,
    /// Every scope that a new key can have.
    pub allowed: Scopes,
}

/// Lists the keys of a user.
pub async fn list(core: &Arc<Core>, caller: &Caller) -> Result<OwnKeys, Fault> {
    let (user_id, now) = (caller.user.id, core.clock.now());
    let keys = core
        .db
        .read("api_keys.list", move |connection| {
            api_keys::list(connection, user_id, now).map_err(Fault::from)
        })
        .await?;
    let role_factors = &core.settings.access_tokens.role_factors;
    Ok(OwnKeys {
        keys,
        allowed: api_key::allowed(&role_factors.carried_by_keys(&caller.user.roles)),
    })
}

/// Deletes one of the caller's keys, and so the access tokens that were made of it are no longer active. Returns
/// whether there was one: for this caller, keys of other users do not exist.
pub async fn delete_own(core: &Arc<Core>, caller: &Caller, id: ApiKeyId, origin: RequestOrigin) -> Result<bool, Fault> {
    let session = caller.key();
    let handle = ApiKeyHandle {
        user_id: session.user_id,
        key_id: id,
    };
    core.transaction("api_keys.delete_own", origin, move |tx| {
        session.lock_user(tx)?;
        let deleted = api_keys::remove(tx.connection, handle)?;
        if deleted {
            let event = AuditEvent::success(EventName::ApiKeyDeleted, handle.user_id);
            tx.audit(&[event.in_session(session.session_id)])?;
        }
        Ok(deleted)
    })
    .await
}

/// A key, with what its script asks for.
pub struct PresentedKey<'a> {
    /// The key.
    pub api_key: &'a SecretString,
    /// A part of what the key allows; everything if it is not given.
    pub scope: Option<&'a str>,
    /// Where the token is to be used (RFC 8707, RFC 8693 §2.1): there is one audience only, however it is named.
    pub targets: Vec<String>,
    /// The proof of possession beside it. It binds the access token.
    pub proof: Option<VerifiedProof>,
}

/// The result of presenting a key.
#[must_use]
pub enum KeyExchange {
    /// The access token.
    Granted(AccessToken),
    /// The key is exchanged so often that its script must be faulty.
    TooOften(TimeDelta),
    /// The key is not valid, for any reason.
    Invalid,
    /// The script asks for more than the key allows, or the key allows nothing now.
    InvalidScope,
    /// The script asks for a token for another resource.
    InvalidTarget,
}

impl Outcome for KeyExchange {
    fn word(&self) -> &'static str {
        match self {
            Self::Granted(_) => "exchanged",
            Self::TooOften(_) => "too_often",
            Self::Invalid => "invalid",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
        }
    }
}

/// Exchanges a key for an access token.
pub async fn exchange(
    core: &Arc<Core>,
    presented: PresentedKey<'_>,
    origin: RequestOrigin,
) -> Result<KeyExchange, Fault> {
    counted("api_key", try_exchange(core, presented, origin).await)
}

async fn try_exchange(
    core: &Arc<Core>,
    presented: PresentedKey<'_>,
    origin: RequestOrigin,
) -> Result<KeyExchange, Fault> {
    // Users copy keys into files, which end with a line break.
    let Some(token) = core
        .tokens
        .open(TokenKind::ApiKey, typed_text::trim(presented.api_key.expose_secret()))
    else {
        return Ok(KeyExchange::Invalid);
    };
    let handle = token.api_key();
    if let Some(wait) = core.rate_limits.session(handle.key_id.uuid(), None) {
        return Ok(KeyExchange::TooOften(wait));
    }
    let now = core.clock.now();
    let found = core
        .transaction_at(now, "api_keys.exchange", origin, move |tx| {
            Ok(api_keys::present(tx.connection, handle, tx.now)?)
        })
        .await?;
    match found {
        Some((key, user)) => grant(core, (&key, &user), &presented, now),
        None => Ok(KeyExchange::Invalid),
    }
}

/// Makes the access token of a key, which allows what the key allows at this moment.
fn grant(
    core: &Core,
    (key, user): (&ApiKey, &User),
    presented: &PresentedKey<'_>,
    now: DateTime<Utc>,
) -> Result<KeyExchange, Fault> {
    let policy = &core.settings.access_tokens;
    if presented.targets.iter().any(|target| *target != policy.audience) {
        return Ok(KeyExchange::InvalidTarget);
    }
    let wanted = key.scopes.requested(presented.scope);
    let Some(wanted) = wanted.filter(|wanted| key.scopes.cover(wanted)) else {
        return Ok(KeyExchange::InvalidScope);
    };
    let carried = policy.role_factors.carried_by_keys(&user.roles);
    let Some(authority) = KeyAuthority::of(&wanted, &carried) else {
        return Ok(KeyExchange::InvalidScope);
    };
    let scopes = authority.scopes.clone();
    let jti = uuid_v7(now, core.random.as_ref());
    let claims = KeyTokenClaims::new(policy, (key, user), authority, (now, jti));
    let claims = claims.bound_to(key_of(presented.proof));
    Ok(KeyExchange::Granted(AccessToken {
        access_token: jwt::sign(core.keys.current()?.as_ref(), &claims)?.into(),
        expires_in: claims.exp - claims.iat,
        scopes,
        is_bound: presented.proof.is_some(),
    }))
}
