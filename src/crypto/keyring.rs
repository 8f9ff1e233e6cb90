//! Master keys, and the keys derived from them, each for one purpose.
//!
//! Operators need to store one secret. HKDF (RFC 5869) derives an independent key for every purpose from it, so that
//! one use cannot be exploited to attack another. Several master keys may be known: the first one is used for
//! everything new, the others only for what was made with them. Some values cannot be made again under another master
//! key and must still be checked after theirs was removed: [`super::retired_keys`] stores the derived keys of those
//! purposes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::{aead, hkdf, hmac};
use zeroize::Zeroizing;

use super::retired_keys::{Purpose, RetiredKeys};

/// The length of a master key in bytes.
pub const MASTER_KEY_LENGTH: usize = 32;

/// A master key, with the number that marks everything made with it.
#[derive(Clone)]
pub struct MasterKey {
    /// 1 to 255, unique among the known keys.
    pub id: u8,
    /// The secret.
    pub bytes: Zeroizing<[u8; MASTER_KEY_LENGTH]>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({}, …)", self.id)
    }
}

/// The derived keys of one purpose, by master key.
pub struct DerivedKeys<K> {
    current: u8,
    keys: BTreeMap<u8, K>,
    /// Those of removed master keys, once they are loaded.
    retired: Arc<OnceLock<BTreeMap<u8, K>>>,
}

impl<K> DerivedKeys<K> {
    /// Returns the key for new values, with its id.
    ///
    /// # Errors
    ///
    /// Never in practice: a keyring always contains its current key.
    pub fn current(&self) -> Result<(u8, &K), UnknownKey> {
        self.get(self.current).map(|key| (self.current, key))
    }

    /// Returns the id of the key for new values.
    pub fn current_id(&self) -> u8 {
        self.current
    }

    /// Returns the key that a value was made with, by the id that it is marked with.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownKey`] if no such master key was given.
    pub fn get(&self, id: u8) -> Result<&K, UnknownKey> {
        let retired = || self.retired.get().and_then(|keys| keys.get(&id));
        self.keys.get(&id).or_else(retired).ok_or(UnknownKey(id))
    }

    /// Returns all known keys.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &K)> {
        let retired = self.retired.get().into_iter().flatten();
        self.keys.iter().chain(retired).map(|(id, key)| (*id, key))
    }
}

/// A value was made with a master key that was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key with id {0} is not among those given")]
pub struct UnknownKey(pub u8);

/// Derives purpose-bound keys from master keys.
#[derive(Debug)]
pub struct Keyring {
    current: MasterKey,
    older: Vec<MasterKey>,
    retired_keys: RetiredKeys,
}

impl Keyring {
    /// Takes the current master key and the older ones.
    pub fn new(current: MasterKey, older: Vec<MasterKey>) -> Self {
        let all = || std::iter::once(&current).chain(&older);
        let retired_keys = RetiredKeys::of(all().map(|master| (master.id, extract(master))));
        Self {
            current,
            older,
            retired_keys,
        }
    }

    /// Returns the keys that must be stored so that they outlive these master keys; removed ones are added to it.
    pub fn retired_keys(&self) -> RetiredKeys {
        self.retired_keys.clone()
    }

    /// Returns a label that identifies the current master key without revealing it: its id, and 32 bits of an HMAC. The
    /// id alone does not distinguish two keys that were given the same one.
    pub fn label(&self) -> String {
        let keys = self.hmac_sha256("key label");
        let tag = keys.current().map(|(_, key)| hmac::sign(key, b"label"));
        let bytes = tag
            .as_ref()
            .map(|tag| tag.as_ref().iter().take(4))
            .into_iter()
            .flatten();
        bytes.fold(format!("{}:", self.current.id), |label, byte| {
            label + &format!("{byte:02x}")
        })
    }

    /// Derives the keys for values that cannot be made again under another master key.
    pub fn one_way(&self, purpose: Purpose) -> DerivedKeys<hmac::Key> {
        let derived = match purpose.algorithm() {
            algorithm if algorithm == hmac::HMAC_SHA384 => self.hmac_sha384(purpose.name()),
            _ => self.hmac_sha256(purpose.name()),
        };
        DerivedKeys {
            retired: self.retired_keys.slot(purpose),
            ..derived
        }
    }

    /// Derives HMAC-SHA-256 keys for a purpose.
    pub fn hmac_sha256(&self, purpose: &'static str) -> DerivedKeys<hmac::Key> {
        self.derive(purpose, hmac::HMAC_SHA256, |okm| hmac::Key::from(okm))
    }

    /// Derives HMAC-SHA-384 keys for a purpose.
    fn hmac_sha384(&self, purpose: &'static str) -> DerivedKeys<hmac::Key> {
        self.derive(purpose, hmac::HMAC_SHA384, |okm| hmac::Key::from(okm))
    }

    /// Derives AES-256-GCM keys for a purpose.
    pub fn aes_256_gcm(&self, purpose: &'static str) -> DerivedKeys<aead::LessSafeKey> {
        self.derive(purpose, &aead::AES_256_GCM, |okm| {
            aead::LessSafeKey::new(aead::UnboundKey::from(okm))
        })
    }

    fn derive<L, K>(&self, purpose: &'static str, kind: L, make: impl Fn(hkdf::Okm<'_, L>) -> K) -> DerivedKeys<K>
    where
        L: hkdf::KeyType + Copy,
    {
        let keys = std::iter::once(&self.current)
            .chain(&self.older)
            .filter_map(|master| {
                let key = extract(master);
                // Expanding fails only beyond 255 hash lengths; these keys have one or two.
                let derived = key.expand(&[purpose.as_bytes()], kind).ok().map(&make);
                derived.map(|derived| (master.id, derived))
            })
            .collect();
        DerivedKeys {
            current: self.current.id,
            keys,
            retired: Arc::default(),
        }
    }
}

fn extract(master: &MasterKey) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"vestibule").extract(master.bytes.as_slice())
}

#[cfg(test)]
pub(crate) fn test_keyring() -> Keyring {
    let key = |id: u8| MasterKey {
        id,
        bytes: Zeroizing::new([id; MASTER_KEY_LENGTH]),
    };
    Keyring::new(key(2), vec![key(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_master_key_has_its_own_key() {
        let keyring = test_keyring();
        let tag = |purpose, id| {
            let keys = keyring.hmac_sha256(purpose);
            hmac::sign(keys.get(id).unwrap(), b"x").as_ref().to_vec()
        };
        assert_eq!(tag("a", 1), tag("a", 1));
        assert_ne!(tag("a", 1), tag("b", 1));
        assert_ne!(tag("a", 1), tag("a", 2));
    }

    #[test]
    fn the_first_key_makes_and_an_unknown_key_is_named() {
        let keys = test_keyring().hmac_sha256("a");
        assert_eq!(keys.current().unwrap().0, 2);
        assert_eq!(keys.get(9).unwrap_err(), UnknownKey(9));
    }

    #[test]
    fn labels_tell_keys_apart_also_those_with_the_same_id() {
        let label = |id, byte| {
            let bytes = Zeroizing::new([byte; MASTER_KEY_LENGTH]);
            Keyring::new(MasterKey { id, bytes }, Vec::new()).label()
        };
        assert!(label(255, 7).starts_with("255:"));
        assert_eq!(label(2, 7), label(2, 7));
        assert_ne!(label(2, 7), label(2, 8));
        assert_ne!(label(2, 7).split_once(':').unwrap().1, "07070707");
        // PostgreSQL truncates connection names after 63 bytes.
        assert_eq!(label(1, 0).len(), 10);
    }

    #[test]
    fn a_master_key_is_not_printed() {
        assert_eq!(format!("{:?}", test_keyring().current), "MasterKey(2, …)");
    }
}
