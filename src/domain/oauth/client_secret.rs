//! The secret of a service client.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::domain::random::{self, Random};

/// The prefix by which users and secret scanners recognise the secret. Part of the API contract.
const PREFIX: &str = "vcs_";
const SECRET_BYTES: usize = 32;

/// 256 random bits; the client stores the secret, and the service only its keyed hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl ClientSecret {
    /// Makes a new secret.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random::bytes(random)))
    }

    /// Parses a secret as the client presents it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(text.strip_prefix(PREFIX)?, bytes.as_mut_slice())
            .ok()?;
        (length == SECRET_BYTES).then_some(Self(bytes))
    }

    /// Returns the text that is shown once.
    pub fn to_token(&self) -> SecretString {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0.as_slice())).into()
    }

    /// Returns the bytes, only to be hashed.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_is_read_back(bytes: [u8; SECRET_BYTES]) {
            let secret = ClientSecret(Zeroizing::new(bytes));
            prop_assert_eq!(ClientSecret::parse(secret.to_token().expose_secret()), Some(secret));
        }

        #[test]
        fn other_texts_are_not_secrets(text in "(vcs_)?[A-Za-z0-9_=-]{0,42}") {
            prop_assert_eq!(ClientSecret::parse(&text), None);
        }
    }
}
