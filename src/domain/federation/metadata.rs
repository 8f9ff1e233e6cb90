//! The configuration of an OpenID provider (OpenID Connect Discovery 1.0 §3).

use serde::Deserialize;

use super::id_token::IdTokenAlgorithm;
use super::issuer::ProviderIssuer;
use crate::domain::oauth::pkce::S256;

/// The members that count. Others are ignored.
#[derive(Deserialize)]
struct Members {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    response_types_supported: Option<Vec<String>>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// A configuration that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where the browser of a user is sent.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    /// Where its public keys are.
    pub jwks_uri: String,
    /// Where it says more about a user, if it does.
    pub userinfo_endpoint: Option<String>,
    /// What it signs ID tokens with, as far as that is accepted.
    pub algorithms: Vec<IdTokenAlgorithm>,
    /// How the client secret is shown to it.
    pub secret_in: SecretPlace,
    /// Whether it names itself in the answers that it sends browsers back with (RFC 9207 §3).
    pub names_itself: bool,
}

/// How a client secret is shown (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the header `Authorization`: `client_secret_basic`.
    Header,
    /// In the body: `client_secret_post`.
    Body,
}

/// Why a configuration of another issuer is refused: it would let that one answer in the place of this one (§4.3).
pub const OTHER_ISSUER: &str = "The configuration of the provider has another issuer.";

/// The member that names whose configuration it is.
#[derive(Deserialize)]
struct Named {
    issuer: String,
}

/// Returns the issuer that a configuration names, for the operator who wrote another one into their file.
pub fn issuer_named_in(written: &[u8]) -> Option<String> {
    let named: Named = serde_json::from_slice(written).ok()?;
    Some(named.issuer)
}

impl Metadata {
    /// Checks what was found at the configuration's URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong.
    pub fn check(issuer: &ProviderIssuer, written: &[u8]) -> Result<Self, &'static str> {
        let is_object = written.trim_ascii_start().starts_with(b"{");
        let members: Option<Members> = serde_json::from_slice(written).ok().filter(|_| is_object);
        let members =
            members.ok_or("The configuration of the provider is not a JSON object with the required members.")?;
        if members.issuer != issuer.in_configuration() {
            return Err(OTHER_ISSUER);
        }
        let listed = |list: &Option<Vec<String>>, word: &str| {
            let list = list.as_ref();
            list.map(|list| list.iter().any(|listed| listed == word))
        };
        if listed(&members.response_types_supported, "code") == Some(false) {
            return Err("It does not answer with codes.");
        }
        // A provider that says nothing about challenges may ignore them, as Microsoft and Apple do not say that they
        // accept them. One that lists others would refuse ours.
        if listed(&members.code_challenge_methods_supported, S256) == Some(false) {
            return Err("It does not accept code challenges by S256.");
        }
        let algorithms = accepted(&members.id_token_signing_alg_values_supported);
        if algorithms.is_empty() {
            return Err("It signs ID tokens by none of the accepted algorithms.");
        }
        let methods = &members.token_endpoint_auth_methods_supported;
        let is_in_body = listed(methods, "client_secret_basic") == Some(false)
            && listed(methods, "client_secret_post") == Some(true);
        let metadata = Self {
            authorization_endpoint: members.authorization_endpoint,
            token_endpoint: members.token_endpoint,
            jwks_uri: members.jwks_uri,
            userinfo_endpoint: members.userinfo_endpoint,
            algorithms,
            secret_in: if is_in_body {
                SecretPlace::Body
            } else {
                SecretPlace::Header
            },
            names_itself: members.authorization_response_iss_parameter_supported,
        };
        if metadata.endpoints().all(|endpoint| issuer.allows_endpoint(endpoint)) {
            Ok(metadata)
        } else {
            Err("One of its endpoints is not an https URL.")
        }
    }

    fn endpoints(&self) -> impl Iterator<Item = &String> {
        [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri]
            .into_iter()
            .chain(&self.userinfo_endpoint)
    }
}

/// Returns what is both advertised and accepted. `RS256` is what providers must support, so it stands for an empty list
/// (OpenID Connect Discovery 1.0 §3).
fn accepted(advertised: &[String]) -> Vec<IdTokenAlgorithm> {
    if advertised.is_empty() {
        return vec![IdTokenAlgorithm::Rs256];
    }
    let accepted = |name: &String| IdTokenAlgorithm::parse(name);
    advertised.iter().filter_map(accepted).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn issuer() -> ProviderIssuer {
        ProviderIssuer::One("https://id.example.com".to_owned())
    }

    fn written() -> Value {
        json!({
            "issuer": "https://id.example.com",
            "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": "https://id.example.com/token",
            "jwks_uri": "https://keys.example.com/keys",
            "response_types_supported": ["code", "id_token"],
            "id_token_signing_alg_values_supported": ["HS256", "none", "RS256", "ES256", "ES512"],
        })
    }

    fn with(member: &str, value: Value) -> Result<Metadata, &'static str> {
        let mut written = written();
        written[member] = value;
        Metadata::check(&issuer(), written.to_string().as_bytes())
    }

    #[test]
    fn a_configuration_is_read() {
        let read = Metadata::check(&issuer(), written().to_string().as_bytes()).unwrap();
        assert_eq!(read.algorithms, [IdTokenAlgorithm::Rs256, IdTokenAlgorithm::Es256]);
        assert_eq!(read.secret_in, SecretPlace::Header);
        assert!(!read.names_itself && read.userinfo_endpoint.is_none());
        let methods = |list: Value| with("token_endpoint_auth_methods_supported", list).unwrap().secret_in;
        assert_eq!(methods(json!(["client_secret_post"])), SecretPlace::Body);
        assert_eq!(
            methods(json!(["client_secret_post", "client_secret_basic"])),
            SecretPlace::Header
        );
        assert_eq!(methods(json!(["private_key_jwt"])), SecretPlace::Header);
        assert!(
            with("authorization_response_iss_parameter_supported", json!(true))
                .unwrap()
                .names_itself
        );
        assert!(with("code_challenge_methods_supported", json!(["plain", "S256"])).is_ok());
        let unsaid = with("id_token_signing_alg_values_supported", json!([])).unwrap();
        assert_eq!(unsaid.algorithms, [IdTokenAlgorithm::Rs256]);
    }

    #[test]
    fn the_issuer_of_a_configuration_is_found_without_the_rest() {
        let named = |text: &str| issuer_named_in(text.as_bytes());
        assert_eq!(
            named(r#"{"issuer": "https://a.example"}"#).as_deref(),
            Some("https://a.example")
        );
        for text in ["", "[]", "{}", r#"{"issuer": 1}"#] {
            assert_eq!(named(text), None, "{text}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for (member, value) in [
            ("issuer", json!("https://id.example.com/")),
            ("issuer", json!("https://evil.example")),
            ("issuer", json!(null)),
            ("token_endpoint", json!("http://id.example.com/token")),
            ("token_endpoint", json!(["https://id.example.com/token"])),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("userinfo_endpoint", json!("http://169.254.169.254/")),
            ("response_types_supported", json!(["id_token"])),
            ("code_challenge_methods_supported", json!(["plain"])),
            ("id_token_signing_alg_values_supported", json!(["HS256", "none"])),
            ("authorization_response_iss_parameter_supported", json!("true")),
        ] {
            assert!(with(member, value.clone()).is_err(), "{member} {value}");
        }
        for text in ["", "[]", "<html>", "null", "{}"] {
            assert!(Metadata::check(&issuer(), text.as_bytes()).is_err(), "{text}");
        }
    }
}
