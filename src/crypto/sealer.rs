//! Secrets at rest: AES-256-GCM, each value bound to the place where it is stored.
//!
//! A sealed authorization request is not stored: it travels through the user's browser.
//!
//! A sealed value is key id (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag (16). Table, column, row and owner are associated
//! data: a value that was copied to another row or column does not open, and neither does one in a row that was given
//! to another user. An attacker with write access to the database still cannot give an account a secret that they know.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use super::keyring::{DerivedKeys, Keyring, UnknownKey};
use super::retired_keys::Purpose;
use crate::domain::ids::{MessageId, SentCodeFactorId, TotpFactorId, UserId, WebhookId};
use crate::domain::random::{self, Random};

/// The place of a sealed value.
#[derive(Clone, Debug)]
pub struct SealedAt {
    /// `table.column`.
    column: &'static str,
    /// The row's primary key, and its owner if it has one. Unique within a column.
    row: Vec<u8>,
}

impl SealedAt {
    /// The place of a TOTP secret.
    pub fn totp_secret(id: TotpFactorId, owner: UserId) -> Self {
        Self {
            column: "totp_factors.sealed_secret",
            row: [id.uuid().into_bytes(), owner.uuid().into_bytes()].concat(),
        }
    }

    /// The place of a phone number.
    pub fn phone_number(id: SentCodeFactorId, owner: UserId) -> Self {
        Self {
            column: "sent_code_factors.sealed_phone_number",
            row: [id.uuid().into_bytes(), owner.uuid().into_bytes()].concat(),
        }
    }

    /// The place of a message.
    pub fn message(id: MessageId) -> Self {
        Self {
            column: "outbox.sealed_message",
            row: id.uuid().into_bytes().to_vec(),
        }
    }

    /// The place of a secret of an endpoint: the newest one, or the one before, which was the newest.
    pub fn webhook_secret(id: WebhookId) -> Self {
        Self {
            column: "webhooks.sealed_secret",
            row: id.uuid().into_bytes().to_vec(),
        }
    }

    /// The place of a signing key.
    pub fn signing_key(kid: &str) -> Self {
        Self {
            column: "signing_keys.sealed_private_key",
            row: kid.as_bytes().to_vec(),
        }
    }

    /// An authorization request on its way through the user's browser, or one that waits there to be made.
    pub const fn authorization_request(kind: RequestKind) -> Self {
        Self {
            column: kind.name(),
            row: Vec::new(),
        }
    }

    /// The answer to an authorization request, on its way through the user's browser to the page that posts it.
    pub const fn authorization_answer() -> Self {
        Self {
            column: "authorization answer",
            row: Vec::new(),
        }
    }

    /// A federation token: a sign-in at a provider that was started. Its client holds it. The issuer is that of the
    /// deployment: one with the same master key would otherwise finish what this one started.
    pub fn federation_token(issuer: &str) -> Self {
        Self {
            column: "federation token",
            row: issuer.as_bytes().to_vec(),
        }
    }

    /// The place of a retired key.
    pub fn retired_key(master_key_id: u8, purpose: Purpose) -> Self {
        Self {
            column: "retired_keys.sealed_key",
            row: [&[master_key_id], purpose.name().as_bytes()].concat(),
        }
    }

    fn associated_data(&self) -> Aad<Vec<u8>> {
        Aad::from([self.column.as_bytes(), b"\0", &self.row].concat())
    }
}

/// Where an authorization request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The user's browser: it has been checked, and waits for the user's decision.
    Checked,
    /// The client: it waits for the user's browser (RFC 9126).
    Pushed,
}

impl RequestKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Checked => "authorization request",
            Self::Pushed => "pushed authorization request",
        }
    }
}

/// A value could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a master key that was not given.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// It was changed, moved, or sealed with another key of the same id.
    #[error("the sealed value in {0} does not open: it was changed, moved, or sealed with another master key")]
    NotOpened(&'static str),
}

/// Seals and opens values.
pub struct Sealer {
    keys: DerivedKeys<LessSafeKey>,
    random: Arc<dyn Random>,
}

impl Sealer {
    /// Derives the sealing keys.
    pub fn new(keyring: &Keyring, random: Arc<dyn Random>) -> Self {
        Self {
            keys: keyring.aes_256_gcm("seal"),
            random,
        }
    }

    /// Seals a secret for its place.
    pub fn seal(&self, at: &SealedAt, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, key) = self.keys.current()?;
        // 96 random bits never repeat in the lifetime of a key: NIST SP 800-38D §8.3 allows 2^32 uses.
        let nonce: [u8; NONCE_LEN] = random::bytes(self.random.as_ref());
        let mut sealed = secret.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), at.associated_data(), &mut sealed)
            .map_err(|_unspecified| SealError::NotOpened(at.column))?;
        Ok([&[id], nonce.as_slice(), &sealed].concat())
    }

    /// Returns the id of the master key that new values are sealed with.
    pub fn current_key_id(&self) -> u8 {
        self.keys.current_id()
    }

    /// Opens the value of a place.
    ///
    /// # Errors
    ///
    /// Returns [`SealError`] if the value was not sealed for this place.
    pub fn open(&self, at: &SealedAt, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let damaged = || SealError::NotOpened(at.column);
        let (id, rest) = sealed.split_first().ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let key = self.keys.get(*id)?;
        let length = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), at.associated_data(), &mut buffer)
            .map_err(|_unspecified| damaged())?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::crypto::keyring::test_keyring;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn sealer() -> Sealer {
        Sealer::new(&test_keyring(), Arc::new(Counting(0.into())))
    }

    fn place(id: u128, owner: u128) -> SealedAt {
        SealedAt::totp_secret(
            TotpFactorId::from_uuid(Uuid::from_u128(id)),
            UserId::from_uuid(Uuid::from_u128(owner)),
        )
    }

    proptest! {
        #[test]
        fn a_value_opens_only_where_it_was_sealed(secret: Vec<u8>, id: u128, owner: u128, other: u128) {
            prop_assume!(id != other && owner != other);
            let sealed = sealer().seal(&place(id, owner), &secret).unwrap();
            let opened = sealer().open(&place(id, owner), &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), secret.as_slice());
            prop_assert!(sealer().open(&place(other, owner), &sealed).is_err());
            prop_assert!(sealer().open(&place(id, other), &sealed).is_err());
            let elsewhere = SealedAt { column: "signing_keys.sealed_private_key", ..place(id, owner) };
            prop_assert!(sealer().open(&elsewhere, &sealed).is_err());
        }

        #[test]
        fn a_changed_value_does_not_open(secret: [u8; 20], position in 0_usize..49, bit in 0_u32..8) {
            let mut sealed = sealer().seal(&place(1, 2), &secret).unwrap();
            sealed[position] ^= 1 << bit;
            prop_assert!(sealer().open(&place(1, 2), &sealed).is_err());
        }

        #[test]
        fn garbage_does_not_open(garbage in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(sealer().open(&place(1, 2), &garbage).is_err());
        }
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let sealer = sealer();
        let at = SealedAt::signing_key("kid");
        assert_ne!(sealer.seal(&at, b"x").unwrap(), sealer.seal(&at, b"x").unwrap());
    }
}
