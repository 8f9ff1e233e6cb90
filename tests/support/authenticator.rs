//! An authenticator and the browser around it (WebAuthn §6.1, §6.5), written without the service's code and without a
//! CBOR library. Each part of a response can be replaced, so that tests can send what no authenticator sends.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Flags of the authenticator data.
pub(crate) const USER_PRESENT: u8 = 0x01;
pub(crate) const USER_VERIFIED: u8 = 0x04;
pub(crate) const BACKUP_ELIGIBLE: u8 = 0x08;
pub(crate) const BACKED_UP: u8 = 0x10;
pub(crate) const CREDENTIAL: u8 = 0x40;
pub(crate) const EXTENSIONS: u8 = 0x80;

/// One passkey for ES256, with what its authenticator and browser say.
pub(crate) struct Authenticator {
    pub(crate) rp_id: String,
    pub(crate) origin: String,
    /// The user, from the options of the registration; authenticators without storage do not know it.
    pub(crate) user_handle: Option<Vec<u8>>,
    pub(crate) credential_id: Vec<u8>,
    /// Without [`CREDENTIAL`], which the ceremony decides.
    pub(crate) flags: u8,
    pub(crate) sign_count: u32,
    /// What each use adds to the counter: 0 if the authenticator does not count.
    pub(crate) step: u32,
    /// The public key as a registration shows it, in COSE.
    pub(crate) cose: Vec<u8>,
    /// The beginning of the attestation object, up to the authenticator data.
    pub(crate) attestation: Vec<u8>,
    /// Members that the client data has besides or in the place of the usual ones.
    pub(crate) client_data: Map<String, Value>,
    /// Bytes at the end of the authenticator data.
    pub(crate) behind_data: Vec<u8>,
    /// Bytes at the end of the attestation object.
    pub(crate) behind_object: Vec<u8>,
    /// Flags that are changed into their opposite in each response: in an assertion `CREDENTIAL` adds one.
    pub(crate) changed_flags: u8,
    pair: EcdsaKeyPair,
}

impl Authenticator {
    /// Makes a passkey whose user is verified, and which may not leave its device.
    pub(crate) fn new(rp_id: &str, origin: &str, user_id: [u8; 16]) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        Self {
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            user_handle: Some(user_id.to_vec()),
            credential_id: digest(&SHA256, pair.public_key().as_ref()).as_ref().to_vec(),
            flags: USER_PRESENT | USER_VERIFIED,
            sign_count: 0,
            step: 1,
            cose: [
                b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(),
                x,
                b"\x22\x58\x20",
                y,
            ]
            .concat(),
            attestation: b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec(),
            client_data: Map::new(),
            behind_data: Vec::new(),
            behind_object: Vec::new(),
            changed_flags: 0,
            pair,
        }
    }

    /// Returns a `RegistrationResponseJSON` for a challenge in base64url.
    pub(crate) fn register(&self, challenge: &str) -> Value {
        let length = u16::try_from(self.credential_id.len()).unwrap();
        let credential = [
            &[0; 16],
            length.to_be_bytes().as_slice(),
            &self.credential_id,
            &self.cose,
        ]
        .concat();
        let data = self.data(self.flags | CREDENTIAL, &credential);
        let length = u16::try_from(data.len()).unwrap();
        let object = [
            self.attestation.as_slice(),
            &cbor_bytes_head(length),
            &data,
            &self.behind_object,
        ]
        .concat();
        self.response(&json!({
            "clientDataJSON": text(&self.client_data("webauthn.create", challenge)),
            "attestationObject": text(&object),
            "authenticatorData": text(&data),
            "transports": ["internal", "hybrid"],
        }))
    }

    /// Returns an `AuthenticationResponseJSON` for a challenge in base64url, and counts the use.
    pub(crate) fn assert(&mut self, challenge: &str) -> Value {
        self.sign_count += self.step;
        let data = self.data(self.flags, &[]);
        let client_data = self.client_data("webauthn.get", challenge);
        let signed = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        self.response(&json!({
            "clientDataJSON": text(&client_data),
            "authenticatorData": text(&data),
            "signature": text(signature.as_ref()),
            "userHandle": self.user_handle.as_deref().map(text),
        }))
    }

    fn data(&self, flags: u8, credential: &[u8]) -> Vec<u8> {
        [
            digest(&SHA256, self.rp_id.as_bytes()).as_ref(),
            &[flags ^ self.changed_flags],
            &self.sign_count.to_be_bytes(),
            credential,
            &self.behind_data,
        ]
        .concat()
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let mut data = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        data.as_object_mut().unwrap().extend(self.client_data.clone());
        data.to_string().into_bytes()
    }

    fn response(&self, response: &Value) -> Value {
        let id = text(&self.credential_id);
        json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform", "response": response})
    }
}

/// RFC 8949 §3: the head of a byte string, in its shortest form.
fn cbor_bytes_head(length: u16) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short < 24 => vec![0x40 | short],
        Ok(length) => vec![0x58, length],
        Err(_) => [&[0x59], length.to_be_bytes().as_slice()].concat(),
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
