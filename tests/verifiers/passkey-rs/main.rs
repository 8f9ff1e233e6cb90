//! A browser and its authenticator, on passkey-rs.
//!
//! ```text
//! passkeys {"origin": "http://localhost:8080", "algorithm": -8, "verifies": true, "stores": true, "counts": false}
//! ```
//!
//! `stores`: whether passkeys are discoverable. Each line of the input has options, `{"create": …}` or `{"get": …}`, as the
//! service writes them. Each line of the output has the response of the browser, or `{"error": …}`.

use std::env::args;
use std::io::{Write, stdin, stdout};

use passkey::authenticator::{
    Authenticator, CredentialStore, DiscoverabilitySupport, StoreInfo, UiHint, UserCheck, UserValidationMethod,
};
use passkey::client::{Client, DefaultClientData, WebauthnError};
use passkey::crypto::iana::{Algorithm, EnumI64};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey_types::Passkey;
use passkey_types::ctap2::make_credential::{Options, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity};
use passkey_types::ctap2::{Aaguid, Ctap2Error, StatusCode};
use passkey_types::webauthn::{
    CredentialCreationOptions, CredentialRequestOptions, PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor, PublicKeyCredentialRequestOptions,
};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

#[derive(Deserialize)]
struct Device {
    origin: Url,
    /// Its number in COSE.
    algorithm: i64,
    verifies: bool,
    stores: bool,
    counts: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    Create(Box<PublicKeyCredentialCreationOptions>),
    Get(PublicKeyCredentialRequestOptions),
}

/// The owner, who is present and, if the device asks for that, gives a fingerprint.
struct Owner {
    verifies: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for Owner {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        _presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        // The library leaves it to the display to refuse a second passkey of the account (CTAP §6.1.2 step 12).
        if matches!(hint, UiHint::InformExcludedCredentialFound(_)) {
            return Err(Ctap2Error::CredentialExcluded);
        }
        Ok(UserCheck {
            presence: true,
            verification: verification && self.verifies,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.verifies.then_some(true)
    }
}

/// What the device keeps.
struct Store {
    passkeys: Vec<Passkey>,
    is_discoverable: bool,
}

#[async_trait::async_trait]
impl CredentialStore for Store {
    type PasskeyItem = Passkey;

    async fn find_credentials(
        &self,
        ids: Option<&[PublicKeyCredentialDescriptor]>,
        rp_id: &str,
        _user_handle: Option<&[u8]>,
    ) -> Result<Vec<Passkey>, StatusCode> {
        let is_meant = |passkey: &&Passkey| match ids {
            Some(ids) => ids.iter().any(|named| named.id == passkey.credential_id),
            None => passkey.user_handle.is_some(),
        };
        let of_party = self.passkeys.iter().filter(|passkey| passkey.rp_id == rp_id);
        let found: Vec<Passkey> = of_party.filter(is_meant).cloned().collect();
        if found.is_empty() {
            return Err(Ctap2Error::NoCredentials.into());
        }
        Ok(found)
    }

    async fn save_credential(
        &mut self,
        passkey: Passkey,
        _user: PublicKeyCredentialUserEntity,
        _party: PublicKeyCredentialRpEntity,
        _options: Options,
    ) -> Result<(), StatusCode> {
        self.passkeys.push(passkey);
        Ok(())
    }

    async fn update_credential(&mut self, changed: &Passkey) -> Result<(), StatusCode> {
        let stored = self.passkeys.iter_mut();
        for passkey in stored.filter(|passkey| passkey.credential_id == changed.credential_id) {
            *passkey = changed.clone();
        }
        Ok(())
    }

    async fn get_info(&self) -> StoreInfo {
        StoreInfo {
            discoverability: if self.is_discoverable {
                DiscoverabilitySupport::Full
            } else {
                DiscoverabilitySupport::OnlyNonDiscoverable
            },
        }
    }
}

fn main() {
    let device: Device = serde_json::from_str(&args().nth(1).unwrap()).unwrap();
    let store = Store {
        passkeys: Vec::new(),
        is_discoverable: device.stores,
    };
    let owner = Owner {
        verifies: device.verifies,
    };
    let mut authenticator = Authenticator::new(Aaguid::new_empty(), store, owner, RustCryptoBackend);
    let algorithm = Algorithm::from_i64(device.algorithm).unwrap();
    authenticator.set_algorithms(&[algorithm]).unwrap();
    authenticator.set_make_credentials_with_signature_counter(device.counts);
    let mut client = Client::new(authenticator)
        .allows_insecure_localhost(true)
        .user_verification_when_preferred(device.verifies);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for line in stdin().lines() {
        let request: Request = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = runtime.block_on(async {
            match request {
                Request::Create(options) => {
                    let options = CredentialCreationOptions { public_key: *options };
                    shown(client.register(&device.origin, options, DefaultClientData).await)
                }
                Request::Get(options) => {
                    let options = CredentialRequestOptions { public_key: options };
                    shown(client.authenticate(&device.origin, options, DefaultClientData).await)
                }
            }
        });
        println!("{answer}");
        stdout().flush().unwrap();
    }
}

/// Returns a response as JSON carries it.
fn shown(response: Result<impl serde::Serialize, WebauthnError>) -> Value {
    match response {
        Ok(credential) => serde_json::to_value(credential).unwrap(),
        Err(error) => json!({"error": format!("{error:?}")}),
    }
}
