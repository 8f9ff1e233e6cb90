//! Keycloak's credentials: JSON that contains two more pieces of JSON, one with the salt and the hash, one with the
//! parameters.

use std::collections::HashMap;

use base64::Engine;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::argon2_kinds::Argon2Hash;
use super::derived::{Digest, Pbkdf2Hash};
use super::{BASE64, ForeignHashError, Parts, number};

const MALFORMED: ForeignHashError = ForeignHashError::Malformed("Keycloak");

/// A credential as a realm export contains it. Its other members are not needed.
#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "credentialData")]
    how: Value,
    #[serde(rename = "secretData")]
    what: Value,
}

/// How a hash was made.
#[derive(Deserialize)]
struct CredentialData {
    #[serde(rename = "hashIterations")]
    iterations: u32,
    algorithm: String,
    #[serde(rename = "additionalParameters", default)]
    more: HashMap<String, Vec<String>>,
}

/// The hash itself.
#[derive(Deserialize)]
struct SecretData {
    value: String,
    salt: String,
}

/// Reads a credential.
pub(super) fn read(text: &str) -> Result<Parts, ForeignHashError> {
    let credential: Credential = serde_json::from_str(text).map_err(|_unreadable| MALFORMED)?;
    if credential.kind.is_some_and(|kind| kind != "password") {
        return Err(ForeignHashError::Refused(
            "is a Keycloak credential that is not a password",
        ));
    }
    let how: CredentialData = unpack(credential.how)?;
    let what: SecretData = unpack(credential.what)?;
    let decode = |text: &str| BASE64.decode(text).map_err(|_unreadable| MALFORMED);
    let (salt, hash) = (decode(&what.salt)?, decode(&what.value)?);
    let digest = match how.algorithm.as_str() {
        "pbkdf2" => Digest::Sha1,
        "pbkdf2-sha256" => Digest::Sha256,
        "pbkdf2-sha512" => Digest::Sha512,
        "argon2" => return read_argon2(&how, salt, hash).map(Parts::Argon2),
        _ => {
            let known = "uses a Keycloak algorithm other than pbkdf2, pbkdf2-sha256, pbkdf2-sha512 and argon2";
            return Err(ForeignHashError::Refused(known));
        }
    };
    // Releases before 24 made 64 bytes, whatever the digest.
    Pbkdf2Hash::of_parts(digest, how.iterations, salt, hash, MALFORMED).map(Parts::Pbkdf2)
}

/// Parses JSON that is either a string within JSON, as in exports, or nested directly.
fn unpack<T: DeserializeOwned>(value: Value) -> Result<T, ForeignHashError> {
    match value {
        Value::String(text) => serde_json::from_str(&text),
        value => serde_json::from_value(value),
    }
    .map_err(|_unreadable| MALFORMED)
}

fn read_argon2(how: &CredentialData, salt: Vec<u8>, hash: Vec<u8>) -> Result<Argon2Hash, ForeignHashError> {
    let text = |name: &str| match how.more.get(name).map(Vec::as_slice) {
        Some([only]) => Ok(only.as_str()),
        _ => Err(MALFORMED),
    };
    let count = |name: &str| text(name).and_then(|text| number(text).ok_or(MALFORMED));
    let version = match text("version")? {
        "1.3" => 0x13,
        "1.0" => 0x10,
        _ => return Err(MALFORMED),
    };
    let costs = [count("memory")?, how.iterations, count("parallelism")?];
    Argon2Hash::of_parts(text("type")?, version, costs, salt, hash, MALFORMED)
}
