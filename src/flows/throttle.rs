//! Guessing passwords: how often, for one name, from one network and from anywhere.
//!
//! Names that have an account and names that have none are counted alike, in the database, so that all instances count
//! together and a restart forgives nothing. A wait is never prolonged by attempts made in it. Strangers who guess from
//! everywhere cannot keep out an owner who comes from a network that they signed in from lately.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, Fault};
use crate::crypto::keyring::UnknownKey;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::failed_attempts::Curve;
use crate::domain::ids::UserId;
use crate::domain::network::network_of;
use crate::domain::user::Identifier;
use crate::store::{PgConnection, sessions, throttles};

/// How long a network is the owner's after a sign-in from there.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);

/// The counts that one login goes by.
pub(super) struct Throttle {
    /// For the name, from the network of the request.
    from_network: Vec<u8>,
    /// For the name, from anywhere.
    from_anywhere: Vec<u8>,
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
        let name = match identifier {
            Identifier::Email(email) => format!("email {}", email.as_str()),
            Identifier::Username(username) => format!("username {}", username.as_str()),
        };
        let network = origin.ip.map(|ip| network_of(ip).to_string()).unwrap_or_default();
        Ok(Self {
            from_network: core.subjects.hash(&format!("password {network} {name}"))?,
            from_anywhere: core.subjects.hash(&format!("password anywhere {name}"))?,
        })
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

    /// Counts a wrong password.
    pub(super) fn count(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Fault> {
        throttles::count(connection, &self.from_network, Curve::PASSWORD_FROM_NETWORK, now)?;
        throttles::count(connection, &self.from_anywhere, Curve::PASSWORD_FROM_ANYWHERE, now)?;
        Ok(())
    }

    /// Forgives the wrong ones from this network after a right one. Those from elsewhere were somebody else's, and go by
    /// time.
    pub(super) fn forgive(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        Ok(throttles::forget(connection, &self.from_network)?)
    }
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
