//! The master key: from the settings, or from the data directory.

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::{alphabet, engine::DecodePaddingMode};
use zeroize::Zeroizing;

use super::database::{DatabaseConfig, DatabaseLocation};
use super::reader::Reader;
use super::settings;
use crate::crypto::keyring::{Keyring, MASTER_KEY_LENGTH, MasterKey};

/// The id of a key without an explicit id.
const DEFAULT_ID: u8 = 1;
/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the master key comes from.
#[derive(Debug)]
pub enum MasterKeySource {
    /// From the settings.
    Given(Box<Keyring>),
    /// From a file in the data directory, which the first start creates.
    DataDirectory,
}

impl MasterKeySource {
    /// Reads the section. A database outside the data directory requires a master key from the settings: if the key
    /// were lost with the directory, the secrets in the database could not be opened.
    pub(super) fn read(reader: &mut Reader<'_>, database: Option<&DatabaseConfig>) -> Option<Self> {
        if let Some(given) = reader.parse_optional(&settings::MASTER_KEY, parse_keyring)? {
            return Some(Self::Given(Box::new(given)));
        }
        if matches!(database?.location, DatabaseLocation::Url(_)) {
            reader.fault(
                &settings::MASTER_KEY,
                "is required with DATABASE_URL: 32 random bytes in base64, such as `openssl rand -base64 32` prints",
            );
            return None;
        }
        Some(Self::DataDirectory)
    }
}

/// Parses one key, or a list of `id:key` with the current one first.
pub(crate) fn parse_keyring(text: &str) -> Result<Keyring, String> {
    let mut keys = Vec::<MasterKey>::new();
    for item in text.split(',').map(str::trim) {
        let key = parse_key(item)?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(format!("has two keys with the id {}", key.id));
        }
        keys.push(key);
    }
    let mut keys = keys.into_iter();
    let current = keys.next().ok_or_else(|| "has no key".to_owned())?;
    Ok(Keyring::new(current, keys.collect()))
}

fn parse_key(text: &str) -> Result<MasterKey, String> {
    let (id, key) = match text.split_once(':') {
        None => (DEFAULT_ID, text),
        Some((id, key)) => {
            let id = id.parse().ok().filter(|id| *id != 0);
            (
                id.ok_or_else(|| "has a key whose id is not a number from 1 to 255".to_owned())?,
                key,
            )
        }
    };
    let wanted = || format!("must be {MASTER_KEY_LENGTH} bytes in base64, such as `openssl rand -base64 32` prints");
    let bytes = Zeroizing::new(BASE64.decode(key).map_err(|_unreadable| wanted())?);
    let bytes = bytes.as_slice().try_into().map_err(|_wrong_length| wanted())?;
    Ok(MasterKey {
        id,
        bytes: Zeroizing::new(bytes),
    })
}
