//! Firebase's scrypt: scrypt derives a key, this key encrypts the project's signer key, and the ciphertext is the hash.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use subtle::ConstantTimeEq;

use super::derived::{ScryptKey, fields};
use super::{BASE64, ForeignHashError, number};
use crate::crypto::stored_password::HashError;

/// Lengths of a signer key, and so of a hash, in bytes. Firebase's have 64. With an empty one every password would be
/// right.
const LENGTHS: std::ops::RangeInclusive<usize> = 32..=128;
/// The length of an AES-256 key in bytes.
const KEY_LENGTH: usize = 32;

/// The one-line notation is Supabase's. Firebase has none, and stores half of these values with the project.
const MALFORMED: ForeignHashError = ForeignHashError::Malformed("the manual");

/// A hash of Firebase's scrypt.
#[derive(Clone)]
pub(super) struct FirebaseHash {
    key: ScryptKey,
    signer_key: Vec<u8>,
    hash: Vec<u8>,
}

impl FirebaseHash {
    /// Parses what follows `$fbscrypt$`: `v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`. `n` is the memory cost, the logarithm
    /// of scrypt's N; `r` is the number of rounds, `ss` the salt separator and `sk` the signer key.
    pub(super) fn read(rest: &str) -> Result<Self, ForeignHashError> {
        let [parameters, salt, hash] = fields(rest).ok_or(MALFORMED)?;
        let mut parameters = parameters.split(',');
        let mut value = |name| {
            parameters
                .next()
                .and_then(|field| field.strip_prefix(name))
                .ok_or(MALFORMED)
        };
        let count = |digits| number(digits).ok_or(MALFORMED);
        let version = value("v=")?;
        let (memory_cost, rounds, lanes) = (count(value("n=")?)?, count(value("r=")?)?, count(value("p=")?)?);
        let (separator, signer_key) = (decode(value("ss=")?)?, decode(value("sk=")?)?);
        if version != "1" || parameters.next().is_some() {
            return Err(MALFORMED);
        }
        let n = 1_u32.checked_shl(memory_cost).ok_or(MALFORMED)?;
        let hash = decode(hash)?;
        if !LENGTHS.contains(&signer_key.len()) || hash.len() != signer_key.len() {
            return Err(MALFORMED);
        }
        let salt = [decode(salt)?, separator].concat();
        Ok(Self {
            key: ScryptKey::of_parts([n, rounds, lanes], salt, MALFORMED)?,
            signer_key,
            hash,
        })
    }

    /// Returns whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> Result<bool, HashError> {
        let failed = |error: aws_lc_rs::error::Unspecified| HashError::Failed(error.to_string());
        let key = self.key.derive::<KEY_LENGTH>(password)?;
        let key = UnboundCipherKey::new(&AES_256, key.as_slice()).map_err(failed)?;
        let mut computed = self.signer_key.clone();
        // The counter always begins at 0, since each password has a different key.
        let from_zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        EncryptingKey::ctr(key)
            .and_then(|key| key.less_safe_encrypt(&mut computed, from_zero))
            .map_err(failed)?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}

/// Decodes base64 in either alphabet: Firebase's console and command line use one, its Admin SDK the other (RFC 4648
/// §5).
fn decode(text: &str) -> Result<Vec<u8>, ForeignHashError> {
    let text = text.replace('-', "+").replace('_', "/");
    BASE64.decode(text).map_err(|_unreadable| MALFORMED)
}
