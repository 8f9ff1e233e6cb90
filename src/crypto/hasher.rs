//! Password hashing: peppered bcrypt on dedicated threads, behind a bounded and fair queue.
//!
//! All new hashes use this one scheme. Hashes from other programs are checked here as well, on the same threads, until
//! a new hash is made at their owner's next login.
//!
//! By design, a hash takes a quarter of a second of a core. It therefore never runs on the threads that serve requests
//! or queries, so that a flood of logins slows down logins only. A few threads with low priority do the work
//! ([`HashThreads`]), several passwords at a time in each ([`hash_lanes`](super::hash_lanes)). The requests that wait
//! for a lane are served in turn by network ([`fair_queue`](super::fair_queue)).

use std::num::NonZeroUsize;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD};
use base64::{Engine, alphabet};
use bcrypt::{BcryptError, HashParts};
use bcrypt_lanes::Cost;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::fair_queue::Requester;
use super::foreign_hash;
use super::hash_lanes::Lane;
use super::hash_threads::HashThreads;
use super::keyring::{DerivedKeys, Keyring};
use super::retired_keys::Purpose;
use super::stored_password::{HashError, StoredPassword};
use crate::domain::password::{Password, PasswordRejection, PasswordRules};
use crate::domain::random::{self, Random};

/// The scheme of new hashes; stored with each hash.
pub const SCHEME: &str = "bcrypt_hmac_sha384";
/// Base64 with bcrypt's alphabet, as its notation has it.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);
/// Characters of a hash in bcrypt's base64, at the end of its notation.
const HASH_LETTERS: usize = 31;

/// Whether a password was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PasswordVerdict {
    /// It was.
    Right,
    /// It was not, or there is no such account.
    Wrong,
}

/// Hashes and checks passwords.
pub struct PasswordHasher {
    peppers: Arc<DerivedKeys<hmac::Key>>,
    cost: u32,
    random: Arc<dyn Random>,
    /// The hash that passwords of unknown accounts are checked against.
    decoy: StoredPassword,
    threads: HashThreads,
}

impl PasswordHasher {
    /// Starts the hashing threads.
    ///
    /// # Errors
    ///
    /// Fails when a thread cannot be started.
    pub fn new(
        keyring: &Keyring,
        cost: u32,
        threads: NonZeroUsize,
        random: Arc<dyn Random>,
    ) -> Result<Self, HashError> {
        let peppers = Arc::new(keyring.one_way(Purpose::PasswordPepper));
        let (key_id, _) = peppers.current()?;
        Ok(Self {
            peppers,
            cost,
            random,
            decoy: decoy(key_id, cost),
            threads: HashThreads::start(threads)?,
        })
    }

    /// Returns whether a request may have to wait, and its source therefore matters.
    pub fn is_busy(&self) -> bool {
        self.threads.are_busy()
    }

    /// Hashes a new password, unless an attacker who knows `own_words` could guess it soon.
    ///
    /// # Errors
    ///
    /// Returns [`HashError::Busy`] under load.
    pub async fn hash_new(
        &self,
        requester: Requester,
        password: Password,
        rules: PasswordRules,
        own_words: Vec<String>,
    ) -> Result<Result<StoredPassword, PasswordRejection>, HashError> {
        let (peppers, cost) = (Arc::clone(&self.peppers), self.cost);
        let salt = random::bytes(self.random.as_ref());
        let hash = |lane| async move {
            match rules.check_guessable(&password, &own_words) {
                Err(rejection) => Ok(Err(rejection)),
                Ok(()) => make_hash(&lane, &peppers, cost, salt, &password).await.map(Ok),
            }
        };
        self.threads.run(requester, hash).await?
    }

    /// Checks a password against a stored hash, or against a decoy if there is no account, so that the work is the
    /// same.
    ///
    /// # Errors
    ///
    /// Returns [`HashError::Busy`] under load.
    pub async fn verify(
        &self,
        requester: Requester,
        password: Password,
        stored: Option<StoredPassword>,
    ) -> Result<PasswordVerdict, HashError> {
        let (peppers, cost) = (Arc::clone(&self.peppers), self.cost);
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let check = |lane| async move {
            let matches = check_hash(&lane, &peppers, &stored, &password).await;
            make_up_for_a_cheap_hash(&lane, &stored.hash, cost).await;
            matches
        };
        let matches = self.threads.run(requester, check).await??;
        Ok(if matches && known {
            PasswordVerdict::Right
        } else {
            PasswordVerdict::Wrong
        })
    }

    /// Returns whether a hash has the scheme, cost and pepper of new hashes.
    pub fn is_current(&self, stored: &StoredPassword) -> bool {
        let current = self.peppers.current().is_ok_and(|(key_id, _)| key_id == stored.key_id);
        current && stored.scheme == SCHEME && stored.hash.starts_with(&format!("$2b${:02}$", self.cost))
    }

    /// Hashes a right password again, whatever the rules for new ones are. It does not wait for a thread, since the
    /// next login can do this as well.
    ///
    /// # Errors
    ///
    /// Returns [`HashError::Busy`] unless a thread is idle.
    pub async fn renew(&self, password: Password) -> Result<StoredPassword, HashError> {
        let (peppers, cost) = (Arc::clone(&self.peppers), self.cost);
        let salt = random::bytes(self.random.as_ref());
        let hash = |lane| async move { make_hash(&lane, &peppers, cost, salt, &password).await };
        self.threads.run_now(hash).await?
    }
}

async fn make_hash(
    lane: &Lane,
    peppers: &DerivedKeys<hmac::Key>,
    cost: u32,
    salt: [u8; 16],
    password: &Password,
) -> Result<StoredPassword, HashError> {
    let (key_id, pepper) = peppers.current()?;
    let hash = lane.bcrypt(checked(cost)?, salt, peppered(pepper, password)).await;
    let hash = format!(
        "$2b${cost:02}${}{}",
        BCRYPT_BASE64.encode(salt),
        BCRYPT_BASE64.encode(hash)
    );
    Ok(StoredPassword {
        scheme: SCHEME.to_owned(),
        key_id,
        hash,
    })
}

fn checked(cost: u32) -> Result<Cost, HashError> {
    Cost::new(cost).ok_or_else(|| HashError::Failed(format!("bcrypt has no cost {cost}")))
}

/// Makes the hash that passwords of unknown accounts are checked against: a hash of no password, with the current cost
/// and pepper, so that unknown and known accounts take the same time even after a change of cost.
fn decoy(key_id: u8, cost: u32) -> StoredPassword {
    // Salt and hash in bcrypt's base64. Checking them costs as much as checking any others.
    let hash = format!("$2b${cost:02}${}", ".".repeat(22 + 31));
    StoredPassword {
        scheme: SCHEME.to_owned(),
        key_id,
        hash,
    }
}

async fn check_hash(
    lane: &Lane,
    peppers: &DerivedKeys<hmac::Key>,
    stored: &StoredPassword,
    password: &Password,
) -> Result<bool, HashError> {
    if stored.scheme != SCHEME {
        return foreign_hash::check(lane, stored, password.expose_as_typed()).await;
    }
    let pepper = peppers.get(stored.key_id)?;
    let parts: HashParts = stored
        .hash
        .parse()
        .map_err(|error: BcryptError| HashError::Failed(error.to_string()))?;
    let (cost, salt) = (checked(parts.get_cost())?, parts.get_salt_raw());
    let computed = BCRYPT_BASE64.encode(lane.bcrypt(cost, salt, peppered(pepper, password)).await);
    let stored = stored.hash.as_bytes().last_chunk::<HASH_LETTERS>();
    Ok(stored.is_some_and(|stored| computed.as_bytes().ct_eq(stored).into()))
}

/// Does the work that a bcrypt hash with a lower cost saves, so that the response time does not distinguish an account
/// that has not signed in since the cost was raised from an unknown one. Each cost is twice the work of the one before,
/// so one hash at each cost from the hash's own up to the current one (exclusive) adds up to the difference.
async fn make_up_for_a_cheap_hash(lane: &Lane, hash: &str, cost: u32) {
    let Some(cheap) = foreign_hash::bcrypt_cost(hash) else {
        return;
    };
    for missing in (cheap..cost).filter_map(Cost::new) {
        lane.bcrypt(missing, [0; 16], Zeroizing::default()).await;
    }
}

/// bcrypt stops at a NUL and after 72 bytes. The base64 of an HMAC contains no NUL and is shorter, so every byte of the
/// password counts. The pepper makes a stolen table useless without the master key (NIST SP 800-63B-4 §3.1.1.2).
fn peppered(pepper: &hmac::Key, password: &Password) -> Zeroizing<Vec<u8>> {
    let digest = hmac::sign(pepper, password.expose().as_bytes());
    Zeroizing::new(STANDARD.encode(digest).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keyring::test_keyring;

    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(0);
        }
    }

    const STRANGER: Requester = Requester::NOWHERE;
    const RULES: PasswordRules = PasswordRules { min_length: 8 };

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(&test_keyring(), 4, NonZeroUsize::MIN, Arc::new(Zeros)).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(&text.into())
    }

    #[tokio::test]
    async fn every_byte_of_a_password_counts() {
        let hasher = hasher();
        let long = "korrekt pferd batterie heftklammer ".repeat(3);
        let stored = hasher
            .hash_new(STRANGER, password(&format!("{long}a")), RULES, vec![])
            .await
            .unwrap()
            .unwrap();
        assert!(stored.hash.starts_with("$2b$04$"));
        let verdict = |text: String| hasher.verify(STRANGER, password(&text), Some(stored.clone()));
        assert_eq!(verdict(format!("{long}a")).await.unwrap(), PasswordVerdict::Right);
        assert_eq!(verdict(format!("{long}b")).await.unwrap(), PasswordVerdict::Wrong);
        assert_eq!(verdict(format!("{long}a\0")).await.unwrap(), PasswordVerdict::Wrong);
        assert_eq!(verdict(format!(" {long}a")).await.unwrap(), PasswordVerdict::Wrong);
    }

    #[tokio::test]
    async fn the_hashes_of_the_bcrypt_crate_and_ours_are_the_same() {
        let (hasher, typed) = (hasher(), password("Grüne Fenster im Regen"));
        let ours = hasher.renew(typed.clone()).await.unwrap();
        let peppers = test_keyring().one_way(Purpose::PasswordPepper);
        let peppered = peppered(peppers.current().unwrap().1, &typed);
        let theirs = bcrypt::hash_with_salt(peppered, 4, [0; 16]).unwrap();
        assert_eq!(ours.hash, theirs.format_for_version(bcrypt::Version::TwoB));
    }

    #[tokio::test]
    async fn an_unknown_account_never_has_the_right_password() {
        let verdict = hasher()
            .verify(STRANGER, password("no account has this password"), None)
            .await
            .unwrap();
        assert_eq!(verdict, PasswordVerdict::Wrong);
    }

    #[tokio::test]
    async fn a_guessable_password_is_not_hashed() {
        let rejected = hasher()
            .hash_new(STRANGER, password("password1"), RULES, vec![])
            .await
            .unwrap();
        assert_eq!(rejected, Err(PasswordRejection::Common));
    }

    #[tokio::test]
    async fn a_hash_under_an_unknown_pepper_or_scheme_is_a_fault_not_a_wrong_password() {
        let hasher = hasher();
        let stored = hasher
            .hash_new(STRANGER, password("korrekt pferd"), RULES, vec![])
            .await
            .unwrap()
            .unwrap();
        let foreign = StoredPassword {
            key_id: 9,
            ..stored.clone()
        };
        assert!(matches!(
            hasher.verify(STRANGER, password("x"), Some(foreign)).await,
            Err(HashError::UnknownKey(_))
        ));
        let foreign = StoredPassword {
            scheme: "md5".into(),
            ..stored
        };
        assert!(matches!(
            hasher.verify(STRANGER, password("x"), Some(foreign)).await,
            Err(HashError::UnknownScheme(_))
        ));
    }

    #[tokio::test]
    async fn a_hash_of_another_scheme_cost_or_pepper_is_not_current_until_it_is_renewed() {
        let hasher = hasher();
        let foreign = StoredPassword::foreign("$2b$04$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG").unwrap();
        let typed = password("Grüne Fenster im Regen");
        let verdict = hasher
            .verify(STRANGER, typed.clone(), Some(foreign.clone()))
            .await
            .unwrap();
        assert_eq!(verdict, PasswordVerdict::Right);
        let renewed = hasher.renew(typed.clone()).await.unwrap();
        assert!(hasher.is_current(&renewed));
        assert_eq!(
            hasher.verify(STRANGER, typed, Some(renewed.clone())).await.unwrap(),
            PasswordVerdict::Right
        );
        let older_pepper = StoredPassword {
            key_id: 1,
            ..renewed.clone()
        };
        let other_cost = StoredPassword {
            hash: renewed.hash.replacen("$04$", "$05$", 1),
            ..renewed.clone()
        };
        for stale in [foreign, older_pepper, other_cost] {
            assert!(!hasher.is_current(&stale), "{stale:?}");
        }
    }
}
