//! Keyed hashes of codes that people keep: recovery codes.
//!
//! 120 random bits need no slow hash (ASVS 6.5.2); the key makes a stolen table useless on its own, and the
//! user's id in the hash keeps one account's code from being matched against another's row.

use aws_lc_rs::hmac;

use super::keyring::{DerivedKeys, Keyring, UnknownKey};
use crate::domain::ids::UserId;
use crate::domain::recovery_code::RecoveryCode;

/// Hashes codes under the master keys.
pub struct CodeHasher {
    keys: DerivedKeys<hmac::Key>,
}

impl CodeHasher {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.hmac_sha256("recovery-code"),
        }
    }

    /// Returns the hash under which a new code is stored.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn hash(&self, user_id: UserId, code: &RecoveryCode) -> Result<Vec<u8>, UnknownKey> {
        let (_, key) = self.keys.current()?;
        Ok(tag(key, user_id, code))
    }

    /// Returns the hashes under which a code may have been stored, one for each master key known.
    pub fn candidates(&self, user_id: UserId, code: &RecoveryCode) -> Vec<Vec<u8>> {
        self.keys.iter().map(|(_, key)| tag(key, user_id, code)).collect()
    }
}

fn tag(key: &hmac::Key, user_id: UserId, code: &RecoveryCode) -> Vec<u8> {
    let input = [user_id.uuid().as_bytes().as_slice(), code.expose()].concat();
    hmac::sign(key, &input).as_ref().to_vec()
}
