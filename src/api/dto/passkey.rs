//! Requests and responses of passkeys. What browsers make and take is in the form of WebAuthn (§5.1.8 to §5.1.10), with
//! its names: pages pass it on unchanged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::input::InvalidInput;
use crate::domain::passkey::{CredentialId, KeyAlgorithm, Passkey, PasskeyRecord, UserHandle};
use crate::domain::passkey_response::{Assertion, CredentialText, Registration};
use crate::domain::policy::numbers::CHALLENGE_LIFE;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::relying_party::RelyingParty;
use crate::flows::factors::{AddedPasskey, AssertionOptions, RegistrationOptions};

const PUBLIC_KEY: &str = "public-key";

/// A credential that a browser made: `toJSON()` of the result of `navigator.credentials.create()`. Members that are not
/// listed are ignored, since browsers add some.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistrationCredential)]
pub struct RegistrationCredential {
    /// The id of the passkey, in base64url.
    pub id: String,
    /// The same.
    pub raw_id: String,
    /// `public-key`
    #[serde(rename = "type")]
    pub kind: String,
    /// What the authenticator answered.
    pub response: AttestationResponse,
}

/// The authenticator's answer to a registration.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttestationResponse {
    /// What the browser says of the page and the challenge.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// The new public key. A statement about the authenticator is neither requested nor verified.
    pub attestation_object: String,
    /// How the browser reaches the authenticator.
    #[serde(default)]
    pub transports: Vec<String>,
}

/// A signed challenge: `toJSON()` of the result of `navigator.credentials.get()`. Members that are not listed are
/// ignored, since browsers add some.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AssertionCredential)]
pub struct AssertionCredential {
    /// The id of the passkey, in base64url.
    pub id: String,
    /// The same.
    pub raw_id: String,
    /// `public-key`
    #[serde(rename = "type")]
    pub kind: String,
    /// What the authenticator answered.
    pub response: AssertionResponse,
}

/// The authenticator's answer to a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssertionResponse {
    /// What the browser says of the page and the challenge.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// What the authenticator says.
    pub authenticator_data: String,
    /// The signature over both.
    pub signature: String,
    /// The user whom the passkey was made for. `POST /passkey/verify` requires it.
    pub user_handle: Option<String>,
}

impl RegistrationCredential {
    /// Decodes the members.
    ///
    /// # Errors
    ///
    /// Names the member of `/credential` that is malformed.
    pub fn parse(&self) -> Result<Registration, InvalidInput> {
        let text = CredentialText {
            id: &self.id,
            raw_id: &self.raw_id,
            kind: &self.kind,
        };
        let response = &self.response;
        let parsed = Registration::parse(
            text,
            &response.client_data_json,
            &response.attestation_object,
            &response.transports,
        );
        parsed.map_err(|wanted| InvalidInput::of("/credential", wanted))
    }
}

impl AssertionCredential {
    /// Decodes the members.
    ///
    /// # Errors
    ///
    /// Names the member of `pointer` that is malformed.
    pub fn parse(&self, pointer: &'static str) -> Result<Assertion, InvalidInput> {
        let text = CredentialText {
            id: &self.id,
            raw_id: &self.raw_id,
            kind: &self.kind,
        };
        let response = &self.response;
        let parsed = Assertion::parse(
            text,
            &response.client_data_json,
            &response.authenticator_data,
            &response.signature,
            response.user_handle.as_deref(),
        );
        parsed.map_err(|wanted| InvalidInput::of(pointer, wanted))
    }
}

/// A new passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "credential": {
        "id": "AQIDBA",
        "rawId": "AQIDBA",
        "type": "public-key",
        "response": {"clientDataJSON": "eyJ0eXBl…", "attestationObject": "o2NmbXRk…", "transports": ["usb"]},
    },
    "name": "Blue key",
}))]
pub struct RegisterPasskeyRequest {
    /// What the browser made.
    pub credential: RegistrationCredential,
    /// A name to tell it from others: 1 to 64 characters. If omitted, it is `Passkey`.
    #[schema(value_type = Option<String>, nullable = false, example = "Blue key")]
    pub name: Option<String>,
}

/// Another name for a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Blue key"}))]
pub struct RenamePasskeyRequest {
    /// 1 to 64 characters.
    pub name: String,
}

/// A sign-in with a passkey alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credential": {
    "id": "AQIDBA",
    "rawId": "AQIDBA",
    "type": "public-key",
    "response": {
        "clientDataJSON": "eyJ0eXBl…",
        "authenticatorData": "SZYN5YgO…",
        "signature": "MEUCIQD2…",
        "userHandle": "AZypRQoAdnO3HgEIuHfbxw",
    },
}}))]
pub struct PasskeySignInRequest {
    /// What the browser made of the options.
    pub credential: AssertionCredential,
    /// Where the session's refresh tokens go: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<super::words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
}

/// A passkey, without its key.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
pub struct PasskeyView {
    /// Its id.
    pub id: uuid::Uuid,
    /// The owner's name for it.
    #[schema(example = "Blue key")]
    pub name: String,
    /// How browsers reach the authenticator: `ble`, `hybrid`, `internal`, `nfc`, `smart-card`, `usb`.
    #[schema(example = json!(["internal"]))]
    pub transports: Vec<&'static str>,
    /// Whether a provider keeps a copy of it, so that the loss of the device does not lose it.
    pub backed_up: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl PasskeyView {
    /// Shows a passkey to its owner, or to an operator.
    pub fn new(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id.uuid(),
            name: passkey.name.clone(),
            transports: passkey.transports.iter().map(|transport| transport.as_str()).collect(),
            backed_up: passkey.backed_up,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}

/// All that is stored of a passkey, apart from the public key.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyRecord)]
pub struct PasskeyRecordView {
    /// What other requests show of it.
    #[serde(flatten)]
    pub passkey: PasskeyView,
    /// The id that the authenticator gave it, in base64url.
    #[schema(example = "AQIDBA")]
    pub credential_id: String,
    /// What another program named its user by, in base64url, if one registered it and said so. Otherwise it is the id
    /// of the account.
    #[schema(required)]
    pub user_handle: Option<String>,
    /// The model of the authenticator as the authenticator gave it; zeros if it did not.
    pub aaguid: uuid::Uuid,
    /// How often the authenticator said that it had signed; 0 if it does not count.
    pub sign_count: u32,
    /// Whether the authenticator verified its user at the registration.
    pub user_verified: bool,
    /// Whether the key may leave its device; `null` if another program registered it and it was not used since.
    #[schema(required)]
    pub backup_eligible: Option<bool>,
    /// Whether it has shown that it signs in alone.
    pub signs_in_alone: bool,
}

impl PasskeyRecordView {
    /// Shows a passkey to its owner.
    pub fn new(record: &PasskeyRecord) -> Self {
        Self {
            passkey: PasskeyView::new(&record.passkey),
            credential_id: record.passkey.credential_id.to_base64url(),
            user_handle: record.user_handle.as_ref().map(UserHandle::to_base64url),
            aaguid: record.aaguid,
            sign_count: record.sign_count,
            user_verified: record.user_verified,
            backup_eligible: record.backup_eligible,
            signs_in_alone: record.signs_in_alone,
        }
    }
}

/// The caller's passkeys.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"passkeys": [{
    "id": "0198c0de-0000-7000-8000-000000000001",
    "name": "Blue key",
    "transports": ["usb"],
    "backed_up": false,
    "created_at": "2026-03-01T12:00:00Z",
}]}))]
pub struct PasskeysResponse {
    /// The oldest first.
    pub passkeys: Vec<PasskeyView>,
}

/// A passkey that was registered.
#[derive(Serialize, ToSchema)]
pub struct PasskeyResponse {
    /// The passkey.
    pub passkey: PasskeyView,
    /// New recovery codes, which are never shown again; present only if none were left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = json!(["0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ"]))]
    pub recovery_codes: Option<Vec<String>>,
}

impl PasskeyResponse {
    /// Shows a new passkey to its owner.
    pub fn new(added: AddedPasskey) -> Self {
        let codes = added.recovery_codes;
        Self {
            passkey: PasskeyView::new(&added.passkey),
            recovery_codes: codes.map(|codes| codes.iter().map(RecoveryCode::to_display).collect()),
        }
    }
}

/// What a browser needs to make a passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyCreationResponse {
    /// The seconds in which the response must come.
    #[schema(example = 300)]
    pub expires_in: i64,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON()`.
    pub options: PasskeyCreationOptions,
}

/// `PublicKeyCredentialCreationOptionsJSON` of WebAuthn §5.1.9.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyCreationOptions {
    /// The service.
    rp: RelyingPartyEntity,
    /// The user whom the passkey is for.
    user: UserEntity,
    /// What the response has to contain, in base64url.
    challenge: String,
    /// The accepted kinds of keys, the preferred first.
    pub_key_cred_params: Vec<KeyParameters>,
    /// The milliseconds in which the response must come.
    timeout: i64,
    /// The user's passkeys: an authenticator that has one of them makes no other.
    exclude_credentials: Vec<CredentialDescriptor>,
    /// What the authenticator should be able to do.
    authenticator_selection: AuthenticatorSelection,
    /// `none`: no statement about the authenticator is requested.
    attestation: &'static str,
}

#[derive(Serialize, ToSchema)]
struct RelyingPartyEntity {
    /// The domain that the passkey is bound to.
    id: String,
    /// The name of the service.
    name: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserEntity {
    /// The user's id, in base64url.
    id: String,
    /// The user's address or user name.
    name: String,
    /// The same.
    display_name: String,
}

#[derive(Serialize, ToSchema)]
struct KeyParameters {
    /// `public-key`
    #[serde(rename = "type")]
    kind: &'static str,
    /// The number of the signature scheme in COSE.
    alg: i32,
}

#[derive(Serialize, ToSchema)]
struct CredentialDescriptor {
    /// `public-key`
    #[serde(rename = "type")]
    kind: &'static str,
    /// The id of the passkey at its authenticator, in base64url.
    id: String,
    /// How the browser reaches the authenticator.
    transports: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuthenticatorSelection {
    /// Whether the authenticator should store the user's id: `preferred`, or `required` without a password.
    resident_key: &'static str,
    /// Whether it must.
    require_resident_key: bool,
    /// Whether the authenticator should verify its user: `required`, `preferred` or `discouraged`.
    user_verification: &'static str,
}

impl CredentialDescriptor {
    fn of(passkey: &Passkey) -> Self {
        Self {
            kind: PUBLIC_KEY,
            id: CredentialId::to_base64url(&passkey.credential_id),
            transports: passkey.transports.iter().map(|transport| transport.as_str()).collect(),
        }
    }
}

impl PasskeyCreationResponse {
    /// Shows the options of a registration for a relying party with a name.
    pub fn new(made: RegistrationOptions, (party, name): (&RelyingParty, &str)) -> Self {
        let account = made.user.account_name().to_owned();
        let parameters = KeyAlgorithm::ALL.map(|algorithm| KeyParameters {
            kind: PUBLIC_KEY,
            alg: algorithm.number(),
        });
        Self {
            expires_in: CHALLENGE_LIFE.num_seconds(),
            options: PasskeyCreationOptions {
                rp: RelyingPartyEntity {
                    id: party.id().to_owned(),
                    name: name.to_owned(),
                },
                user: UserEntity {
                    id: UserHandle::of(made.user.id).to_base64url(),
                    name: account.clone(),
                    display_name: account,
                },
                challenge: made.challenge,
                pub_key_cred_params: parameters.into(),
                timeout: CHALLENGE_LIFE.num_milliseconds(),
                exclude_credentials: made.present.iter().map(CredentialDescriptor::of).collect(),
                // A security key without memory for accounts still serves beside a password, but not alone.
                authenticator_selection: AuthenticatorSelection {
                    resident_key: if made.alone { "required" } else { "preferred" },
                    require_resident_key: made.alone,
                    user_verification: made.verification.as_str(),
                },
                attestation: "none",
            },
        }
    }
}

/// What a browser needs to sign a challenge with a passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyRequestResponse {
    /// `passkey`
    #[schema(example = "passkey")]
    pub method: &'static str,
    /// The seconds in which the response must come.
    #[schema(example = 300)]
    pub expires_in: i64,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON()`.
    pub options: PasskeyRequestOptions,
}

/// `PublicKeyCredentialRequestOptionsJSON` of WebAuthn §5.1.10.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyRequestOptions {
    /// What has to be signed, in base64url.
    challenge: String,
    /// The domain that the passkey is bound to.
    rp_id: String,
    /// The milliseconds in which the response must come.
    timeout: i64,
    /// Whether the authenticator should verify its user: `required`, `preferred` or `discouraged`.
    user_verification: &'static str,
    /// The user's passkeys. Absent at a sign-in without a name: any passkey of the relying party can answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_credentials: Vec<CredentialDescriptor>,
}

impl PasskeyRequestResponse {
    /// Shows the options of a proof.
    pub fn new(made: AssertionOptions, party: &RelyingParty) -> Self {
        Self {
            method: "passkey",
            expires_in: CHALLENGE_LIFE.num_seconds(),
            options: PasskeyRequestOptions {
                challenge: made.challenge,
                rp_id: party.id().to_owned(),
                timeout: CHALLENGE_LIFE.num_milliseconds(),
                user_verification: made.verification.as_str(),
                allow_credentials: made.accepted.iter().map(CredentialDescriptor::of).collect(),
            },
        }
    }
}
