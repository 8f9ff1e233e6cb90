//! The MAC of opaque tokens: HMAC-SHA-256 over the kind and all content of the token.
//!
//! Only this module turns a text into a trustworthy [`TokenBody`], and only for the kind that the caller expects.

use aws_lc_rs::hmac;
use secrecy::SecretString;
use uuid::Uuid;

use super::keyring::{DerivedKeys, Keyring, UnknownKey};
use super::retired_keys::Purpose;
use crate::domain::ids::UserId;
use crate::domain::opaque_token::{MAC_LENGTH, TokenBody, TokenKind};

/// Makes and checks opaque tokens.
pub struct TokenMac {
    keys: DerivedKeys<hmac::Key>,
}

impl TokenMac {
    /// Derives the token keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            keys: keyring.one_way(Purpose::OpaqueToken),
        }
    }

    /// Makes the token for a user's row. The same row and counter always give the same token.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn issue(
        &self,
        kind: TokenKind,
        user_id: UserId,
        row_id: Uuid,
        counter: u64,
    ) -> Result<SecretString, UnknownKey> {
        let (key_id, key) = self.keys.current()?;
        let body = TokenBody {
            key_id,
            user_id,
            row_id,
            counter,
        };
        let tag = hmac::sign(key, &body.proof_input(kind));
        let mut mac = [0; MAC_LENGTH];
        mac.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        Ok(body.encode(kind, &mac))
    }

    /// Returns the content of a token of the given kind, if its MAC is valid. Compares in constant time.
    pub fn open(&self, kind: TokenKind, token: &str) -> Option<TokenBody> {
        let (body, mac) = TokenBody::decode(kind, token)?;
        let key = self.keys.get(body.key_id).ok()?;
        hmac::verify(key, &body.proof_input(kind), &mac).ok()?;
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::crypto::keyring::test_keyring;

    proptest! {
        #[test]
        fn a_token_opens_as_its_own_kind_only(user_id: u128, row_id: u128, counter: u64) {
            let mac = TokenMac::new(&test_keyring());
            let (user_id, row_id) = (UserId::from_uuid(Uuid::from_u128(user_id)), Uuid::from_u128(row_id));
            for kind in TokenKind::ALL {
                let token = mac.issue(kind, user_id, row_id, counter).unwrap();
                let body = TokenBody { key_id: 2, user_id, row_id, counter };
                prop_assert_eq!(mac.open(kind, token.expose_secret()), Some(body));
                for other in TokenKind::ALL.into_iter().filter(|other| *other != kind) {
                    let renamed = token.expose_secret().replacen(kind.prefix(), other.prefix(), 1);
                    prop_assert_eq!(mac.open(other, token.expose_secret()), None);
                    prop_assert_eq!(mac.open(other, &renamed), None);
                }
            }
        }

        #[test]
        fn one_changed_character_breaks_the_proof(position in 4_usize..102, character in "[A-Za-z0-9_-]") {
            let mac = TokenMac::new(&test_keyring());
            let token = mac.issue(TokenKind::PreAuth, UserId::from_uuid(Uuid::from_u128(9)), Uuid::from_u128(7), 0).unwrap();
            let mut changed = token.expose_secret().to_owned();
            changed.replace_range(position..=position, &character);
            prop_assert!(changed == token.expose_secret() || mac.open(TokenKind::PreAuth, &changed).is_none());
        }
    }
}
