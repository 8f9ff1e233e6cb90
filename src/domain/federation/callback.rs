//! The way back from a provider: the `state` parameter, and where it leads.
//!
//! Every provider is registered with one address of this service, which sends the browser on to the page or the app that
//! started the sign-in. So a provider that takes one redirect URI only serves many clients, and each provider has an
//! address of its own, by which answers of two providers cannot be mixed up (RFC 9700 §4.4.2.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::provider::Provider;

/// The longest code and the longest hint that are passed on. Real ones are shorter. A request of many kilobytes could be
/// one that a server in front of a provider does not answer at all, and the provider would count as down for all users.
pub const LONGEST_CODE: usize = 4096;
/// The longest `login_hint`.
pub const LONGEST_HINT: usize = 320;

/// Returns whether a code may be passed on: visible ASCII characters (RFC 6749 appendix A.11).
pub fn is_code(text: &str) -> bool {
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Random bytes of a state.
pub const STATE_RANDOMNESS: usize = 16;

/// Makes the `state` of a sign-in: random bytes, and the redirect URI of the client. Nothing has to be stored to know
/// where the browser goes; the list of the provider decides whether it may go there.
pub fn state_of(random: [u8; STATE_RANDOMNESS], redirect_uri: &str) -> String {
    URL_SAFE_NO_PAD.encode([random.as_slice(), redirect_uri.as_bytes()].concat())
}

/// Returns the redirect URI that a `state` names, if the provider has it on its list. An attacker can write a state, but
/// no other address.
pub fn redirect_uri_of(state: &str, provider: &Provider) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(state).ok()?;
    let (_random, redirect_uri) = bytes.split_at_checked(STATE_RANDOMNESS)?;
    let redirect_uri = str::from_utf8(redirect_uri).ok()?;
    provider.may_redirect_to(redirect_uri).then(|| redirect_uri.to_owned())
}

/// What a provider sends back.
#[derive(Clone, Debug, Default)]
pub struct ProviderAnswer {
    /// The code.
    pub code: Option<String>,
    /// The `state` of the request.
    pub state: Option<String>,
    /// The issuer (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code (RFC 6749 §4.1.2.1).
    pub error: Option<String>,
}

impl ProviderAnswer {
    /// Returns where the browser goes with the answer. `None` if its state names no address on the list of the
    /// provider.
    pub fn destination(&self, provider: &Provider) -> Option<String> {
        let redirect_uri = redirect_uri_of(self.state.as_deref()?, provider)?;
        let given = [
            ("code", &self.code),
            ("state", &self.state),
            ("iss", &self.iss),
            ("error", &self.error),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(
            given
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?))),
        );
        // Not by the URL parser, which writes some URIs of apps in another way.
        let separator = if redirect_uri.contains('?') { '&' } else { '?' };
        Some(format!("{redirect_uri}{separator}{}", query.finish()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::federation::identity;
    use crate::domain::oauth::redirect_uri::RedirectUri;

    fn provider(redirect_uris: &[&str]) -> Provider {
        let listed = redirect_uris.iter().map(|uri| RedirectUri::check(uri).unwrap());
        Provider {
            redirect_uris: listed.collect(),
            ..identity::tests::provider(None)
        }
    }

    proptest! {
        #[test]
        fn a_state_leads_to_addresses_on_the_list_only(
            random: [u8; STATE_RANDOMNESS], other in "(https://[a-z.]{1,12}/[a-z]{0,6}|[ -~]{0,40})",
        ) {
            let listed = ["https://app.example.com/signed-in", "com.example.app:/signed-in"];
            let provider = provider(&listed);
            for redirect_uri in listed {
                let state = state_of(random, redirect_uri);
                prop_assert_eq!(redirect_uri_of(&state, &provider), Some(redirect_uri.to_owned()));
            }
            prop_assume!(!listed.contains(&other.as_str()));
            prop_assert_eq!(redirect_uri_of(&state_of(random, &other), &provider), None);
        }

        #[test]
        fn other_texts_are_not_states(text in "\\PC{0,60}") {
            prop_assert_eq!(redirect_uri_of(&text, &provider(&["https://app.example.com/"])), None);
        }
    }

    #[test]
    fn the_answer_is_added_to_the_address() {
        let listed = ["https://app.example.com/back?tab=1", "com.example.app:/back"];
        let (provider, code) = (provider(&listed), Some("a b&c".to_owned()));
        let to = |redirect_uri| {
            let answer = ProviderAnswer {
                code: code.clone(),
                state: Some(state_of([7; STATE_RANDOMNESS], redirect_uri)),
                ..ProviderAnswer::default()
            };
            answer.destination(&provider).unwrap()
        };
        assert!(to(listed[0]).starts_with("https://app.example.com/back?tab=1&code=a+b%26c&state="));
        assert!(to(listed[1]).starts_with("com.example.app:/back?code=a+b%26c&state="));
        assert!(ProviderAnswer::default().destination(&provider).is_none());
    }
}
