//! Derived keys that outlive their master key, for hashes and MACs that cannot be made again.
//!
//! A sealed value can be opened and sealed again with the newest master key. The hash of a password or a recovery code,
//! or a token that a client has stored, cannot: only its owner has the input. So that a master key can be removed
//! anyway, the keys derived from it for these purposes are stored, sealed with the newest one. They reveal nothing
//! about their master key (HKDF, RFC 5869 §5), and nothing new is made with them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::{hkdf, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A purpose whose results cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The pepper in password hashes.
    PasswordPepper,
    /// The MAC in tokens that clients have.
    OpaqueToken,
    /// Hashes of recovery codes.
    RecoveryCode,
    /// Hashes of sent codes.
    SentCode,
    /// Hashes of service clients' secrets.
    ClientSecret,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::PasswordPepper,
        Self::OpaqueToken,
        Self::RecoveryCode,
        Self::SentCode,
        Self::ClientSecret,
    ];

    /// Returns the name that is used to derive the key, and is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PasswordPepper => "password-pepper",
            Self::OpaqueToken => "opaque-token",
            Self::RecoveryCode => "recovery-code",
            Self::SentCode => "sent-code",
            Self::ClientSecret => "client-secret",
        }
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Returns the algorithm of its keys.
    pub(super) fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::PasswordPepper => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA256,
        }
    }

    fn key_length(self) -> usize {
        self.algorithm().digest_algorithm().output_len()
    }
}

/// A derived key, in its form for storage.
#[derive(Clone)]
pub struct RetiredKey {
    /// The master key that it was derived from.
    pub master_key_id: u8,
    /// What it is for.
    pub purpose: Purpose,
    /// The key.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The stored keys contradict the master keys that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id {0} belongs to another master key, which was dropped; give the new one an id that was never used")]
pub struct IdTaken(u8);

type Slot = Arc<OnceLock<BTreeMap<u8, hmac::Key>>>;

/// The derived keys of the given master keys, and the slots for those of removed ones.
#[derive(Clone)]
pub struct RetiredKeys {
    own: Arc<Vec<RetiredKey>>,
    slots: Arc<BTreeMap<Purpose, Slot>>,
}

impl std::fmt::Debug for RetiredKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RetiredKeys(…)")
    }
}

/// The number of bytes to derive.
#[derive(Clone, Copy)]
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl RetiredKeys {
    /// Derives the keys to be stored.
    pub(super) fn of(masters: impl Iterator<Item = (u8, hkdf::Prk)>) -> Self {
        let mut own = Vec::new();
        for (master_key_id, key) in masters {
            for purpose in Purpose::ALL {
                let mut bytes = Zeroizing::new(vec![0; purpose.key_length()]);
                let info = [purpose.name().as_bytes()];
                let expanded = key.expand(&info, Length(bytes.len()));
                // Expanding fails only beyond 255 hash lengths; these keys have one or two.
                if expanded.and_then(|okm| okm.fill(&mut bytes)).is_ok() {
                    own.push(RetiredKey {
                        master_key_id,
                        purpose,
                        bytes,
                    });
                }
            }
        }
        Self {
            own: Arc::new(own),
            slots: Arc::new(Purpose::ALL.map(|purpose| (purpose, Slot::default())).into()),
        }
    }

    pub(super) fn slot(&self, purpose: Purpose) -> Slot {
        self.slots.get(&purpose).cloned().unwrap_or_default()
    }

    /// Returns the keys of all given master keys.
    pub fn own(&self) -> &[RetiredKey] {
        &self.own
    }

    /// Adds the stored keys of removed master keys. Only the first call has an effect.
    ///
    /// # Errors
    ///
    /// Returns [`IdTaken`] if a given master key has the id of another one.
    pub fn take(&self, kept: &[RetiredKey]) -> Result<(), IdTaken> {
        for own in self.own.iter() {
            let same = |other: &&RetiredKey| (other.master_key_id, other.purpose) == (own.master_key_id, own.purpose);
            let differs = |other: &RetiredKey| !bool::from(other.bytes.ct_eq(&own.bytes));
            if kept.iter().find(same).is_some_and(differs) {
                return Err(IdTaken(own.master_key_id));
            }
        }
        let is_gone = |id: u8| self.own.iter().all(|own| own.master_key_id != id);
        for (purpose, slot) in self.slots.iter() {
            let gone = kept
                .iter()
                .filter(|key| key.purpose == *purpose && is_gone(key.master_key_id));
            let keys = gone.map(|key| (key.master_key_id, hmac::Key::new(purpose.algorithm(), &key.bytes)));
            slot.get_or_init(|| keys.collect());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::crypto::keyring::{Keyring, MASTER_KEY_LENGTH, MasterKey};
    use crate::crypto::mac::TokenMac;
    use crate::domain::ids::UserId;
    use crate::domain::opaque_token::TokenKind;

    fn master(id: u8, byte: u8) -> MasterKey {
        MasterKey {
            id,
            bytes: Zeroizing::new([byte; MASTER_KEY_LENGTH]),
        }
    }

    #[test]
    fn retired_keys_are_the_very_keys_that_were_used() {
        let keyring = Keyring::new(master(1, 1), vec![]);
        for key in keyring.retired_keys().own() {
            let used = keyring.one_way(key.purpose);
            let kept = hmac::Key::new(key.purpose.algorithm(), &key.bytes);
            let sign = |key: &hmac::Key| hmac::sign(key, b"x").as_ref().to_vec();
            assert_eq!(sign(used.get(1).unwrap()), sign(&kept), "{:?}", key.purpose);
        }
    }

    #[test]
    fn a_token_outlives_its_master_key_and_nothing_new_is_made_under_it() {
        use secrecy::ExposeSecret;
        let old = Keyring::new(master(1, 1), vec![]);
        let token = TokenMac::new(&old)
            .issue(
                TokenKind::Refresh,
                UserId::from_uuid(Uuid::from_u128(9)),
                Uuid::from_u128(7),
                3,
            )
            .unwrap();
        let new = Keyring::new(master(2, 2), vec![]);
        let mac = TokenMac::new(&new);
        assert!(mac.open(TokenKind::Refresh, token.expose_secret()).is_none());
        new.retired_keys().take(old.retired_keys().own()).unwrap();
        assert!(mac.open(TokenKind::Refresh, token.expose_secret()).is_some());
        assert!(mac.open(TokenKind::PreAuth, token.expose_secret()).is_none());
        let made = mac
            .issue(
                TokenKind::Refresh,
                UserId::from_uuid(Uuid::from_u128(9)),
                Uuid::from_u128(7),
                3,
            )
            .unwrap();
        assert_eq!(mac.open(TokenKind::Refresh, made.expose_secret()).unwrap().key_id, 2);
    }

    #[test]
    fn an_id_is_not_given_twice() {
        let old = Keyring::new(master(1, 1), vec![]);
        let reused = Keyring::new(master(1, 9), vec![]);
        assert_eq!(reused.retired_keys().take(old.retired_keys().own()), Err(IdTaken(1)));
        assert_eq!(old.retired_keys().take(old.retired_keys().own()), Ok(()));
    }
}
