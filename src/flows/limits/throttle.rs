//! Protection against guessing: how often wrong proofs are checked, and which sources have to wait.
//!
//! Waits apply to the source of the wrong proofs: at sign-in the account (or the given name) together with the network,
//! and in a session the session. All sources of a sign-in together have another count, but networks that the owner
//! signed in from recently are exempt from its wait. So an attacker who guesses makes themselves wait, and not the
//! owner.
//!
//! Names with and without an account are counted alike. The counts are in the database, so that all instances share
//! them and a restart does not reset them. Attempts during a wait do not prolong it.
//!
//! These counts expire with time. In addition, wrong proofs are counted on the account until a right one comes: the
//! hundredth consecutive one disables the password until a new one is set (NIST SP 800-63B-4 §3.2.2). That count
//! includes all sources.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::crypto::keyring::UnknownKey;
use crate::domain::audit_event::{AuditEvent, EventName, IdentifierHash, RequestOrigin};
use crate::domain::failed_attempts::{ANYWHERE, FROM_NETWORK, FailedAttempts, IN_SESSION};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::network::network_of;
use crate::domain::policy::numbers::{BackoffPolicy, FAILURES_FORGOTTEN_AFTER};
use crate::domain::session::SessionKey;
use crate::domain::user::Identifier;
use crate::flows::limits::networks::{is_known_network, network_name};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::throttles::Counted;
use crate::store::{sessions, throttles};

/// Where the proof of a known account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flows) enum ProofSource {
    /// A pending login: the network of the request decides.
    SignIn,
    /// A signed-in session.
    Session,
}

/// One count of wrong proofs.
#[derive(Clone)]
struct Bucket {
    key: Vec<u8>,
    policy: BackoffPolicy,
    /// Its name in the audit trail.
    place: &'static str,
}

/// The counts that apply to one proof: that of its source and, at sign-in, that of all sources together.
#[derive(Clone)]
pub(in crate::flows) struct Buckets {
    source: Bucket,
    anywhere: Option<Bucket>,
}

/// The result of counting a wrong proof.
pub(in crate::flows) struct Tally {
    /// The counts in which it began a wait, by their names in the audit trail.
    pub(in crate::flows) began: Vec<&'static str>,
    /// A concurrent attempt began a wait, of which this much remains: this one was not counted.
    pub(in crate::flows) remaining_wait: Option<TimeDelta>,
}

impl Buckets {
    /// Selects the counts of second factors: at sign-in those of the account and the network, otherwise that of the
    /// session.
    pub(in crate::flows) fn of_codes(tx: &Tx<'_>, source: ProofSource, key: SessionKey) -> Result<Self, UnknownKey> {
        let hash = |place: &str| tx.core.identifier_hasher.hash(&codes_from(key.user_id, place));
        match source {
            ProofSource::SignIn => Ok(Self {
                source: Bucket {
                    key: hash(&network_name(tx.origin))?,
                    policy: BackoffPolicy::CODES_FROM_NETWORK,
                    place: FROM_NETWORK,
                },
                anywhere: Some(Bucket {
                    key: hash("anywhere")?,
                    policy: BackoffPolicy::CODES_FROM_ANYWHERE,
                    place: ANYWHERE,
                }),
            }),
            ProofSource::Session => Self::of_session(tx.core, "codes", key.session_id),
        }
    }

    /// Selects the count of wrong current passwords in a session. It is separate from the count of codes, so that a
    /// right password is accepted while codes have to wait.
    pub(in crate::flows) fn of_session_passwords(core: &Core, session_id: SessionId) -> Result<Self, UnknownKey> {
        Self::of_session(core, "passwords", session_id)
    }

    fn of_session(core: &Core, what: &str, session_id: SessionId) -> Result<Self, UnknownKey> {
        Ok(Self {
            source: Bucket {
                key: core
                    .identifier_hasher
                    .hash(&format!("session {what} {}", session_id.uuid()))?,
                policy: BackoffPolicy::IN_SESSION,
                place: IN_SESSION,
            },
            anywhere: None,
        })
    }

    fn of_passwords(core: &Core, identifier: &Identifier, origin: &RequestOrigin) -> Result<Self, UnknownKey> {
        let (name, network) = (name_of(identifier), network_name(origin));
        Ok(Self {
            source: Bucket {
                key: core.identifier_hasher.hash(&format!("password {network} {name}"))?,
                policy: BackoffPolicy::PASSWORD_FROM_NETWORK,
                place: FROM_NETWORK,
            },
            anywhere: Some(Bucket {
                key: core.identifier_hasher.hash(&format!("password anywhere {name}"))?,
                policy: BackoffPolicy::PASSWORD_FROM_ANYWHERE,
                place: ANYWHERE,
            }),
        })
    }

    fn all(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::once(&self.source).chain(&self.anywhere)
    }

    /// Reads the counts, in one statement.
    pub(in crate::flows) fn look(self, tx: &mut Tx<'_>) -> Result<Guard, Fault> {
        let keys: Vec<&[u8]> = self.all().map(|bucket| bucket.key.as_slice()).collect();
        let found = throttles::find(tx.connection, &keys)?;
        let count = |bucket: &Bucket| found.get(&bucket.key).copied().unwrap_or_default();
        Ok(Guard {
            source: count(&self.source),
            anywhere: self.anywhere.as_ref().map(count).unwrap_or_default(),
            buckets: self,
        })
    }

    /// Counts a wrong proof. Attempts during a wait are not counted, so each wait is begun by one of them.
    fn count(&self, tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Tally, Fault> {
        let mut began = Vec::new();
        for bucket in self.all() {
            match throttles::count(tx.connection, &bucket.key, bucket.policy, tx.now)? {
                Counted::Free => {}
                Counted::Began => began.push(bucket.place),
                // A known network is exempt from the wait of all networks together.
                Counted::Waits(_) if bucket.place == ANYWHERE && is_known_network(tx, user_id)? => {}
                Counted::Waits(wait) => {
                    let remaining_wait = Some(wait);
                    return Ok(Tally { began, remaining_wait });
                }
            }
        }
        Ok(Tally {
            began,
            remaining_wait: None,
        })
    }
}

/// The counts that apply to one proof, as they were when it came.
pub(in crate::flows) struct Guard {
    buckets: Buckets,
    source: FailedAttempts,
    anywhere: FailedAttempts,
}

impl Guard {
    /// Returns how long proofs from this source are refused without a check.
    pub(in crate::flows) fn wait(&self, tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Option<TimeDelta>, Fault> {
        if let Some(wait) = self.source.wait(tx.now) {
            return Ok(Some(wait));
        }
        match self.anywhere.wait(tx.now) {
            Some(wait) if !is_known_network(tx, user_id)? => Ok(Some(wait)),
            _ => Ok(None),
        }
    }

    /// Counts a wrong proof, here and in the database.
    pub(in crate::flows) fn count(&mut self, tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Tally, Fault> {
        let tally = self.buckets.count(tx, user_id)?;
        self.source = self.source.with_one_more(self.buckets.source.policy, tx.now);
        if let Some(bucket) = &self.buckets.anywhere
            && self.anywhere.wait(tx.now).is_none()
        {
            self.anywhere = self.anywhere.with_one_more(bucket.policy, tx.now);
        }
        Ok(tally)
    }

    /// Returns the number of wrong proofs: that of the source or that of all sources together, whichever is higher.
    pub(in crate::flows) fn failed(&self) -> i32 {
        self.source.count.max(self.anywhere.count)
    }

    /// Resets the wrong proofs of this source after a right one. Those of other sources may be an attacker's, and
    /// expire with time.
    pub(in crate::flows) fn reset_failures(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if self.source.count > 0 {
            throttles::forget(tx.connection, &[&self.buckets.source.key])?;
        }
        Ok(())
    }
}

/// The counts that apply to one login, for the given name.
pub(in crate::flows) struct Throttle {
    buckets: Buckets,
    /// The hash of the name, for the audit trail.
    identifier: Option<IdentifierHash>,
}

/// Whether a login may be checked.
pub(in crate::flows) enum Admission {
    /// Its password is checked.
    Admitted {
        /// Whether there were wrong ones before, which a right one resets.
        failed_before: bool,
    },
    /// No password is checked for this long.
    Wait(TimeDelta),
}

impl Throttle {
    /// Selects the counts of a login.
    pub(in crate::flows) fn of(
        core: &Core,
        identifier: &Identifier,
        origin: &RequestOrigin,
    ) -> Result<Self, UnknownKey> {
        Ok(Self {
            buckets: Buckets::of_passwords(core, identifier, origin)?,
            identifier: identifier_hash(core, identifier)?,
        })
    }

    /// Adds the hash of the given name to an event.
    pub(in crate::flows) fn naming(&self, event: AuditEvent) -> AuditEvent {
        AuditEvent {
            identifier_hash: self.identifier,
            ..event
        }
    }

    /// Returns whether a password may be checked now.
    pub(in crate::flows) fn admit(&self, tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Admission, Fault> {
        let guard = self.buckets.clone().look(tx)?;
        Ok(match guard.wait(tx, user_id)? {
            Some(wait) => Admission::Wait(wait),
            None => Admission::Admitted {
                failed_before: guard.source.count > 0,
            },
        })
    }

    /// Counts a wrong password, and writes audit events for the waits that it begins. Returns how long to wait if a
    /// concurrent attempt began a wait; the client then learns nothing about this one.
    pub(in crate::flows) fn count(&self, tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Option<TimeDelta>, Fault> {
        let tally = self.buckets.count(tx, user_id)?;
        let lock = |place| self.naming(AuditEvent::failure(EventName::LoginLock, place, user_id));
        let locks: Vec<AuditEvent> = tally.began.into_iter().map(lock).collect();
        tx.audit(&locks)?;
        Ok(tally.remaining_wait)
    }

    /// Resets the wrong passwords from this network after a right one. Those from other networks may be an attacker's,
    /// and expire with time.
    pub(in crate::flows) fn reset_failures(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        Ok(throttles::forget(tx.connection, &[&self.buckets.source.key])?)
    }
}

/// Resets the wrong second factors of an account whose factors were removed, for all networks that its logins
/// of the last day came from: an owner who sets up the next factor must not wait because of guesses at the old one.
pub(in crate::flows) fn forget_codes(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    let addresses = sessions::addresses_since(tx.connection, user_id, tx.now - FAILURES_FORGOTTEN_AFTER)?;
    let networks: BTreeSet<String> = addresses.into_iter().map(|ip| network_of(ip).to_string()).collect();
    let places = networks.into_iter().chain([String::new(), "anywhere".to_owned()]);
    let keys: Result<Vec<Vec<u8>>, UnknownKey> = places
        .map(|place| tx.core.identifier_hasher.hash(&codes_from(user_id, &place)))
        .collect();
    let keys = keys?;
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    Ok(throttles::forget(tx.connection, &keys)?)
}

fn codes_from(user_id: UserId, place: &str) -> String {
    format!("codes {} {place}", user_id.uuid())
}

/// Hashes a given name, so that the audit trail distinguishes guesses at one name from guesses at many without
/// containing the name.
pub(in crate::flows) fn identifier_hash(
    core: &Core,
    identifier: &Identifier,
) -> Result<Option<IdentifierHash>, UnknownKey> {
    let hash = core
        .identifier_hasher
        .hash(&format!("identifier {}", name_of(identifier)))?;
    Ok(hash.try_into().ok())
}

fn name_of(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Email(email) => format!("email {}", email.as_str()),
        Identifier::Username(username) => format!("username {}", username.as_str()),
    }
}
