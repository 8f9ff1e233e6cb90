//! What a browser returns after `navigator.credentials.create()` and `.get()` (WebAuthn §5.1), decoded and bounded.
//!
//! Members that repeat what another one says, or that no check needs, are not read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::passkey::{CredentialId, Refusal, Transport, UserHandle};

/// The only type of credential that there is.
const PUBLIC_KEY: &str = "public-key";
/// Most bytes of each part. Browsers send a tenth of that, except for statements of a TPM, which have about 6 KiB.
const LONGEST_CLIENT_DATA: usize = 2048;
const LONGEST_ATTESTATION_OBJECT: usize = 12 * 1024;
const LONGEST_AUTHENTICATOR_DATA: usize = 4096;
const LONGEST_SIGNATURE: usize = 1024;

/// The members that both responses have, as texts of the JSON.
#[derive(Clone, Copy, Debug)]
pub struct CredentialText<'a> {
    /// `id`
    pub id: &'a str,
    /// `rawId`
    pub raw_id: &'a str,
    /// `type`
    pub kind: &'a str,
}

impl CredentialText<'_> {
    fn parse(self) -> Result<CredentialId, String> {
        if self.kind != PUBLIC_KEY {
            return Err("type must be public-key".to_owned());
        }
        if self.id != self.raw_id {
            return Err("id and rawId must be equal".to_owned());
        }
        decode("rawId", self.raw_id, CredentialId::LONGEST)
            .and_then(|bytes| CredentialId::from_bytes(bytes).ok_or_else(|| "rawId must not be empty".to_owned()))
    }
}

/// A response that registers a passkey.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The id of the passkey, as the browser names it beside the response.
    pub credential_id: CredentialId,
    /// The client data, as it was hashed.
    pub client_data: Vec<u8>,
    /// The authenticator data and a statement about it, in CBOR.
    pub attestation_object: Vec<u8>,
    /// How the browser reached the authenticator.
    pub transports: Vec<Transport>,
}

impl Registration {
    /// Parses the texts of a `RegistrationResponseJSON`.
    ///
    /// # Errors
    ///
    /// Names the member that is malformed.
    pub fn parse(
        credential: CredentialText<'_>,
        client_data: &str,
        attestation_object: &str,
        transports: &[String],
    ) -> Result<Self, String> {
        Ok(Self {
            credential_id: credential.parse()?,
            client_data: decode("clientDataJSON", client_data, LONGEST_CLIENT_DATA)?,
            attestation_object: decode("attestationObject", attestation_object, LONGEST_ATTESTATION_OBJECT)?,
            transports: Transport::known(transports),
        })
    }
}

/// A response that proves the possession of a passkey.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The id of the passkey.
    pub credential_id: CredentialId,
    /// The client data, as it was hashed and signed.
    pub client_data: Vec<u8>,
    /// What the authenticator says, as it was signed.
    pub authenticator_data: Vec<u8>,
    /// The signature over both.
    pub signature: Vec<u8>,
    /// The user whom the passkey was made for, if the authenticator stored that.
    pub user_handle: Option<UserHandle>,
}

impl Assertion {
    /// Parses the texts of an `AuthenticationResponseJSON`.
    ///
    /// # Errors
    ///
    /// Names the member that is malformed.
    pub fn parse(
        credential: CredentialText<'_>,
        client_data: &str,
        authenticator_data: &str,
        signature: &str,
        user_handle: Option<&str>,
    ) -> Result<Self, String> {
        Ok(Self {
            credential_id: credential.parse()?,
            client_data: decode("clientDataJSON", client_data, LONGEST_CLIENT_DATA)?,
            authenticator_data: decode("authenticatorData", authenticator_data, LONGEST_AUTHENTICATOR_DATA)?,
            signature: decode("signature", signature, LONGEST_SIGNATURE)?,
            user_handle: user_handle.map(parse_user_handle).transpose()?,
        })
    }
}

fn parse_user_handle(text: &str) -> Result<UserHandle, String> {
    decode("userHandle", text, UserHandle::LONGEST)
        .and_then(|bytes| UserHandle::from_bytes(bytes).ok_or_else(|| "userHandle must not be empty".to_owned()))
}

/// Decodes base64url. Padding, other alphabets and stray bits at the end are refused, so that each value has one text.
fn decode(member: &str, text: &str, most: usize) -> Result<Vec<u8>, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .filter(|bytes| bytes.len() <= most)
        .ok_or_else(|| format!("{member} must be at most {most} bytes in base64url without padding"))
}

/// What the browser says of the page (WebAuthn §5.8.1). Unknown members are ignored, as the standard demands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientData {
    /// Which ceremony it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The challenge, in base64url.
    pub challenge: String,
    /// The page's origin.
    pub origin: String,
    /// Whether the page was in a frame of another site.
    #[serde(default)]
    pub cross_origin: bool,
    /// The origin of the outermost page, where it is another one.
    pub top_origin: Option<String>,
}

impl ClientData {
    /// Reads the client data. The challenge in it says which user and session the response is for, so it is read before
    /// anything is checked.
    ///
    /// # Errors
    ///
    /// [`Refusal::ClientData`] if it is not JSON with these members, each once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes).map_err(|_unreadable| Refusal::ClientData)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREDENTIAL: CredentialText<'static> = CredentialText {
        id: "AQID",
        raw_id: "AQID",
        kind: PUBLIC_KEY,
    };

    #[test]
    fn the_malformed_member_is_named() {
        let other = |id, raw_id, kind| CredentialText { id, raw_id, kind }.parse().unwrap_err();
        assert_eq!(other("AQID", "AQID", "password"), "type must be public-key");
        assert_eq!(other("AQIE", "AQID", PUBLIC_KEY), "id and rawId must be equal");
        assert_eq!(other("", "", PUBLIC_KEY), "rawId must not be empty");
        let long = URL_SAFE_NO_PAD.encode([0; 1024]);
        assert!(other(&long, &long, PUBLIC_KEY).starts_with("rawId must be at most 1023 bytes"));
        for (texts, member) in [
            (["AQ=", "", "", ""], "clientDataJSON"),
            (["", "+A", "", ""], "authenticatorData"),
            (["", "", "AR", ""], "signature"),
            (["", "", "", "AR"], "userHandle"),
            (["", "", "", ""], "userHandle"),
        ] {
            let [client_data, authenticator_data, signature, handle] = texts;
            let parsed = Assertion::parse(CREDENTIAL, client_data, authenticator_data, signature, Some(handle));
            let wrong = parsed.unwrap_err();
            assert!(wrong.starts_with(member), "{wrong}");
        }
    }

    #[test]
    fn each_part_is_bounded() {
        let text = |length: usize| URL_SAFE_NO_PAD.encode(vec![0; length]);
        let registers = |data, object| Registration::parse(CREDENTIAL, &text(data), &text(object), &[]).is_ok();
        assert!(registers(2048, 12_288) && !registers(2049, 0) && !registers(0, 12_289));
        let asserts = |data, authenticator, signature, handle| {
            let handle = text(handle);
            let parts = (text(data), text(authenticator), text(signature));
            Assertion::parse(CREDENTIAL, &parts.0, &parts.1, &parts.2, Some(&handle)).is_ok()
        };
        assert!(asserts(2048, 4096, 1024, 64));
        assert!(!asserts(2049, 0, 0, 1) && !asserts(0, 4097, 0, 1));
        assert!(!asserts(0, 0, 1025, 1) && !asserts(0, 0, 0, 65));
    }

    #[test]
    fn client_data_may_have_members_that_are_not_known() {
        let read = ClientData::parse(
            br#"{"type":"webauthn.get","challenge":"AQ","origin":"https://a","other_keys_can_be_added_here":[{}]}"#,
        );
        let read = read.unwrap();
        assert_eq!(
            (read.challenge.as_str(), read.cross_origin, read.top_origin),
            ("AQ", false, None)
        );
    }

    #[test]
    fn client_data_of_another_form_is_refused() {
        for text in [
            "",
            "[]",
            "null",
            r#"{"type":"webauthn.get","challenge":"AQ"}"#,
            r#"{"type":"webauthn.get","challenge":"AQ","challenge":"AQ","origin":"https://a"}"#,
            r#"{"type":"webauthn.get","challenge":"AQ","origin":"https://b","origin":"https://a"}"#,
            r#"{"type":"webauthn.get","challenge":"AQ","origin":"https://a"} x"#,
            r#"{"type":"webauthn.get","challenge":"AQ","origin":"https://a","crossOrigin":"no"}"#,
            r#"{"type":"webauthn.get","challenge":"AQ","origin":["https://a"]}"#,
            "\u{feff}{\"type\":\"webauthn.get\",\"challenge\":\"AQ\",\"origin\":\"https://a\"}",
        ] {
            assert_eq!(
                ClientData::parse(text.as_bytes()).unwrap_err(),
                Refusal::ClientData,
                "{text}"
            );
        }
        assert_eq!(
            ClientData::parse(b"{\"type\":\"\xff\"}").unwrap_err(),
            Refusal::ClientData
        );
    }

    proptest! {
        #[test]
        fn a_user_handle_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 1..=64)) {
            let handle = UserHandle::from_bytes(bytes).unwrap();
            prop_assert_eq!(parse_user_handle(&handle.to_base64url()), Ok(handle));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,60}", bytes: Vec<u8>) {
            if let Ok(read) = decode("rawId", &text, 30) {
                prop_assert_eq!(URL_SAFE_NO_PAD.encode(read), text);
            }
            let _ = ClientData::parse(&bytes);
        }
    }
}
