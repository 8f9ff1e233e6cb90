//! An authenticator and the browser around it (WebAuthn §6.1, §6.5), written without the service's code and without a
//! CBOR library. Each part of a response can be replaced, so that tests can send what no authenticator sends.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
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

/// A signature scheme (WebAuthn §5.8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    EdDsa,
    Es256,
    /// With a modulus of 2048 bits.
    Rs256,
}

impl Scheme {
    pub(crate) const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Its number in CBOR: -8, -7 or -257.
    const fn number(self) -> &'static [u8] {
        match self {
            Self::EdDsa => b"\x27",
            Self::Es256 => b"\x26",
            Self::Rs256 => b"\x39\x01\x00",
        }
    }

    fn generate(self) -> PrivateKey {
        let random = SystemRandom::new();
        match self {
            Self::EdDsa => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                PrivateKey::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
            }
            Self::Es256 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
                PrivateKey::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap())
            }
            Self::Rs256 => PrivateKey::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }
}

enum PrivateKey {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl PrivateKey {
    /// The public key in COSE (RFC 9053 §7, RFC 8230 §4).
    fn cose(&self) -> Vec<u8> {
        match self {
            Self::EdDsa(pair) => [
                b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(),
                pair.public_key().as_ref(),
            ]
            .concat(),
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let head = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice();
                [head, x, b"\x22\x58\x20", y].concat()
            }
            Self::Rs256(pair) => {
                // `RSAPublicKey` in DER (RFC 8017 §A.1.1): two heads of four bytes and a zero, the modulus, the exponent.
                let modulus = &pair.public_key().as_ref()[9..265];
                let head = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00".as_slice();
                [head, modulus, b"\x21\x43\x01\x00\x01"].concat()
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// One passkey, with what its authenticator and browser say.
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
    /// Whether a registration has a statement that the passkey itself signed, in the place of that beginning (§6.5.4).
    pub(crate) self_attested: bool,
    /// Members that the client data has besides or in the place of the usual ones.
    pub(crate) client_data: Map<String, Value>,
    /// Bytes at the end of the authenticator data.
    pub(crate) behind_data: Vec<u8>,
    /// Bytes at the end of the attestation object.
    pub(crate) behind_object: Vec<u8>,
    /// Flags that are changed into their opposite in each response: in an assertion `CREDENTIAL` adds one.
    pub(crate) changed_flags: u8,
    scheme: Scheme,
    key: PrivateKey,
}

impl Authenticator {
    /// Makes a passkey for ES256 whose user is verified, and which may not leave its device.
    pub(crate) fn new(rp_id: &str, origin: &str, user_id: [u8; 16]) -> Self {
        Self::of_scheme(Scheme::Es256, rp_id, origin, user_id)
    }

    /// Makes one of a signature scheme.
    pub(crate) fn of_scheme(scheme: Scheme, rp_id: &str, origin: &str, user_id: [u8; 16]) -> Self {
        let key = scheme.generate();
        let cose = key.cose();
        Self {
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            user_handle: Some(user_id.to_vec()),
            credential_id: digest(&SHA256, &cose).as_ref().to_vec(),
            flags: USER_PRESENT | USER_VERIFIED,
            sign_count: 0,
            step: 1,
            cose,
            attestation: b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec(),
            self_attested: false,
            client_data: Map::new(),
            behind_data: Vec::new(),
            behind_object: Vec::new(),
            changed_flags: 0,
            scheme,
            key,
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
        let client_data = self.client_data("webauthn.create", challenge);
        let beginning = if self.self_attested {
            self.statement(&data, &client_data)
        } else {
            self.attestation.clone()
        };
        let object = [beginning, cbor_bytes(&data), self.behind_object.clone()].concat();
        self.response(&json!({
            "clientDataJSON": text(&client_data),
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
        let signature = self.sign(&data, &client_data);
        let mut response = json!({
            "clientDataJSON": text(&client_data),
            "authenticatorData": text(&data),
            "signature": text(&signature),
        });
        // Browsers leave the member out, too.
        if let Some(handle) = &self.user_handle {
            response["userHandle"] = json!(text(handle));
        }
        self.response(&response)
    }

    fn sign(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        self.key.sign(&[data, digest(&SHA256, client_data).as_ref()].concat())
    }

    /// The beginning of an attestation object in the format `packed`, with a signature of the passkey (§8.2).
    fn statement(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        [
            b"\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg".as_slice(),
            self.scheme.number(),
            b"\x63sig",
            &cbor_bytes(&self.sign(data, client_data)),
            b"\x68authData",
        ]
        .concat()
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

/// RFC 8949 §3: a byte string, with its length in the shortest form.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let head = match u8::try_from(length) {
        Ok(short) if short < 24 => vec![0x40 | short],
        Ok(length) => vec![0x58, length],
        Err(_) => [&[0x59], length.to_be_bytes().as_slice()].concat(),
    };
    [head.as_slice(), bytes].concat()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
