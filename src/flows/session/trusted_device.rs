//! Trusted devices: a browser or an app on which a second factor was given spares its user the second factor of the
//! next logins, for a time that never grows.
//!
//! A device token stands for the second factor only. It is looked at after the password was found right, so that the
//! password is counted and waited for as ever, and it lifts no session to `aal2`: whatever requires two factors demands
//! a step-up. Tokens rotate as refresh tokens do. A used one, presented again outside of the grace window, ends the
//! device: there is a copy, and the service cannot distinguish the owner from the attacker (RFC 9700 §4.14.2). Any other
//! token that does not count leads to an ordinary login.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::ids::{SessionId, TrustedDeviceId, UserId};
use crate::domain::message::Message;
use crate::domain::opaque_token::{TokenBody, TokenKind};
use crate::domain::policy::numbers::MOST_TRUSTED_DEVICES;
use crate::domain::session::{RefreshTokenTransport, StaleToken};
use crate::domain::trusted_device::{DeviceKey, TrustedDevice};
use crate::domain::user::User;
use crate::flows::session::sessions::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault, whole_seconds};
use crate::metrics;
use crate::store::trusted_devices::{self, Moment};
use crate::store::users;

/// A device token that a client presented with a login.
#[derive(Clone, Debug)]
pub struct PresentedDevice {
    /// The token.
    pub token: SecretString,
    /// How it came, which is how its successor goes.
    pub transport: RefreshTokenTransport,
}

/// A device that the client of a session may present next time.
pub(in crate::flows) struct RecalledDevice {
    device: TrustedDevice,
    transport: RefreshTokenTransport,
}

/// What a client gets for a trusted device.
pub struct DeviceGrant {
    /// The device token.
    pub token: SecretString,
    /// Its lifetime in seconds, which use does not move.
    pub expires_in: u64,
    /// How the client gets it.
    pub transport: RefreshTokenTransport,
}

impl RecalledDevice {
    /// Makes the token, after the transaction was committed.
    pub(in crate::flows) fn grant(self, core: &Core, now: DateTime<Utc>) -> Result<DeviceGrant, Fault> {
        let TrustedDevice {
            key,
            tokens,
            expires_at,
            ..
        } = self.device;
        let kind = TokenKind::TrustedDevice;
        Ok(DeviceGrant {
            token: core
                .tokens
                .issue(kind, key.user_id, key.device_id.uuid(), tokens.live)?,
            expires_in: whole_seconds(expires_at - now),
            transport: self.transport,
        })
    }
}

/// Trusts the device of a session, in which its user has just given a factor of a kind. `None`: the deployment, the
/// user or the kind does not allow it. The caller has locked the user's row.
pub(in crate::flows) fn trust(
    tx: &mut Tx<'_>,
    (user, session_id): (&User, SessionId),
    kind: FactorKind,
    transport: RefreshTokenTransport,
) -> Result<Option<RecalledDevice>, Fault> {
    let policy = tx.core.settings.trusted_devices;
    if !policy.allows(user, kind) {
        metrics::trusted_device("not_granted");
        return Ok(None);
    }
    let key = DeviceKey {
        user_id: user.id,
        device_id: TrustedDeviceId::new(tx.now, tx.core.random.as_ref()),
    };
    // The oldest ends, not the new one: too many devices must not prevent that one is trusted.
    trusted_devices::keep_newest(
        tx.connection,
        user.id,
        MOST_TRUSTED_DEVICES - 1,
        moment(tx.core, tx.now),
    )?;
    let device = trusted_devices::insert(tx.connection, key, tx.origin, (tx.now, tx.now + policy.ttl))?;
    let event = AuditEvent::success(EventName::DeviceTrusted, user.id).because(kind.as_str());
    tx.audit(&[event.in_session(session_id)])?;
    let days = policy.days();
    tx.notify(user, Message::DeviceTrusted { days })?;
    metrics::trusted_device("granted");
    Ok(Some(RecalledDevice { device, transport }))
}

fn moment(core: &Core, now: DateTime<Utc>) -> Moment {
    Moment {
        now,
        trusted_after: core.settings.trusted_devices.trusted_after(now),
    }
}

/// Returns the trusted device of a token, if it spares this user the second factor now. The caller has locked the
/// user's row and found the password right.
pub(in crate::flows) fn recall(
    tx: &mut Tx<'_>,
    user: &User,
    presented: &PresentedDevice,
) -> Result<Option<RecalledDevice>, Fault> {
    let (device, word) = match open(tx.core, user, presented) {
        Some(token) => rotate_or_reject(tx, user, token)?,
        None => (None, "refused"),
    };
    metrics::trusted_device(word);
    let transport = presented.transport;
    Ok(device.map(|device| RecalledDevice { device, transport }))
}

/// Opens a token of this user. A forged one, and one of another user, is refused without a query: the device of the
/// other user is not harmed by it.
fn open(core: &Core, user: &User, presented: &PresentedDevice) -> Option<TokenBody> {
    let token = core
        .tokens
        .open(TokenKind::TrustedDevice, presented.token.expose_secret())?;
    let counts = token.user_id == user.id && core.settings.trusted_devices.applies_to(user);
    counts.then_some(token)
}

/// Rotates the live token. What another one is, a second statement finds out.
fn rotate_or_reject(
    tx: &mut Tx<'_>,
    user: &User,
    token: TokenBody,
) -> Result<(Option<TrustedDevice>, &'static str), Fault> {
    let (key, at) = (token.device(), moment(tx.core, tx.now));
    if let Some(rotated) = trusted_devices::rotate(tx.connection, key, token.counter, at)? {
        return Ok((Some(rotated), "used"));
    }
    let Some(device) = trusted_devices::find(tx.connection, key, at)? else {
        return Ok((None, "refused"));
    };
    let grace = tx.core.settings.refresh_reuse_grace;
    match device.tokens.classify_stale_token(token.counter, grace, tx.now) {
        StaleToken::Predecessor => Ok((Some(device), "repeated")),
        StaleToken::SteppedUp | StaleToken::Unknown => Ok((None, "refused")),
        StaleToken::Reused => {
            trusted_devices::remove(tx.connection, key, at)?;
            let event = AuditEvent::failure(EventName::TokenReuse, "device_reuse", Some(user.id));
            tx.audit(&[event])?;
            tx.notify(user, Message::DeviceTokenReused)?;
            tracing::warn!(device_id = %key.device_id.uuid(), "a used device token was presented again; its device has ended");
            Ok((None, "reused"))
        }
    }
}

/// Lists the trusted devices of a user, newest first.
pub async fn list(core: &Arc<Core>, user_id: UserId) -> Result<Vec<TrustedDevice>, Fault> {
    let at = moment(core, core.clock.now());
    core.db
        .read("trusted_devices.list", move |connection| {
            trusted_devices::list(connection, user_id, at).map_err(Fault::from)
        })
        .await
}

/// Ends one of the caller's trusted devices. Returns whether there was one: for this caller, devices of other users do
/// not exist.
pub async fn end_own(
    core: &Arc<Core>,
    caller: &Caller,
    id: TrustedDeviceId,
    origin: RequestOrigin,
) -> Result<bool, Fault> {
    let (session, at) = (caller.key(), moment(core, core.clock.now()));
    let key = DeviceKey {
        user_id: session.user_id,
        device_id: id,
    };
    core.transaction("trusted_devices.end_own", origin, move |tx| {
        users::lock_user(tx.connection, Some(key.user_id))?;
        let ended = trusted_devices::remove(tx.connection, key, at)?;
        if ended {
            let event = AuditEvent::success(EventName::DeviceRemoved, key.user_id);
            tx.audit(&[event.in_session(session.session_id)])?;
        }
        Ok(ended)
    })
    .await
}

/// Ends all trusted devices of an account that the caller has locked. Returns how many there were.
pub(in crate::flows) fn end_all(tx: &mut Tx<'_>, user_id: UserId) -> Result<usize, Fault> {
    let at = moment(tx.core, tx.now);
    Ok(trusted_devices::remove_all(tx.connection, user_id, at)?)
}
