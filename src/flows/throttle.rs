//! Guessing passwords: how often, for one name, from one network and from anywhere.
//!
//! Names that have an account and names that have none are counted alike, in the database, so that all instances count
//! together and a restart forgives nothing. A wait is never prolonged by attempts made in it. Strangers who guess from
//! everywhere cannot keep out an owner who comes from a network that they signed in from lately.
//!
//! Beside these, which time forgives, wrong ones are counted on the account until a right one comes: at the hundredth the
//! password is disabled until a new one is set (NIST SP 800-63B-4 §3.2.2). That holds for everybody and everywhere.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::outbox::tell;
use super::{Core, Fault};
use crate::crypto::fair_queue::Requester;
use crate::crypto::keyring::UnknownKey;
use crate::domain::audit_event::{AuditEvent, EventName, IdentifierHash, RequestOrigin};
use crate::domain::failed_attempts::{self, Curve};
use crate::domain::ids::UserId;
use crate::domain::message::Message;
use crate::domain::network::network_of;
use crate::domain::user::Identifier;
use crate::store::throttles::Counted;
use crate::store::{PgConnection, sessions, throttles, users};

/// What the audit trail calls the count of all networks together.
const ANYWHERE: &str = "from_anywhere";
/// How long a network is the owner's after a sign-in from there.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);

/// The counts that one login goes by.
pub(super) struct Throttle {
    /// For the name, from the network of the request.
    from_network: Vec<u8>,
    /// For the name, from anywhere.
    from_anywhere: Vec<u8>,
    /// The name, as the audit trail knows it.
    identifier: Option<IdentifierHash>,
}

/// What a login may do.
pub(super) enum Admission {
    /// Its password is looked at.
    Admitted {
        /// Whether there were wrong ones before, which a right one forgives.
        failed_before: bool,
    },
    /// Nothing is looked at for so long.
    Wait(TimeDelta),
}

impl Throttle {
    /// Names the counts of a login.
    pub(super) fn of(core: &Core, identifier: &Identifier, origin: &RequestOrigin) -> Result<Self, UnknownKey> {
        let name = name_of(identifier);
        let network = origin.ip.map(|ip| network_of(ip).to_string()).unwrap_or_default();
        Ok(Self {
            from_network: core.subjects.hash(&format!("password {network} {name}"))?,
            from_anywhere: core.subjects.hash(&format!("password anywhere {name}"))?,
            identifier: identifier_hash(core, identifier)?,
        })
    }

    /// Adds the name that was given.
    pub(super) fn naming(&self, event: AuditEvent) -> AuditEvent {
        AuditEvent {
            identifier_hash: self.identifier,
            ..event
        }
    }

    /// Tells whether a password is looked at now.
    pub(super) fn admit(
        &self,
        connection: &mut PgConnection,
        user_id: Option<UserId>,
        (origin, now): (&RequestOrigin, DateTime<Utc>),
    ) -> Result<Admission, Fault> {
        let here = throttles::find(connection, &self.from_network)?;
        if let Some(wait) = here.wait(now) {
            return Ok(Admission::Wait(wait));
        }
        let anywhere = throttles::find(connection, &self.from_anywhere)?;
        if let Some(wait) = anywhere.wait(now)
            && !is_at_home(connection, user_id, (origin, now))?
        {
            return Ok(Admission::Wait(wait));
        }
        Ok(Admission::Admitted {
            failed_before: here.count > 0,
        })
    }

    /// Counts a wrong password, and writes down the waits that it begins: once each, whatever comes while they last. Returns
    /// how long to wait if another one began a wait a moment before; this one is then not told, nor counted on its account.
    pub(super) fn count(
        &self,
        core: &Core,
        connection: &mut PgConnection,
        user_id: Option<UserId>,
        (origin, now): (&RequestOrigin, DateTime<Utc>),
    ) -> Result<Option<TimeDelta>, Fault> {
        let (mut locks, mut goes_on) = (Vec::new(), None);
        for (key, curve, place) in [
            (&self.from_network, Curve::PASSWORD_FROM_NETWORK, "from_network"),
            (&self.from_anywhere, Curve::PASSWORD_FROM_ANYWHERE, ANYWHERE),
        ] {
            match throttles::count(connection, key, curve, now)? {
                Counted::Free => {}
                Counted::Began => {
                    locks.push(self.naming(AuditEvent::failure(EventName::LoginLock, place, user_id)));
                }
                // The owner's network passes the wait of all others.
                Counted::Waits(_) if place == ANYWHERE && is_at_home(connection, user_id, (origin, now))? => {}
                Counted::Waits(wait) => {
                    goes_on = Some(wait);
                    break;
                }
            }
        }
        core.audit(connection, &locks, origin, now)?;
        if goes_on.is_none() {
            count_on_account(core, connection, user_id, (origin, now))?;
        }
        Ok(goes_on)
    }

    /// Forgives the wrong ones from this network after a right one. Those from elsewhere were somebody else's, and go by
    /// time.
    pub(super) fn forgive(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        Ok(throttles::forget(connection, &self.from_network)?)
    }
}

/// Counts a wrong password on its account, if it is an account's, whatever it was given for. The hundredth in a row disables
/// the password, and its owner is told. Of many at once, one is the hundredth: each holds the account.
pub(super) fn count_on_account(
    core: &Core,
    connection: &mut PgConnection,
    user_id: Option<UserId>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<(), Fault> {
    // A name that nobody has costs the same statement.
    let Some((id, in_a_row)) = users::count_wrong_password(connection, user_id)? else {
        return Ok(());
    };
    if !failed_attempts::is_over(in_a_row) || !users::disable_password(connection, id, now)? {
        return Ok(());
    }
    let event = AuditEvent::failure(EventName::LoginFailMax, "password_disabled", Some(id));
    core.audit(connection, &[event], origin, now)?;
    match users::find_active(connection, id)? {
        Some(owner) => tell(core, connection, &owner, Message::PasswordDisabled, origin, now),
        None => Ok(()),
    }
}

/// Hashes a name that was given, so that the audit trail tells guesses at one name from guesses at many and names nobody.
pub(super) fn identifier_hash(core: &Core, identifier: &Identifier) -> Result<Option<IdentifierHash>, UnknownKey> {
    let hash = core.subjects.hash(&format!("identifier {}", name_of(identifier)))?;
    Ok(hash.try_into().ok())
}

fn name_of(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Email(email) => format!("email {}", email.as_str()),
        Identifier::Username(username) => format!("username {}", username.as_str()),
    }
}

/// Tells the hashing queue who asks for an account's password. A name without an account costs the same statement.
pub(super) fn requester(
    connection: &mut PgConnection,
    user_id: Option<UserId>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<Requester, Fault> {
    // No account has the nil id.
    let user_id = user_id.unwrap_or(UserId::from_uuid(Uuid::nil()));
    Ok(if is_at_home(connection, Some(user_id), (origin, now))? {
        Requester::known(origin.ip)
    } else {
        Requester::stranger(origin.ip)
    })
}

/// Tells whether a request comes from a network that the user signed in from lately.
fn is_at_home(
    connection: &mut PgConnection,
    user_id: Option<UserId>,
    (origin, now): (&RequestOrigin, DateTime<Utc>),
) -> Result<bool, Fault> {
    let (Some(user_id), Some(ip)) = (user_id, origin.ip) else {
        return Ok(false);
    };
    let known = sessions::origins_since(connection, user_id, None, now - KNOWN_FOR)?;
    let network = network_of(ip);
    Ok(known.iter().any(|known| known.ip.map(network_of) == Some(network)))
}
