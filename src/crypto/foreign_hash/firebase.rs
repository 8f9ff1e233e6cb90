//! Firebase's scrypt: the key that scrypt makes encrypts the project's signer key, and what comes out is the hash.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use subtle::ConstantTimeEq;

use super::derived::{ScryptKey, fields};
use super::{BASE64, ForeignHashError, number};
use crate::crypto::stored_password::HashError;

/// Bytes of a signer key, and so of a hash. Firebase's have 64. Of an empty one, every password would be right.
const LENGTHS: std::ops::RangeInclusive<usize> = 32..=128;
/// Bytes of AES-256's key.
const KEY_LENGTH: usize = 32;

/// The one line is Supabase's notation: Firebase itself has none, and keeps half of this with the project.
const MALFORMED: ForeignHashError = ForeignHashError::Malformed("the manual");

/// A hash of Firebase's scrypt.
#[derive(Clone)]
pub(super) struct FirebaseHash {
    key: ScryptKey,
    signer_key: Vec<u8>,
    hash: Vec<u8>,
}

impl FirebaseHash {
    /// Reads what comes after `$fbscrypt$`: `v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`. `n` is the memory cost, the logarithm of
    /// scrypt's N; `r` are the rounds, `ss` the salt separator and `sk` the signer key.
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

    /// Tells whether a password is the one that was hashed.
    pub(super) fn matches(&self, password: &str) -> Result<bool, HashError> {
        let failed = |error: aws_lc_rs::error::Unspecified| HashError::Failed(error.to_string());
        let key = self.key.derive::<KEY_LENGTH>(password)?;
        let key = UnboundCipherKey::new(&AES_256, key.as_slice()).map_err(failed)?;
        let mut computed = self.signer_key.clone();
        // The counter begins at 0 each time: each password's key is its own.
        let from_zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        EncryptingKey::ctr(key)
            .and_then(|key| key.less_safe_encrypt(&mut computed, from_zero))
            .map_err(failed)?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}

/// Reads base 64 in either alphabet: Firebase's console and command line write one, its Admin SDK the other (RFC 4648 §5).
fn decode(text: &str) -> Result<Vec<u8>, ForeignHashError> {
    let text = text.replace('-', "+").replace('_', "/");
    BASE64.decode(text).map_err(|_unreadable| MALFORMED)
}
