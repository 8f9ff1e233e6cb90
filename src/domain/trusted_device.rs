//! Trusted devices: browsers and apps on which a second factor was given, and which spare their user the second factor
//! of the next logins.
//!
//! The password is checked as ever. Nothing of the address or the program decides: both are for the owner to read.

use chrono::{DateTime, TimeDelta, Utc};

use super::factor::FactorKind;
use super::ids::{TrustedDeviceId, UserId};
use super::roles;
use super::session::{RefreshSeries, SessionOrigin};
use super::user::User;

/// Names a trusted device by its user and its id, as a device token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    /// Its user.
    pub user_id: UserId,
    /// Its id.
    pub device_id: TrustedDeviceId,
}

/// A trusted device.
#[derive(Clone, Debug)]
pub struct TrustedDevice {
    /// What its tokens name.
    pub key: DeviceKey,
    /// Its device tokens, which rotate as refresh tokens do.
    pub tokens: RefreshSeries,
    /// When it was trusted.
    pub created_at: DateTime<Utc>,
    /// The end that use does not move.
    pub expires_at: DateTime<Utc>,
    /// When it last spared its user the second factor.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Where it was trusted.
    pub origin: SessionOrigin,
}

/// Whether and for how long the deployment trusts devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    /// How long a device is trusted; zero if none is.
    pub ttl: TimeDelta,
}

impl TrustPolicy {
    /// Returns how long a device is trusted. `None`: none is.
    pub fn offered(self) -> Option<TimeDelta> {
        (self.ttl > TimeDelta::zero()).then_some(self.ttl)
    }

    /// Returns the days for which a device is trusted, of which the last may not be a whole one.
    pub fn days(self) -> i64 {
        let whole = self.ttl.num_days();
        if TimeDelta::days(whole) < self.ttl {
            whole + 1
        } else {
            whole
        }
    }

    /// Returns whether devices can spare a user the second factor. An administrator proves one at each sign-in. Without a
    /// password there is no login for which a device is asked.
    pub fn applies_to(self, user: &User) -> bool {
        self.offered().is_some() && user.has_password && !roles::is_administrator(&user.roles)
    }

    /// Returns whether a user who has just given a factor of a kind can trust the device.
    pub fn allows(self, user: &User, kind: FactorKind) -> bool {
        self.applies_to(user) && kind.abilities().trusts_devices
    }

    /// Returns when a device must have been trusted to count `now`. An operator who shortens the time, or trusts no
    /// device any longer, thereby ends those that are trusted already.
    pub fn trusted_after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.ttl
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::app_claims::AppClaims;
    use crate::domain::message::Locale;

    fn user(roles: &[&str]) -> User {
        User {
            id: UserId::from_uuid(Uuid::from_u128(1)),
            email: None,
            email_verified_at: None,
            username: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            claims: AppClaims::default(),
            created_at: DateTime::UNIX_EPOCH,
            locale: Locale::En,
            has_password: true,
        }
    }

    #[test]
    fn only_something_that_the_user_has_and_will_keep_lets_them_trust_a_device() {
        let on = TrustPolicy {
            ttl: TimeDelta::days(30),
        };
        let off = TrustPolicy { ttl: TimeDelta::zero() };
        for kind in FactorKind::ALL {
            let is_held = kind.abilities().method.is_held();
            let expected = is_held && kind != FactorKind::RecoveryCodes;
            assert_eq!(on.allows(&user(&["editor"]), kind), expected, "{kind:?}");
            assert!(!on.allows(&user(&["editor", "admin"]), kind), "{kind:?}");
            assert!(!off.allows(&user(&[]), kind), "{kind:?}");
            let without_password = User {
                has_password: false,
                ..user(&[])
            };
            assert!(!on.allows(&without_password, kind), "{kind:?}");
        }
        assert_eq!(off.offered(), None);
        assert_eq!(on.days(), 30);
        assert_eq!(
            TrustPolicy {
                ttl: TimeDelta::hours(25)
            }
            .days(),
            2
        );
    }
}
