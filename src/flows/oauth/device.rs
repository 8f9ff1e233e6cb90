//! The device flow (RFC 8628): a device without a browser shows a code, and its user types it elsewhere.
//!
//! The first session that looks at a request claims it, and sees which application asks for what. No other session can
//! decide, and none can decide unseen: an attacker who sends a victim to the page with the code of the attacker's own
//! device has to get past that question (RFC 8628 §5.4).

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::authorize::Decision;
use super::tokens::{self, ApplicationTokens};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::dpop::KeyThumbprint;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::oauth::client::Client;
use crate::domain::oauth::device::{DeviceState, UserCode, request_id};
use crate::domain::oauth::grant::Grant;
use crate::domain::oauth::scope::Scopes;
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::{DEVICE_POLL_INTERVAL, DEVICE_REQUEST_LIFE, USER_CODES_TYPED};
use crate::domain::sent_code::Quota;
use crate::domain::session::{ActiveSession, SessionKey};
use crate::domain::user::User;
use crate::flows::admin::clients;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::limits::wait_or_take;
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::device_requests::{self, DeviceRequest};
use crate::store::sessions::{self, NewGrant};
use crate::store::users;

/// What a device shows and keeps.
pub struct DeviceCodes {
    /// What the device asks with.
    pub device_code: SecretString,
    /// What it shows.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
}

/// The answer to a device that begins.
#[must_use]
pub enum DeviceBeginning {
    /// The codes.
    Begun(DeviceCodes),
    /// The application may not use devices.
    Unauthorized,
    /// The application may get none of the scopes.
    InvalidScope,
    /// The application may not get tokens for the resource.
    InvalidTarget,
}

/// Begins the request of a device.
pub async fn begin(
    core: &Arc<Core>,
    client: &Client,
    (scope, resource): (Option<&str>, Option<&str>),
) -> Result<DeviceBeginning, Fault> {
    // No redirect URI ties the device to the application: an attacker could begin a request in the name of a known host, and
    // its users would see that host (RFC 8628 §5.4).
    if client.is_described() {
        return Ok(DeviceBeginning::Unauthorized);
    }
    let wanted = client.scopes.requested(scope);
    let scopes = wanted.map(|wanted| wanted.within(&client.scopes)).unwrap_or_default();
    if scopes.is_empty() {
        return Ok(DeviceBeginning::InvalidScope);
    }
    let Some(audience) = client.audience(resource) else {
        return Ok(DeviceBeginning::InvalidTarget);
    };
    let now = core.clock.now();
    let user_code = UserCode::generate(core.random.as_ref());
    let request = DeviceRequest {
        id: id_of(core, &user_code)?,
        client_id: client.id,
        scopes,
        audience: audience.to_owned(),
        state: DeviceState::Waiting,
        grant: None,
        expires_at: now + DEVICE_REQUEST_LIFE,
    };
    let id = request.id;
    // A code that another device shows at this moment collides, which is as unlikely as a right guess.
    core.db
        .transaction("device.begin", move |connection| {
            device_requests::insert(connection, &request, (DEVICE_POLL_INTERVAL, now)).map_err(Fault::from)
        })
        .await?;
    Ok(DeviceBeginning::Begun(DeviceCodes {
        device_code: core
            .tokens
            .issue(TokenKind::DeviceCode, UserId::from_uuid(Uuid::nil()), id, 0)?,
        user_code: user_code.to_display(),
        verification_uri: format!("{}/device", core.settings.link_base_url),
    }))
}

/// What a user sees of the request of a device.
pub struct DeviceQuestion {
    /// The application on the device.
    pub client: Client,
    /// What it asks for.
    pub scopes: Scopes,
    /// The resource that its access tokens are for, if they are good for more than `GET /userinfo`.
    pub resource: Option<String>,
}

/// The answer to a page where a user types a code, or decides.
#[must_use]
pub enum DeviceAnswer {
    /// What the user has to decide.
    Question(Box<DeviceQuestion>),
    /// The decision is stored.
    Decided,
    /// There is no such request for this session: the code is wrong or has expired, another session has claimed it, or
    /// it was decided.
    Unknown,
    /// The user typed too many codes.
    TooOften(TimeDelta),
}

/// Shows the request behind a code to a user, who claims it.
pub async fn look(
    core: &Arc<Core>,
    caller: &Caller,
    user_code: &UserCode,
    origin: RequestOrigin,
) -> Result<DeviceAnswer, Fault> {
    let (key, id) = (caller.key(), id_of(core, user_code)?);
    let claimed = core
        .transaction("device.look", origin, move |tx| {
            // Counted before the look-up, and committed with a refusal: the codes are short.
            let guesses = Quota::new(format!("user codes typed by {}", key.user_id.uuid()), USER_CODES_TYPED);
            if let Some(wait) = wait_or_take(tx, &[guesses])? {
                return Ok(Err(wait));
            }
            Ok(Ok(device_requests::claim(tx.connection, id, key, tx.now)?))
        })
        .await?;
    let request = match claimed {
        Err(wait) => return Ok(DeviceAnswer::TooOften(wait)),
        Ok(None) => return Ok(DeviceAnswer::Unknown),
        Ok(Some(request)) => request,
    };
    let client = clients::find(core, request.client_id).await?;
    let userinfo = core.settings.access_tokens.userinfo();
    let question = client.and_then(|client| {
        Some(DeviceQuestion {
            // The operator may have changed the client in the meantime.
            scopes: client.remaining(&request.scopes, &request.audience, &userinfo)?,
            resource: Some(request.audience).filter(|audience| *audience != userinfo),
            client,
        })
    });
    Ok(question.map_or(DeviceAnswer::Unknown, |question| {
        DeviceAnswer::Question(Box::new(question))
    }))
}

fn id_of(core: &Core, user_code: &UserCode) -> Result<Uuid, Fault> {
    // The key makes a stolen table useless for guessing. After a change of the master key, codes of that moment are
    // void.
    let hash = core
        .identifier_hasher
        .hash(&format!("user code {}", user_code.expose()))?;
    Ok(request_id(&hash))
}

/// Stores what a user decided about a request that their session has claimed.
pub async fn decide(
    core: &Arc<Core>,
    caller: &Caller,
    (user_code, decision): (&UserCode, Decision),
    origin: RequestOrigin,
) -> Result<DeviceAnswer, Fault> {
    let (key, id) = (caller.key(), id_of(core, user_code)?);
    let proofs = caller.authority.proofs().clone();
    let grant_id = SessionId::new(core.clock.now(), core.random.as_ref());
    let is_decided = core
        .transaction("device.decide", origin, move |tx| {
            let (_account, session) = key.lock_session(tx)?;
            let grant = (decision == Decision::Approve).then_some(grant_id);
            let Some(request) = device_requests::decide(tx.connection, id, key, (grant, tx.now))? else {
                return Ok(false);
            };
            let event = match grant {
                Some(grant) => AuditEvent::success(EventName::GrantCreated, key.user_id).in_session(grant),
                None => AuditEvent::success(EventName::GrantRefused, key.user_id).in_session(key.session_id),
            };
            tx.audit(&[event.with_client(request.client_id).because("device")])?;
            if let Some(id) = grant {
                let new = NewGrant {
                    id,
                    grant: Grant {
                        parent: key.session_id,
                        client: request.client_id.into(),
                        scopes: request.scopes,
                        audience: request.audience,
                        nonce: None,
                    },
                    // A factor may have been removed since the token was looked at.
                    proofs: proofs.within(&session.proofs),
                    binding: None,
                    key: None,
                    now: tx.now,
                    expires_at: request.expires_at,
                };
                sessions::insert_grant(tx.connection, key, &new)?;
            }
            Ok(true)
        })
        .await?;
    Ok(if is_decided {
        DeviceAnswer::Decided
    } else {
        DeviceAnswer::Unknown
    })
}

/// The answer to a device that asks.
#[must_use]
pub enum DevicePoll {
    /// The tokens.
    Granted(Box<ApplicationTokens>),
    /// The user has not decided.
    Pending,
    /// The device asks too often.
    SlowDown,
    /// The user refused.
    Denied,
    /// The request has expired, or its tokens were picked up before.
    Expired,
    /// The code is not one of this application.
    Invalid,
}

/// What a transaction of a poll found.
enum Polled {
    Granted(Box<ActiveSession>, Box<User>),
    Other(DevicePoll),
}

/// Answers a device that asks for its tokens.
pub async fn poll(
    core: &Arc<Core>,
    client: &Client,
    (device_code, proof): (&SecretString, Option<VerifiedProof>),
    origin: RequestOrigin,
) -> Result<DevicePoll, Fault> {
    let Some(code) = core.tokens.open(TokenKind::DeviceCode, device_code.expose_secret()) else {
        return Ok(DevicePoll::Invalid);
    };
    // A code must not be used up for nothing.
    core.keys.current()?;
    let (now, asking, id) = (core.clock.now(), (client.clone(), key_of(proof)), code.row_id);
    let polled = core
        .transaction_at(now, "device.poll", origin, move |tx| {
            poll_once(tx, id, (&asking.0, asking.1))
        })
        .await?;
    match polled {
        Polled::Other(answer) => Ok(answer),
        Polled::Granted(session, user) => {
            let tokens = tokens::of_new_grant(core, client, (*session, &user), now)?;
            Ok(DevicePoll::Granted(Box::new(tokens)))
        }
    }
}

fn poll_once(tx: &mut Tx<'_>, id: Uuid, (client, shown): (&Client, Option<KeyThumbprint>)) -> Result<Polled, Fault> {
    let request = device_requests::find(tx.connection, id)?.filter(|request| tx.now < request.expires_at);
    let Some(request) = request else {
        return Ok(Polled::Other(DevicePoll::Expired));
    };
    if request.client_id != client.id {
        return Ok(Polled::Other(DevicePoll::Invalid));
    }
    if !device_requests::poll(tx.connection, id, tx.now)? {
        device_requests::slow_down(tx.connection, id, DEVICE_POLL_INTERVAL, tx.now)?;
        return Ok(Polled::Other(DevicePoll::SlowDown));
    }
    match request.state {
        DeviceState::Waiting | DeviceState::Claimed => Ok(Polled::Other(DevicePoll::Pending)),
        DeviceState::Denied => {
            device_requests::take(tx.connection, id, DeviceState::Denied)?;
            Ok(Polled::Other(DevicePoll::Denied))
        }
        DeviceState::Approved => pick_up(tx, &request, (client, shown)),
    }
}

/// Makes the grant of an approved request active, once.
fn pick_up(
    tx: &mut Tx<'_>,
    request: &DeviceRequest,
    asking: (&Client, Option<KeyThumbprint>),
) -> Result<Polled, Fault> {
    let gone = Ok(Polled::Other(DevicePoll::Expired));
    let Some(key) = request.grant else { return gone };
    if !device_requests::take(tx.connection, request.id, DeviceState::Approved)? {
        return gone;
    }
    Ok(match activate(tx, key, asking)? {
        Some((session, user)) => Polled::Granted(Box::new(session), Box::new(user)),
        // The session that it was allowed in has ended, or the operator has taken from the application what it asked for.
        None => Polled::Other(DevicePoll::Denied),
    })
}

fn activate(
    tx: &mut Tx<'_>,
    key: SessionKey,
    (client, shown): (&Client, Option<KeyThumbprint>),
) -> Result<Option<(ActiveSession, User)>, Fault> {
    let Some(account) = users::find_active_for_update(tx.connection, key.user_id)? else {
        return Ok(None);
    };
    let Some(ends) = tokens::ends_of_grant(tx, key)? else {
        return Ok(None);
    };
    let session = sessions::pick_up(tx.connection, key, (client.id, shown), ends, tx.now)?;
    let session = match session {
        Some(session) => tokens::narrow_to_client(tx, key, session, client)?,
        None => None,
    };
    if session.is_some() {
        tokens::record_new_grant(tx, key, &client.reference())?;
    }
    Ok(session.map(|session| (session, account.user)))
}
