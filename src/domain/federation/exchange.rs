//! What goes to a provider, and what comes back with a browser.

use secrecy::SecretString;
use serde::Deserialize;

use super::provider::{Preset, Provider};
use crate::domain::oauth::pkce::{CodeChallenge, S256};
use crate::domain::oauth::redirect_uri::with_parameters;

/// What the browser of a user is sent to a provider with.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationStart<'a> {
    /// Where the provider sends it back to.
    pub redirect_uri: &'a str,
    /// What the answer has to bring back.
    pub state: &'a str,
    /// What the ID token has to have.
    pub nonce: &'a str,
    /// The challenge of the code verifier.
    pub challenge: &'a CodeChallenge,
    /// The address or name of the user, if it is known.
    pub login_hint: Option<&'a str>,
}

/// A code that came back, and what was kept for it.
pub struct RedeemedCode {
    /// The code.
    pub code: SecretString,
    /// The parameter `iss` of the answer (RFC 9207 §2).
    pub issuer: Option<String>,
    /// Where the provider was told to send the browser, again (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// What the ID token has to have.
    pub nonce: String,
    /// The code verifier.
    pub verifier: SecretString,
}

/// Returns the URL that the browser of a user is sent to.
pub fn authorization_url(provider: &Provider, endpoint: &str, start: &AuthorizationStart<'_>) -> String {
    let (scope, challenge) = (provider.scopes.join(" "), start.challenge.text());
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", start.redirect_uri),
        ("scope", &scope),
        ("state", start.state),
        ("code_challenge", &challenge),
        ("code_challenge_method", S256),
    ];
    if provider.preset != Some(Preset::GitHub) {
        parameters.push(("nonce", start.nonce));
    }
    if provider.answers_by_post() {
        parameters.push(("response_mode", "form_post"));
    }
    // Otherwise a user who signed out here would be signed in again, without a word, as who uses the browser at the
    // provider.
    if matches!(
        provider.preset,
        Some(Preset::Google | Preset::Microsoft | Preset::GitHub)
    ) {
        parameters.push(("prompt", "select_account"));
    }
    match (provider.preset, start.login_hint) {
        (Some(Preset::GitHub), Some(hint)) => parameters.push(("login", hint)),
        (_, Some(hint)) => parameters.push(("login_hint", hint)),
        (_, None) => {}
    }
    with_parameters(endpoint, &parameters)
}

/// What a provider answers to a code (OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Deserialize)]
pub struct TokenAnswer {
    /// Reads userinfo, or GitHub's API. It is used at once, and never stored.
    pub access_token: SecretString,
    /// Says who the user is.
    pub id_token: Option<SecretString>,
}

/// Why a provider gives no tokens (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Whose fault it is that there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The code is wrong, was used, has expired, or is of another sign-in.
    Code,
    /// The provider does not accept this client: its operator has to change something.
    Client,
    /// The provider has a fault, or no time.
    Provider,
}

/// Returns whose fault it is, from an answer of the token endpoint that has no tokens. `None`: it is no answer that the
/// standard knows.
pub fn blame(written: &[u8]) -> Option<Blame> {
    let refusal: Refusal = serde_json::from_slice(written).ok()?;
    Some(match refusal.error.as_str() {
        // The last two are GitHub's, which answers with 200 ("Troubleshooting OAuth app access token request errors").
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "access_denied"
        | "redirect_uri_mismatch"
        | "incorrect_client_credentials" => Blame::Client,
        "server_error" | "temporarily_unavailable" | "slow_down" => Blame::Provider,
        _ => Blame::Code,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::domain::federation::identity::tests::provider;

    const ENDPOINT: &str = "https://id.example.com/authorize?tenant=1";

    fn start() -> AuthorizationStart<'static> {
        AuthorizationStart {
            redirect_uri: "https://auth.example.com/federation/company/callback",
            state: "state",
            nonce: "nonce",
            challenge: &CodeChallenge([7; 32]),
            login_hint: None,
        }
    }

    fn parameters(preset: Option<Preset>, start: &AuthorizationStart<'_>) -> HashMap<String, String> {
        let url = Url::parse(&authorization_url(&provider(preset), ENDPOINT, start)).unwrap();
        assert_eq!(url.path(), "/authorize");
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn a_browser_is_sent_with_state_nonce_and_challenge() {
        let sent = parameters(None, &start());
        for (name, value) in [
            ("tenant", "1"),
            ("response_type", "code"),
            ("client_id", "vestibule"),
            ("redirect_uri", "https://auth.example.com/federation/company/callback"),
            ("scope", "openid email"),
            ("state", "state"),
            ("nonce", "nonce"),
            ("code_challenge", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(sent[name], value);
        }
        assert_eq!(sent.len(), 9);
    }

    #[test]
    fn each_preset_has_its_own_ways() {
        let google = parameters(Some(Preset::Google), &start());
        assert_eq!(
            (google["prompt"].as_str(), google.get("response_mode")),
            ("select_account", None)
        );
        let apple = parameters(Some(Preset::Apple), &start());
        assert_eq!(
            (apple["response_mode"].as_str(), apple.get("prompt")),
            ("form_post", None)
        );
        let github = parameters(Some(Preset::GitHub), &start());
        assert_eq!(github.get("nonce"), None);
        let mut hinted = start();
        hinted.login_hint = Some("jo@example.com");
        assert_eq!(
            parameters(Some(Preset::Google), &hinted)["login_hint"],
            "jo@example.com"
        );
        assert_eq!(parameters(Some(Preset::GitHub), &hinted)["login"], "jo@example.com");
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        for (text, expected) in [
            (r#"{"error": "invalid_grant"}"#, Some(Blame::Code)),
            (r#"{"error": "invalid_request"}"#, Some(Blame::Code)),
            (r#"{"error": "bad_verification_code"}"#, Some(Blame::Code)),
            (r#"{"error": "invalid_client"}"#, Some(Blame::Client)),
            (r#"{"error": "incorrect_client_credentials"}"#, Some(Blame::Client)),
            (r#"{"error": "temporarily_unavailable"}"#, Some(Blame::Provider)),
            (r#"{"error": 1}"#, None),
            ("{}", None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(blame(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        /// No value that a client chose can add a parameter.
        #[test]
        fn each_value_stays_one_value(hint in "\\PC{0,40}", state in "\\PC{0,40}") {
            let mut given = start();
            (given.login_hint, given.state) = (Some(&hint), &state);
            let sent = parameters(None, &given);
            prop_assert_eq!((&sent["login_hint"], &sent["state"], sent.len()), (&hint, &state, 10));
        }
    }
}
