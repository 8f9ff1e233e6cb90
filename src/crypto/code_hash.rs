//! Keyed hashes of recovery codes, sent codes, client secrets, and the identifiers that quotas count.
//!
//! Secrets with 120 random bits or more need no slow hash (ASVS 6.5.2). The key makes a stolen table useless on its
//! own, and the user's id in the hash prevents one account's code from matching another account's row. Sent codes are
//! short: for them the key is the only protection of a stolen table against guessing (NIST SP 800-63B-4 §3.1.3.2).

use aws_lc_rs::hmac;

use super::keyring::{DerivedKeys, Keyring, UnknownKey};
use super::retired_keys::Purpose;
use crate::domain::ids::{ClientId, UserId};
use crate::domain::oauth::client_secret::ClientSecret;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::sent_code::{CodePlace, SentCode};

/// Hashes recovery codes under the master keys.
pub struct RecoveryCodeHasher {
    keys: DerivedKeys<hmac::Key>,
}

impl RecoveryCodeHasher {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.one_way(Purpose::RecoveryCode),
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

    /// Returns the hashes under which a code may be stored, one for each known master key.
    pub fn candidates(&self, user_id: UserId, code: &RecoveryCode) -> Vec<Vec<u8>> {
        self.keys.iter().map(|(_, key)| tag(key, user_id, code)).collect()
    }
}

fn tag(key: &hmac::Key, user_id: UserId, code: &RecoveryCode) -> Vec<u8> {
    let input = [user_id.uuid().as_bytes().as_slice(), code.expose()].concat();
    hmac::sign(key, &input).as_ref().to_vec()
}

/// Hashes sent codes under the master keys, each together with the address or number it goes to. A code proves control
/// of that destination only, and not of one that the account had before or has had since (ASVS 6.6.1).
pub struct SentCodeHasher {
    keys: DerivedKeys<hmac::Key>,
}

impl SentCodeHasher {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.one_way(Purpose::SentCode),
        }
    }

    /// Returns the hash under which a new code is stored.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn hash(&self, place: CodePlace, destination: &str, code: &SentCode) -> Result<Vec<u8>, UnknownKey> {
        let (_, key) = self.keys.current()?;
        Ok(sent_tag(key, place, destination, code))
    }

    /// Returns the hashes under which a code may be stored, one for each known master key.
    pub fn candidates(&self, place: CodePlace, destination: &str, code: &SentCode) -> Vec<Vec<u8>> {
        let tag = |key| sent_tag(key, place, destination, code);
        self.keys.iter().map(|(_, key)| tag(key)).collect()
    }
}

fn sent_tag(key: &hmac::Key, place: CodePlace, destination: &str, code: &SentCode) -> Vec<u8> {
    // Fixed lengths and separators: different places and codes never produce the same input.
    let input = [
        place.session.session_id.uuid().as_bytes().as_slice(),
        place.purpose.as_str().as_bytes(),
        b"\0",
        place.channel.as_str().as_bytes(),
        b"\0",
        destination.as_bytes(),
        b"\0",
        code.expose().as_bytes(),
    ]
    .concat();
    hmac::sign(key, &input).as_ref().to_vec()
}

/// Hashes what quotas count, such as a phone number, so that the table identifies no user.
pub struct IdentifierHasher {
    keys: DerivedKeys<hmac::Key>,
}

impl IdentifierHasher {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.hmac_sha256("quota"),
        }
    }

    /// Returns the hash of a subject under the current key. After a change of the master key all counts restart.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn hash(&self, subject: &str) -> Result<Vec<u8>, UnknownKey> {
        let (_, key) = self.keys.current()?;
        Ok(hmac::sign(key, subject.as_bytes()).as_ref().to_vec())
    }
}

/// Hashes the secrets of service clients under the master keys.
pub struct ClientSecretHasher {
    keys: DerivedKeys<hmac::Key>,
}

impl ClientSecretHasher {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.one_way(Purpose::ClientSecret),
        }
    }

    /// Returns the hash under which a new secret is stored.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn hash(&self, id: ClientId, secret: &ClientSecret) -> Result<Vec<u8>, UnknownKey> {
        let (_, key) = self.keys.current()?;
        Ok(hmac::sign(key, &client_input(id, secret)).as_ref().to_vec())
    }

    /// Returns whether a secret is the one that was hashed, under any master key. Compares in constant time.
    pub fn matches(&self, id: ClientId, secret: &ClientSecret, hash: &[u8]) -> bool {
        let input = client_input(id, secret);
        self.keys.iter().any(|(_, key)| hmac::verify(key, &input, hash).is_ok())
    }
}

fn client_input(id: ClientId, secret: &ClientSecret) -> Vec<u8> {
    [id.uuid().as_bytes().as_slice(), secret.expose()].concat()
}
