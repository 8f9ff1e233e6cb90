//! Protection against guessing: how often wrong proofs are checked, and which sources have to wait.
//!
//! Waits apply to the source of the wrong proofs: at sign-in the account (or the given name) together with the network,
//! and in a session the session. All sources of a sign-in together have another count, but networks that the owner
//! signed in from recently are exempt from its wait. So an attacker who guesses makes themselves wait, and not the
//! owner.
//!
//! An owner on a network that is new to them would wait as long as the attack lasts. A client that computes is let through
//! that wait, and through no other one: the owner computes once, the attacker for each guess.
//!
//! Names with and without an account are counted alike. The counts are in the database, so that all instances share
//! them and a restart does not reset them. Attempts during a wait do not prolong it.
//!
//! These counts expire with time. In addition, wrong proofs are counted on the account until a right one comes: the
//! hundredth consecutive one disables the password until a new one is set (NIST SP 800-63B-4 §3.2.2). That count
//! includes all sources, and strangers use up no more than half of it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::crypto::keyring::UnknownKey;
use crate::domain::audit_event::{AuditEvent, EventName, IdentifierHash, RequestOrigin};
use crate::domain::failed_attempts::{ANYWHERE, FOR_WORK, FROM_NETWORK, FailedAttempts, Guesser, IN_SESSION};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::network::network_of;
use crate::domain::policy::numbers::{BackoffPolicy, FAILURES_FORGOTTEN_AFTER};
use crate::domain::session::SessionKey;
use crate::domain::user::Identifier;
use crate::domain::work::{Difficulty, SignedWorkChallenge, Work};
use crate::flows::limits::networks::{guesser, network_name};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::metrics;
use crate::store::throttles::Counted;
use crate::store::{quotas, sessions, throttles};

/// Where the proof of a known account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flows) enum ProofSource {
    /// A pending login: the network of the request decides.
    SignIn,
    /// A signed-in session.
    Session,
}

/// How long nothing from a source is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is left of the wait.
    pub remaining: TimeDelta,
    /// What a client may do in its place. Absent where the wait is of the source's own making.
    pub challenge: Option<SignedWorkChallenge>,
}

/// One count of wrong proofs.
#[derive(Clone)]
struct Bucket {
    key: Vec<u8>,
    policy: BackoffPolicy,
    /// Its name in the audit trail.
    place: &'static str,
}

/// The counts of all sources of one sign-in together.
#[derive(Clone)]
struct Shared {
    /// Those that make strangers wait.
    anywhere: Bucket,
    /// Those that were checked during that wait, because of work. They make the next work harder.
    for_work: Bucket,
}

impl Shared {
    fn new(key: Vec<u8>, policy: BackoffPolicy, for_work: Vec<u8>) -> Self {
        Self {
            anywhere: Bucket {
                key,
                policy,
                place: ANYWHERE,
            },
            for_work: Bucket {
                key: for_work,
                policy: BackoffPolicy::FOR_WORK,
                place: FOR_WORK,
            },
        }
    }
}

/// The counts that apply to one proof: that of its source and, at sign-in, those of all sources together.
#[derive(Clone)]
pub(in crate::flows) struct Buckets {
    source: Bucket,
    shared: Option<Shared>,
    /// Whether the request may bring work: a challenge is of no use otherwise.
    takes_work: bool,
    /// The work that came with the proof.
    work: Option<Work>,
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
    pub(in crate::flows) fn of_codes(
        tx: &Tx<'_>,
        source: ProofSource,
        key: SessionKey,
        work: Option<Work>,
    ) -> Result<Self, UnknownKey> {
        let hash = |place: &str| code_count(tx.core, key.user_id, place);
        match source {
            ProofSource::SignIn => Ok(Self {
                source: Bucket {
                    key: hash(&network_name(tx.origin))?,
                    policy: BackoffPolicy::CODES_FROM_NETWORK,
                    place: FROM_NETWORK,
                },
                shared: Some(Shared::new(
                    hash("anywhere")?,
                    BackoffPolicy::CODES_FROM_ANYWHERE,
                    hash("for work")?,
                )),
                takes_work: true,
                work,
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
            shared: None,
            takes_work: false,
            work: None,
        })
    }

    fn of_passwords(core: &Core, identifier: &Identifier, origin: &RequestOrigin) -> Result<Self, UnknownKey> {
        let name = name_of(identifier);
        let hash = |place: &str| core.identifier_hasher.hash(&format!("password {place} {name}"));
        Ok(Self {
            source: Bucket {
                key: hash(&network_name(origin))?,
                policy: BackoffPolicy::PASSWORD_FROM_NETWORK,
                place: FROM_NETWORK,
            },
            shared: Some(Shared::new(
                hash("anywhere")?,
                BackoffPolicy::PASSWORD_FROM_ANYWHERE,
                hash("for work")?,
            )),
            takes_work: false,
            work: None,
        })
    }

    /// Reads the counts, in one statement.
    pub(in crate::flows) fn look(self, tx: &mut Tx<'_>) -> Result<Guard, Fault> {
        let shared = self.shared.iter();
        let keys: Vec<&[u8]> = std::iter::once(&self.source)
            .chain(shared.flat_map(|shared| [&shared.anywhere, &shared.for_work]))
            .map(|bucket| bucket.key.as_slice())
            .collect();
        let found = throttles::find(tx.connection, &keys)?;
        let count = |bucket: &Bucket| found.get(&bucket.key).copied().unwrap_or_default();
        Ok(Guard {
            source: count(&self.source),
            anywhere: self.shared.as_ref().map(|shared| count(&shared.anywhere)),
            for_work: self.shared.as_ref().map(|shared| count(&shared.for_work)),
            passage: Passage::Free,
            guesser: None,
            buckets: self,
        })
    }

    /// Counts a wrong proof. Attempts during a wait are not counted, so each wait is begun by one of them. One that was
    /// checked because of work is counted as such, and prolongs no wait. A known network is exempt from the wait of all
    /// networks together.
    fn count(&self, tx: &mut Tx<'_>, passage: Passage, guesser: Option<Guesser>) -> Result<Tally, Fault> {
        let mut began = Vec::new();
        let shared = self.shared.as_ref().map(|shared| match passage {
            Passage::Free => &shared.anywhere,
            Passage::ForWork => &shared.for_work,
        });
        for bucket in std::iter::once(&self.source).chain(shared) {
            match throttles::count(tx.connection, &bucket.key, bucket.policy, tx.now)? {
                Counted::Free => {}
                Counted::Began => began.push(bucket.place),
                Counted::Waits(_) if bucket.place == ANYWHERE && guesser == Some(Guesser::Known) => {}
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

/// Why a proof is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flows) enum Passage {
    /// It need not wait.
    Free,
    /// All sources together have to wait, and work came with it.
    ForWork,
}

/// The counts that apply to one proof, as they were when it came.
pub(in crate::flows) struct Guard {
    buckets: Buckets,
    source: FailedAttempts,
    anywhere: Option<FailedAttempts>,
    for_work: Option<FailedAttempts>,
    passage: Passage,
    /// Who gives the proof, if that decided whether it is checked: all sources together have to wait.
    guesser: Option<Guesser>,
}

impl Guard {
    /// Returns how long proofs from this source are refused without a check, because of wrong ones from this source.
    pub(in crate::flows) fn own_wait(&self, now: DateTime<Utc>) -> Option<Wait> {
        self.source.wait(now).map(|remaining| Wait {
            remaining,
            challenge: None,
        })
    }

    /// Decides whether a proof is checked. `Err`: how long none is.
    pub(in crate::flows) fn admit(
        mut self,
        tx: &mut Tx<'_>,
        user_id: Option<UserId>,
    ) -> Result<Result<Self, Wait>, Fault> {
        if let Some(wait) = self.own_wait(tx.now) {
            return Ok(Err(wait));
        }
        let Some(remaining) = self.anywhere.and_then(|anywhere| anywhere.wait(tx.now)) else {
            return Ok(Ok(self));
        };
        let guesser = guesser(tx, user_id)?;
        self.guesser = Some(guesser);
        if guesser == Guesser::Stranger {
            if let Err(wait) = self.compare_work(tx, remaining)? {
                return Ok(Err(wait));
            }
            self.passage = Passage::ForWork;
        }
        Ok(Ok(self))
    }

    /// Decides whether enough work came with a proof. It must be as much as is asked for now: an attacker could
    /// otherwise collect challenges while they are easy.
    fn compare_work(&self, tx: &Tx<'_>, remaining: TimeDelta) -> Result<Result<(), Wait>, Fault> {
        let failures = self.for_work.unwrap_or_default();
        let asked = Difficulty::after(failures.remembered(BackoffPolicy::FOR_WORK, tx.now));
        if self.buckets.work.is_some_and(|work| work.difficulty >= asked) {
            return Ok(Ok(()));
        }
        let challenge = self.challenge(tx, asked)?;
        Ok(Err(Wait { remaining, challenge }))
    }

    fn challenge(&self, tx: &Tx<'_>, asked: Difficulty) -> Result<Option<SignedWorkChallenge>, UnknownKey> {
        let shared = self.buckets.shared.as_ref().filter(|_| self.buckets.takes_work);
        let issue = |shared: &Shared| {
            metrics::work("asked");
            let random = tx.core.random.as_ref();
            tx.core.work.issue(&shared.anywhere.key, asked, tx.now, random)
        };
        shared.map(issue).transpose()
    }

    /// Spends the work that a proof is checked for. `Err`: it was spent before, so the proof waits like one without.
    /// Of several requests with the same work, one spends it.
    pub(in crate::flows) fn spend(&self, tx: &mut Tx<'_>) -> Result<Result<(), Wait>, Fault> {
        let Some(work) = self.buckets.work.filter(|_| self.passage == Passage::ForWork) else {
            return Ok(Ok(()));
        };
        if quotas::take(tx.connection, &work.id, work.window(), 1)? {
            metrics::work("done");
            return Ok(Ok(()));
        }
        metrics::work("repeated");
        let anywhere = self.anywhere.and_then(|anywhere| anywhere.wait(tx.now));
        let challenge = self.challenge(tx, work.difficulty)?;
        Ok(Err(Wait {
            remaining: anywhere.unwrap_or_default(),
            challenge,
        }))
    }

    /// Counts a wrong proof, here and in the database.
    pub(in crate::flows) fn count(&mut self, tx: &mut Tx<'_>) -> Result<Tally, Fault> {
        let tally = self.buckets.count(tx, self.passage, self.guesser)?;
        self.source = self.source.with_one_more(self.buckets.source.policy, tx.now);
        if let (Some(shared), Some(anywhere)) = (&self.buckets.shared, &mut self.anywhere)
            && anywhere.wait(tx.now).is_none()
        {
            *anywhere = anywhere.with_one_more(shared.anywhere.policy, tx.now);
        }
        Ok(tally)
    }

    /// Returns the number of wrong proofs: that of the source or that of all sources together, whichever is higher.
    pub(in crate::flows) fn failed(&self) -> i32 {
        self.source.count.max(self.anywhere.unwrap_or_default().count)
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
#[derive(Clone)]
pub(in crate::flows) struct Throttle {
    buckets: Buckets,
    /// The hash of the name, for the audit trail.
    identifier: Option<IdentifierHash>,
}

/// Whether a login may be checked.
pub(in crate::flows) enum Admission {
    /// Its password is checked.
    Admitted {
        /// Why.
        passage: Passage,
        /// Whether there were wrong ones before, which a right one resets.
        failed_before: bool,
        /// Who gives it.
        guesser: Guesser,
    },
    /// No password is checked for this long.
    Wait(Wait),
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

    /// Adds what a client sent as work. What is not work for this name counts as absent, so the login waits like any
    /// other.
    #[must_use]
    pub(in crate::flows) fn with_work(mut self, core: &Core, solution: Option<&str>) -> Self {
        let shared = self.buckets.shared.as_ref();
        self.buckets.takes_work = true;
        self.buckets.work = shared.and_then(|shared| checked_work(core, &shared.anywhere.key, solution));
        self
    }

    /// Forgets work that was not needed, and so not spent. If a wait begins while the password is hashed, it must not
    /// count: many requests that were let through together could share it.
    #[must_use]
    pub(in crate::flows) fn without_work(&self) -> Self {
        let mut throttle = self.clone();
        throttle.buckets.work = None;
        throttle
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
        Ok(match self.buckets.clone().look(tx)?.admit(tx, user_id)? {
            Err(wait) => Admission::Wait(wait),
            Ok(guard) => Admission::Admitted {
                passage: guard.passage,
                failed_before: guard.source.count > 0,
                guesser: guesser(tx, user_id)?,
            },
        })
    }

    /// Spends the work that a password is checked for, before it is hashed. Returns how long to wait if it was spent
    /// before, or is not enough any longer; otherwise the counts that apply afterwards. If the wait has ended meanwhile,
    /// nothing is spent, and the work must not pay for a wait that another attempt begins before this one is counted.
    pub(in crate::flows) fn spend_work(
        &self,
        tx: &mut Tx<'_>,
        user_id: Option<UserId>,
    ) -> Result<Result<Self, Wait>, Fault> {
        let guard = match self.buckets.clone().look(tx)?.admit(tx, user_id)? {
            Ok(guard) => guard,
            Err(wait) => return Ok(Err(wait)),
        };
        if guard.passage == Passage::Free {
            return Ok(Ok(self.without_work()));
        }
        Ok(guard.spend(tx)?.map(|_spent| self.clone()))
    }

    /// Counts a wrong password, and writes audit events for the waits that it begins. Returns how long to wait if a
    /// concurrent attempt began a wait; the client then learns nothing about this one.
    pub(in crate::flows) fn count(
        &self,
        tx: &mut Tx<'_>,
        user_id: Option<UserId>,
        passage: Passage,
        guesser: Guesser,
    ) -> Result<Option<Wait>, Fault> {
        let tally = self.buckets.count(tx, passage, Some(guesser))?;
        let lock = |place| self.naming(AuditEvent::failure(EventName::LoginLock, place, user_id));
        let locks: Vec<AuditEvent> = tally.began.into_iter().map(lock).collect();
        tx.audit(&locks)?;
        // Which wait it was does not matter: the next request is told.
        Ok(tally.remaining_wait.map(|remaining| Wait {
            remaining,
            challenge: None,
        }))
    }

    /// Resets the wrong passwords from this network after a right one. Those from other networks may be an attacker's,
    /// and expire with time.
    pub(in crate::flows) fn reset_failures(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        Ok(throttles::forget(tx.connection, &[&self.buckets.source.key])?)
    }
}

/// Checks what a client sent as work for codes of an account. Takes no connection, so that none is held meanwhile.
pub(in crate::flows) fn work_on_codes(
    core: &Core,
    user_id: UserId,
    solution: Option<&str>,
) -> Result<Option<Work>, UnknownKey> {
    let count = code_count(core, user_id, "anywhere")?;
    Ok(checked_work(core, &count, solution))
}

fn checked_work(core: &Core, count: &[u8], solution: Option<&str>) -> Option<Work> {
    let work = core.work.check(count, solution?, core.clock.now());
    if work.is_none() {
        metrics::work("refused");
    }
    work
}

/// Resets the wrong second factors of an account whose factors were removed, for all networks that its logins
/// of the last day came from: an owner who sets up the next factor must not wait because of guesses at the old one.
pub(in crate::flows) fn forget_codes(tx: &mut Tx<'_>, user_id: UserId) -> Result<(), Fault> {
    let addresses = sessions::addresses_since(tx.connection, user_id, tx.now - FAILURES_FORGOTTEN_AFTER)?;
    let networks: BTreeSet<String> = addresses.into_iter().map(|ip| network_of(ip).to_string()).collect();
    let shared = ["", "anywhere", "for work"].map(str::to_owned);
    let keys: Result<Vec<Vec<u8>>, UnknownKey> = networks
        .into_iter()
        .chain(shared)
        .map(|place| code_count(tx.core, user_id, &place))
        .collect();
    let keys = keys?;
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    Ok(throttles::forget(tx.connection, &keys)?)
}

fn code_count(core: &Core, user_id: UserId, place: &str) -> Result<Vec<u8>, UnknownKey> {
    core.identifier_hasher
        .hash(&format!("codes {} {place}", user_id.uuid()))
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
