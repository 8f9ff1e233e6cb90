//! What is known of a passkey (WebAuthn Level 3), and the reasons to refuse one.
//!
//! The checks are in `crypto::passkey`, since they hash and verify. What the client sends is in
//! [`passkey_response`](super::passkey_response).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::{PasskeyId, UserId};
use super::label;
use super::names::names;

/// The authenticator's name for a passkey: 1 to 1023 bytes (WebAuthn §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// Most bytes.
    pub const LONGEST: usize = 1023;

    /// Accepts bytes of a permitted length.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::LONGEST).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// Returns the bytes, as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the id as JSON carries it: base64url without padding.
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

/// What an authenticator names the user of a passkey by: 1 to 64 bytes (WebAuthn §5.4.3). Of a passkey that was
/// registered here it is the user's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserHandle(Vec<u8>);

impl UserHandle {
    /// Most bytes.
    pub const LONGEST: usize = 64;

    /// Accepts bytes of a permitted length.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::LONGEST).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// Returns the handle that the service gives a user: the bytes of the id.
    pub fn of(user_id: UserId) -> Self {
        Self(user_id.uuid().into_bytes().to_vec())
    }

    /// Returns the user whose id the handle is, if it can be an id.
    pub fn user_id(&self) -> Option<UserId> {
        Uuid::from_slice(&self.0).ok().map(UserId::from_uuid)
    }

    /// Returns the bytes, as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the handle as JSON carries it: base64url without padding.
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

/// What is known of the handle by which a passkey names its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownHandle {
    /// It is the user's id: the passkey was registered here.
    UserId,
    /// Another program gave it to the user.
    Given(UserHandle),
    /// Another program gave it, and did not say what it is.
    Unknown,
}

impl KnownHandle {
    /// Returns the handle that another program gave.
    pub const fn given(&self) -> Option<&UserHandle> {
        match self {
            Self::Given(handle) => Some(handle),
            Self::UserId | Self::Unknown => None,
        }
    }
}

/// The name that the owner gives a passkey, to tell it from others: 1 to 64 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PasskeyName(String);

impl PasskeyName {
    /// The name of a passkey whose owner gave it none.
    pub const UNNAMED: &'static str = "Passkey";

    /// Parses a name. White space and invisible characters around it are removed.
    ///
    /// # Errors
    ///
    /// Names the rule that the name breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        label::name(text).map(|name| Self(name.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keeps names out of logs: owners write their own into them.
impl fmt::Debug for PasskeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasskeyName(…)")
    }
}

/// How the browser reaches the authenticator (WebAuthn §5.8.4). A hint that is returned to the browser; no rule depends
/// on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Bluetooth Low Energy.
    Ble,
    /// Another device nearby, such as a phone that reads a QR code.
    Hybrid,
    /// The device that the browser runs on.
    Internal,
    /// Near-field communication.
    Nfc,
    /// A smart card with contacts.
    SmartCard,
    /// Removable USB.
    Usb,
}

names!(Transport {
    Ble = "ble",
    Hybrid = "hybrid",
    Internal = "internal",
    Nfc = "nfc",
    SmartCard = "smart-card",
    Usb = "usb",
});

impl Transport {
    /// Returns the known ones among some names, each once. Unknown names are dropped: the standard allows new ones.
    pub fn known(names: &[String]) -> Vec<Self> {
        let is_named = |transport: &Self| names.iter().any(|name| name == transport.as_str());
        Self::ALL.into_iter().filter(is_named).collect()
    }
}

/// A signature scheme of passkeys, by its number in COSE (RFC 9053 §2, RFC 8812 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl KeyAlgorithm {
    /// All, the preferred one first, in the order that WebAuthn §5.4 recommends.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Returns the number in COSE, under which the algorithm is stored.
    pub const fn number(self) -> i32 {
        match self {
            Self::EdDsa => -8,
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }

    /// Returns the algorithm of a number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }
}

/// The public key of a passkey, in the form that the provider of cryptography reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The only algorithm that it is used with.
    pub algorithm: KeyAlgorithm,
    /// Ed25519: the 32 bytes of the key. P-256: the uncompressed point, `04 ‖ x ‖ y`. RSA: the modulus; the exponent is
    /// always 65537.
    pub bytes: Vec<u8>,
}

/// Whether the authenticator verifies its user, for instance by PIN or fingerprint (WebAuthn §5.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserVerification {
    /// A response without it is refused.
    Required,
    /// The authenticator verifies its user if it can.
    Preferred,
    /// The user need not be verified.
    Discouraged,
}

names!(UserVerification {
    Required = "required",
    Preferred = "preferred",
    Discouraged = "discouraged",
});

/// A passkey, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Its row.
    pub id: PasskeyId,
    /// The authenticator's name for it.
    pub credential_id: CredentialId,
    /// The owner's name for it.
    pub name: String,
    /// How browsers reach the authenticator.
    pub transports: Vec<Transport>,
    /// Whether the key was stored elsewhere, too, at the last use.
    pub backed_up: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// All that is stored of a passkey, apart from the public key.
#[derive(Clone, Debug)]
pub struct PasskeyRecord {
    /// What the owner sees of it otherwise.
    pub passkey: Passkey,
    /// What another program named its user by, if one registered it and said so.
    pub user_handle: Option<UserHandle>,
    /// The model of the authenticator, or zero.
    pub aaguid: Uuid,
    /// How often the authenticator said that it signed.
    pub sign_count: u32,
    /// Whether the authenticator verified its user at the registration.
    pub user_verified: bool,
    /// Whether the key may leave its device, if that is known.
    pub backup_eligible: Option<bool>,
    /// Whether it has signed in alone.
    pub signs_in_alone: bool,
}

/// What a registration that passed all checks says of the passkey, or another program that registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its id.
    pub credential_id: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// How often the authenticator says that it signed; zero for ever if it does not count.
    pub sign_count: u32,
    /// Whether the authenticator verified its user.
    pub user_verified: bool,
    /// Whether the key may leave its device. Never changes. `None`: the program that registered it did not note it, as
    /// those of WebAuthn Level 2, so the first use says it.
    pub backup_eligible: Option<bool>,
    /// Whether the key is at present stored elsewhere, too.
    pub backed_up: bool,
    /// The model of the authenticator, or zero. It is not signed, so no rule depends on it.
    pub aaguid: Uuid,
}

/// What is stored of the passkey that an assertion names, as far as the checks need it.
#[derive(Clone, Copy, Debug)]
pub struct KnownPasskey<'a> {
    /// Its user.
    pub user_id: UserId,
    /// The handle of its user.
    pub user_handle: &'a KnownHandle,
    /// Its public key.
    pub public_key: &'a PublicKey,
    /// Whether the key may leave its device, if that is known.
    pub backup_eligible: Option<bool>,
}

impl KnownPasskey<'_> {
    /// Returns whether a handle names the user of the passkey.
    pub fn is_of(&self, handle: &UserHandle) -> bool {
        match self.user_handle {
            KnownHandle::UserId => handle.user_id() == Some(self.user_id),
            KnownHandle::Given(own) => own == handle,
            KnownHandle::Unknown => false,
        }
    }

    /// Returns whether a passkey that says this handle, or none, can be that of a user who is known by other means.
    pub fn may_be_of(&self, handle: Option<&UserHandle>) -> bool {
        *self.user_handle == KnownHandle::Unknown || handle.is_none_or(|handle| self.is_of(handle))
    }
}

/// What an assertion that passed all checks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct PasskeyUse {
    /// How often the authenticator says that it signed. The caller compares it with the stored number.
    pub sign_count: u32,
    /// Whether the authenticator verified its user.
    pub user_verified: bool,
    /// Whether the key may leave its device.
    pub backup_eligible: bool,
    /// Whether the key is at present stored elsewhere, too.
    pub backed_up: bool,
    /// Whether it proved its user without anything else, as at a sign-in.
    pub alone: bool,
}

/// Why a registration or an assertion is refused. Metrics and the audit trail have the name of the reason. Of an
/// assertion clients learn only that it was refused: the reason would tell an attacker which check is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The client data is not the JSON of WebAuthn §5.8.1.
    ClientData,
    /// The client data is of the other ceremony.
    Type,
    /// The challenge is not the one that was issued for this use.
    Challenge,
    /// The challenge was answered before, or a newer one was.
    Spent,
    /// The page has an origin that is not configured.
    Origin,
    /// The page was in a frame of another site.
    CrossOrigin,
    /// The authenticator data is of another relying party.
    RelyingParty,
    /// The user was not present.
    Presence,
    /// The user was not verified, though that is required.
    UserVerification,
    /// The key is said to be backed up, though it cannot be.
    BackupState,
    /// The key may leave its device now and did not before, or the reverse.
    BackupEligibility,
    /// The authenticator data has missing, unexpected or further bytes.
    AuthenticatorData,
    /// A part is not in strict CBOR, or not the expected item.
    Encoding,
    /// The credential id is too long, empty, or not the one beside it.
    CredentialId,
    /// The key is for an algorithm that is not offered.
    Algorithm,
    /// The key is malformed or too weak.
    PublicKey,
    /// The passkey belongs to another user.
    User,
    /// The signature is wrong.
    Signature,
}

names!(Refusal {
    ClientData = "client_data",
    Type = "type",
    Challenge = "challenge",
    Spent = "spent",
    Origin = "origin",
    CrossOrigin = "cross_origin",
    RelyingParty = "relying_party",
    Presence = "presence",
    UserVerification = "user_verification",
    BackupState = "backup_state",
    BackupEligibility = "backup_eligibility",
    AuthenticatorData = "authenticator_data",
    Encoding = "encoding",
    CredentialId = "credential_id",
    Algorithm = "algorithm",
    PublicKey = "public_key",
    User = "user",
    Signature = "signature",
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::typed_text::typing;

    #[test]
    fn a_credential_id_has_1_to_1023_bytes() {
        for (length, accepted) in [(0, false), (1, true), (1023, true), (1024, false)] {
            assert_eq!(
                CredentialId::from_bytes(vec![7; length]).is_some(),
                accepted,
                "{length}"
            );
        }
    }

    #[test]
    fn a_user_handle_has_1_to_64_bytes() {
        for (length, accepted) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(UserHandle::from_bytes(vec![7; length]).is_some(), accepted, "{length}");
        }
    }

    #[test]
    fn a_handle_of_another_program_names_the_user_in_the_place_of_the_id() {
        let user_id = UserId::from_uuid(Uuid::from_u128(7));
        let (own, other) = (UserHandle::of(user_id), UserHandle::from_bytes(vec![7]).unwrap());
        assert_eq!(other.user_id(), None);
        let public_key = PublicKey {
            algorithm: KeyAlgorithm::EdDsa,
            bytes: vec![],
        };
        for (known, named, possible) in [
            (KnownHandle::UserId, [true, false], [true, false]),
            (KnownHandle::Given(other.clone()), [false, true], [false, true]),
            (KnownHandle::Unknown, [false, false], [true, true]),
        ] {
            let passkey = KnownPasskey {
                user_id,
                user_handle: &known,
                public_key: &public_key,
                backup_eligible: None,
            };
            assert_eq!([&own, &other].map(|handle| passkey.is_of(handle)), named);
            assert_eq!([&own, &other].map(|handle| passkey.may_be_of(Some(handle))), possible);
            assert!(passkey.may_be_of(None));
        }
    }

    #[test]
    fn the_rule_that_a_name_breaks_is_named() {
        for (text, says) in [
            ("", "empty"),
            (" \u{200b}\n", "empty"),
            (&"ä".repeat(65), "at most 64"),
            ("a\nb", "line ends"),
            ("a\u{202e}b", "invisible"),
            ("a\0b", "invisible"),
        ] {
            let wrong = PasskeyName::parse(text).unwrap_err();
            assert!(wrong.contains(says), "{text:?}: {wrong}");
        }
        for text in ["a", "Schlüssel am Bund", "👩\u{200d}🚀", &"ä".repeat(64)] {
            assert_eq!(PasskeyName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn known_transports_are_returned_once() {
        let names = ["usb", "cable", "nfc", "usb", "USB", ""].map(str::to_owned);
        assert_eq!(Transport::known(&names), [Transport::Nfc, Transport::Usb]);
    }

    #[test]
    fn an_algorithm_is_read_back() {
        for algorithm in KeyAlgorithm::ALL {
            assert_eq!(KeyAlgorithm::from_number(algorithm.number()), Some(algorithm));
        }
        assert_eq!(KeyAlgorithm::from_number(-35), None);
    }

    proptest! {
        #[test]
        fn a_user_handle_is_the_id_of_its_user(id: u128) {
            let id = UserId::from_uuid(Uuid::from_u128(id));
            prop_assert_eq!(UserHandle::of(id).user_id(), Some(id));
        }

        #[test]
        fn what_stands_around_a_name_is_not_part_of_it(
            name in "[a-zäß]{1,30}( [a-z]{1,30})?", before in typing::margin(), after in typing::margin(),
        ) {
            let parsed = PasskeyName::parse(&format!("{before}{name}{after}")).unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }
    }
}
