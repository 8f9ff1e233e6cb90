//! A passkey as another program describes it, and the rules for the description. The public key is checked where keys
//! are, in `crypto`.

use std::collections::HashSet;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use serde::Deserialize;
use uuid::Uuid;

use super::passkey::{CredentialId, KnownHandle, NewPasskey, PasskeyName, PublicKey, Transport, UserHandle};
use super::policy::numbers::MOST_PASSKEYS;

/// Base 64 in the alphabet of URLs, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The members of a description. Their names are those of the columns here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyMembers {
    /// The authenticator's name for it, in base 64.
    pub credential_id: String,
    /// The public key in COSE, in base 64.
    pub public_key: String,
    /// How often the authenticator said that it had signed.
    pub sign_count: Option<u32>,
    /// Whether the authenticator verified its user at the registration.
    pub user_verified: Option<bool>,
    /// Whether the key may leave its device.
    pub backup_eligible: Option<bool>,
    /// Whether the key was stored elsewhere, too, at the last use.
    pub backed_up: Option<bool>,
    /// How browsers reach the authenticator.
    pub transports: Option<Vec<String>>,
    /// What it names its user by, in base 64.
    pub user_handle: Option<String>,
    /// The model of the authenticator.
    pub aaguid: Option<Uuid>,
    /// The owner's name for it.
    pub name: Option<String>,
}

/// A passkey that is imported, with its public key as it was given.
#[derive(Debug)]
pub struct ImportedPasskey {
    /// The authenticator's name for it.
    pub credential_id: CredentialId,
    /// The public key in COSE.
    pub cose_key: Vec<u8>,
    /// How browsers reach the authenticator.
    pub transports: Vec<Transport>,
    /// What it names its user by. It can sign in alone only if the other program says it.
    pub user_handle: KnownHandle,
    /// The owner's name for it.
    pub name: PasskeyName,
    sign_count: u32,
    user_verified: bool,
    backup_eligible: Option<bool>,
    backed_up: bool,
    aaguid: Uuid,
}

impl ImportedPasskey {
    /// Checks the descriptions of a user's passkeys.
    ///
    /// # Errors
    ///
    /// Names the place, from 0, and the member of the first fault.
    pub fn parse_all(given: &[PasskeyMembers]) -> Result<Vec<Self>, String> {
        if given.len() > MOST_PASSKEYS {
            return Err(format!("must be at most {MOST_PASSKEYS}"));
        }
        let parse = |(place, members)| Self::parse(members).map_err(|wrong| format!("[{place}].{wrong}"));
        let parsed: Vec<Self> = given.iter().enumerate().map(parse).collect::<Result<_, String>>()?;
        let mut ids = HashSet::new();
        match parsed.iter().position(|passkey| !ids.insert(&passkey.credential_id)) {
            Some(place) => Err(format!("[{place}].credential_id is given twice")),
            None => Ok(parsed),
        }
    }

    fn parse(members: &PasskeyMembers) -> Result<Self, String> {
        let id = decode("credential_id", &members.credential_id)?;
        let handle = members.user_handle.as_deref().map(|text| decode("user_handle", text));
        let handle = handle.transpose()?.map(|bytes| {
            let handle = UserHandle::from_bytes(bytes);
            handle.ok_or_else(|| format!("user_handle must have 1 to {} bytes", UserHandle::LONGEST))
        });
        let backed_up = members.backed_up == Some(true);
        if backed_up && members.backup_eligible == Some(false) {
            return Err("backed_up must not be true where backup_eligible is false".to_owned());
        }
        let name = members.name.as_deref().unwrap_or(PasskeyName::UNNAMED);
        Ok(Self {
            credential_id: CredentialId::from_bytes(id)
                .ok_or_else(|| format!("credential_id must have 1 to {} bytes", CredentialId::LONGEST))?,
            cose_key: decode("public_key", &members.public_key)?,
            transports: Transport::known(members.transports.as_deref().unwrap_or_default()),
            user_handle: handle.transpose()?.map_or(KnownHandle::Unknown, KnownHandle::Given),
            name: PasskeyName::parse(name).map_err(|wrong| format!("name {wrong}"))?,
            sign_count: members.sign_count.unwrap_or_default(),
            user_verified: members.user_verified == Some(true),
            // What is stored elsewhere may leave its device.
            backup_eligible: members.backup_eligible.or(backed_up.then_some(true)),
            backed_up,
            aaguid: members.aaguid.unwrap_or_default(),
        })
    }

    /// Returns what is stored of it, with its public key as it was read.
    pub fn with_key(&self, public_key: PublicKey) -> NewPasskey {
        NewPasskey {
            credential_id: self.credential_id.clone(),
            public_key,
            sign_count: self.sign_count,
            user_verified: self.user_verified,
            backup_eligible: self.backup_eligible,
            backed_up: self.backed_up,
            aaguid: self.aaguid,
        }
    }
}

/// Decodes base 64 of either alphabet, since Java and browsers write different ones. PostgreSQL breaks it into lines.
fn decode(member: &str, text: &str) -> Result<Vec<u8>, String> {
    let characters = text.chars().filter(|character| !character.is_whitespace());
    let text: String = characters
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    BASE64
        .decode(text)
        .map_err(|_malformed| format!("{member} must be in base 64"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(changes: &[Value]) -> Result<Vec<ImportedPasskey>, String> {
        let members = changes.iter().enumerate().map(|(place, change)| {
            let mut passkey = json!({"credential_id": format!("AQI{place}"), "public_key": "AQID"});
            for (name, value) in change.as_object().unwrap() {
                passkey[name] = value.clone();
            }
            serde_json::from_value(passkey).unwrap()
        });
        ImportedPasskey::parse_all(&members.collect::<Vec<_>>())
    }

    fn stored(change: Value) -> NewPasskey {
        let key = PublicKey {
            algorithm: crate::domain::passkey::KeyAlgorithm::EdDsa,
            bytes: vec![],
        };
        read(&[change]).unwrap().remove(0).with_key(key)
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let passkey = read(&[json!({})]).unwrap().remove(0);
        assert_eq!(
            (passkey.name.as_str(), passkey.user_handle),
            ("Passkey", KnownHandle::Unknown)
        );
        assert_eq!((passkey.transports, passkey.cose_key), (vec![], vec![1, 2, 3]));
        let passkey = stored(json!({}));
        assert_eq!((passkey.sign_count, passkey.aaguid), (0, Uuid::nil()));
        assert_eq!((passkey.backup_eligible, passkey.backed_up), (None, false));
        assert!(!passkey.user_verified);
    }

    #[test]
    fn what_is_said_is_taken() {
        let given = json!({
            "sign_count": u32::MAX, "user_verified": true, "backup_eligible": true, "backed_up": true,
            "aaguid": "adce0002-35bc-c60a-648b-0b25f1f05503", "name": "Laptop", "transports": ["usb", "cable"],
            "user_handle": "am8=",
        });
        let passkey = read(std::slice::from_ref(&given)).unwrap().remove(0);
        assert_eq!(passkey.user_handle.given().unwrap().as_bytes(), b"jo");
        assert_eq!(
            (passkey.name.as_str(), passkey.transports),
            ("Laptop", vec![Transport::Usb])
        );
        let passkey = stored(given);
        assert_eq!((passkey.sign_count, passkey.backup_eligible), (u32::MAX, Some(true)));
        assert!(passkey.user_verified && passkey.backed_up && !passkey.aaguid.is_nil());
        assert_eq!(stored(json!({"backed_up": true})).backup_eligible, Some(true));
        assert_eq!(stored(json!({"backup_eligible": false})).backup_eligible, Some(false));
    }

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        for text in ["-_8", "+/8", "-_8=", "+/8=", " +/\n8=\n"] {
            let passkey = read(&[json!({"credential_id": text, "public_key": text})]).unwrap();
            assert_eq!(passkey[0].credential_id.as_bytes(), [0xfb, 0xff], "{text}");
            assert_eq!(passkey[0].cose_key, [0xfb, 0xff], "{text}");
        }
    }

    #[test]
    fn the_first_fault_is_told_by_its_place_and_without_its_value() {
        let (long, longer) = ("A".repeat(88), "A".repeat(1400));
        for (change, expected) in [
            (
                json!({"credential_id": "secret-value!"}),
                "[1].credential_id must be in base 64",
            ),
            (
                json!({"credential_id": ""}),
                "[1].credential_id must have 1 to 1023 bytes",
            ),
            (
                json!({"credential_id": longer}),
                "[1].credential_id must have 1 to 1023 bytes",
            ),
            (json!({"credential_id": "AQI0"}), "[1].credential_id is given twice"),
            (
                json!({"public_key": "secret-value!"}),
                "[1].public_key must be in base 64",
            ),
            (json!({"user_handle": "s"}), "[1].user_handle must be in base 64"),
            (json!({"user_handle": ""}), "[1].user_handle must have 1 to 64 bytes"),
            (json!({"user_handle": long}), "[1].user_handle must have 1 to 64 bytes"),
            (json!({"name": " "}), "[1].name must not be empty"),
            (
                json!({"backed_up": true, "backup_eligible": false}),
                "[1].backed_up must not be true where backup_eligible is false",
            ),
        ] {
            assert_eq!(read(&[json!({}), change]).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_user_has_at_most_twenty() {
        let ids = |count: u8| -> Vec<Value> {
            let id = |number: u8| json!({"credential_id": BASE64.encode([number])});
            (0..count).map(id).collect()
        };
        assert_eq!(read(&ids(20)).unwrap().len(), 20);
        assert_eq!(read(&ids(21)).unwrap_err(), "must be at most 20");
    }
}
