//! The format of every bearer secret that is not an access token.
//!
//! `prefix_` + base64url(key id ‖ user id ‖ row id ‖ counter ‖ MAC). The MAC authenticates the token, so a forged one
//! is refused without a query, and the database contains nothing that could be presented. This module knows the layout;
//! `crypto::mac` makes and verifies the MAC, over the kind and all the rest, so that a token made for one purpose never
//! passes for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use uuid::Uuid;

use super::ids::{ApiKeyId, SessionId, TrustedDeviceId, UserId};
use super::oauth::api_key::ApiKeyHandle;
use super::session::SessionKey;
use super::trusted_device::DeviceKey;

/// Bytes of the HMAC-SHA-256 that authenticates a token.
pub const MAC_LENGTH: usize = 32;
/// Key id, user id, row id, counter.
const BODY_LENGTH: usize = 1 + 16 + 16 + 8;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Names a pending session: the first factor was right, and the second factor is required.
    PreAuth,
    /// Gets the session's next tokens.
    Refresh,
    /// In a mail: a first factor, in the place of the password.
    MagicLink,
    /// In a mail: sets a new password.
    PasswordReset,
    /// In a mail: verifies an address.
    EmailVerification,
    /// In a mail to the address that an account has: cancels the change to another one.
    EmailChangeCancellation,
    /// The challenge of a passkey that a session registers. Challenges are shown without their prefix.
    PasskeyRegistration,
    /// The challenge of a passkey that a session's user shows as second factor or to step up.
    PasskeyAssertion,
    /// The challenge of a passkey that a user signs in with alone; names no user.
    PasskeySignIn,
    /// The challenge of a passkey that removes the password, signed as at a sign-in, in a session.
    PasswordRemoval,
    /// Spares the second factor at sign-in on a trusted device.
    TrustedDevice,
    /// An authorization code: an application exchanges it for the tokens of a grant.
    AuthorizationCode,
    /// Gets a grant's next tokens.
    GrantRefresh,
    /// A device asks with it whether its user has decided; names no user.
    DeviceCode,
    /// A script of a user exchanges it for access tokens.
    ApiKey,
    /// The nonce of proofs of possession; names no user. Shown without its prefix.
    DpopNonce,
}

impl TokenKind {
    /// All kinds, for tests that compare them.
    pub const ALL: [Self; 16] = [
        Self::PreAuth,
        Self::Refresh,
        Self::MagicLink,
        Self::PasswordReset,
        Self::EmailVerification,
        Self::EmailChangeCancellation,
        Self::PasskeyRegistration,
        Self::PasskeyAssertion,
        Self::PasskeySignIn,
        Self::PasswordRemoval,
        Self::TrustedDevice,
        Self::AuthorizationCode,
        Self::GrantRefresh,
        Self::DeviceCode,
        Self::ApiKey,
        Self::DpopNonce,
    ];

    /// Returns the prefix by which users and secret scanners recognise the token. Part of the API contract.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::PreAuth => "vpa_",
            Self::Refresh => "vrt_",
            Self::MagicLink => "vml_",
            Self::PasswordReset => "vpr_",
            Self::EmailVerification => "vev_",
            Self::EmailChangeCancellation => "vec_",
            Self::PasskeyRegistration => "vkr_",
            Self::PasskeyAssertion => "vka_",
            Self::PasskeySignIn => "vks_",
            Self::PasswordRemoval => "vkp_",
            Self::TrustedDevice => "vtd_",
            Self::AuthorizationCode => "vac_",
            Self::GrantRefresh => "vgr_",
            Self::DeviceCode => "vdc_",
            Self::ApiKey => "vak_",
            Self::DpopNonce => "vdn_",
        }
    }
}

/// The content of a token, after its MAC was verified or before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBody {
    /// The master key of the MAC.
    pub key_id: u8,
    /// The user whose row it is.
    pub user_id: UserId,
    /// The row that the token stands for.
    pub row_id: Uuid,
    /// Its number in the row's series of tokens.
    pub counter: u64,
}

impl TokenBody {
    /// Returns the bytes that the MAC covers: the kind's prefix, then the body.
    pub fn proof_input(&self, kind: TokenKind) -> Vec<u8> {
        [kind.prefix().as_bytes(), &self.to_bytes()].concat()
    }

    /// Returns the session that a pre-auth token, a refresh token or a challenge of a session stands for.
    pub const fn session(&self) -> SessionKey {
        SessionKey {
            user_id: self.user_id,
            session_id: SessionId::from_uuid(self.row_id),
        }
    }

    /// Returns the trusted device that a device token stands for.
    pub const fn device(&self) -> DeviceKey {
        DeviceKey {
            user_id: self.user_id,
            device_id: TrustedDeviceId::from_uuid(self.row_id),
        }
    }

    /// Returns the API key that its token stands for.
    pub const fn api_key(&self) -> ApiKeyHandle {
        ApiKeyHandle {
            user_id: self.user_id,
            key_id: ApiKeyId::from_uuid(self.row_id),
        }
    }

    /// Encodes the token with its MAC.
    pub fn encode(&self, kind: TokenKind, mac: &[u8; MAC_LENGTH]) -> SecretString {
        let bytes = [self.to_bytes().as_slice(), mac].concat();
        format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes)).into()
    }

    /// Decodes a token of the given kind; `None` when it has another format. Does not verify the MAC.
    pub fn decode(kind: TokenKind, token: &str) -> Option<(Self, [u8; MAC_LENGTH])> {
        let mut bytes = [0; BODY_LENGTH + MAC_LENGTH];
        let encoded = token.strip_prefix(kind.prefix())?;
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (key_id, rest) = bytes.split_first()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (row_id, rest) = rest.split_first_chunk::<16>()?;
        let (counter, mac) = rest.split_first_chunk::<8>()?;
        let body = Self {
            key_id: *key_id,
            user_id: UserId::from_uuid(Uuid::from_bytes(*user_id)),
            row_id: Uuid::from_bytes(*row_id),
            counter: u64::from_be_bytes(*counter),
        };
        Some((body, mac.try_into().ok()?))
    }

    fn to_bytes(self) -> Vec<u8> {
        [
            &[self.key_id],
            self.user_id.uuid().as_bytes().as_slice(),
            self.row_id.as_bytes().as_slice(),
            &self.counter.to_be_bytes(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    proptest! {
        #[test]
        fn a_token_says_what_was_written_and_only_as_its_own_kind(
            key_id: u8, user_id: u128, row_id: u128, counter: u64, mac: [u8; MAC_LENGTH],
        ) {
            let user_id = UserId::from_uuid(Uuid::from_u128(user_id));
            let body = TokenBody { key_id, user_id, row_id: Uuid::from_u128(row_id), counter };
            for kind in TokenKind::ALL {
                let token = body.encode(kind, &mac);
                for other in TokenKind::ALL {
                    let read = TokenBody::decode(other, token.expose_secret());
                    prop_assert_eq!(read, (other == kind).then_some((body, mac)));
                }
            }
        }

        #[test]
        fn other_texts_are_not_tokens(text in "(vpa_|vrt_|vml_|vpr_|vev_|vec_|vkr_|vka_|vks_|vkp_|vtd_|vac_|vgr_|vdc_|vak_|vdn_)?[A-Za-z0-9_=-]{0,104}") {
            let wrong_length = text.len() != "vpa_".len() + 98;
            prop_assert!(!wrong_length || TokenBody::decode(TokenKind::PreAuth, &text).is_none());
        }
    }

    #[test]
    fn padded_and_spaced_spellings_of_a_token_are_refused() {
        let body = TokenBody {
            key_id: 1,
            user_id: UserId::from_uuid(Uuid::nil()),
            row_id: Uuid::nil(),
            counter: 7,
        };
        let token = body.encode(TokenKind::PreAuth, &[9; MAC_LENGTH]);
        let token = token.expose_secret();
        for spelling in [
            format!("{token}="),
            format!(" {token}"),
            format!("{token}\n"),
            token.to_uppercase(),
        ] {
            assert_eq!(TokenBody::decode(TokenKind::PreAuth, &spelling), None);
        }
    }
}
