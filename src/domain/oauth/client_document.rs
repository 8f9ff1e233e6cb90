//! Applications that describe themselves: the `client_id` is the https URL of a document with what an operator would
//! register otherwise (draft-ietf-oauth-client-id-metadata-document).
//!
//! Every host can publish such a document, so nothing in it is trusted but that the owner of the host wrote it. It can
//! neither make an application first-party nor give it a secret: the types have no place for either.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::domain::ids::ClientId;
use crate::domain::input::InvalidInput;
use crate::domain::label::is_label;
use crate::domain::oauth::client::{Client, ClientKind, LONGEST_NAME, Ownership, check_uris};
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::redirect_uri::RedirectUri;
use crate::domain::oauth::scope::Scopes;
use crate::domain::policy::numbers::{
    CLIENT_DOCUMENT_LONGEST_LIFE, CLIENT_DOCUMENT_SHORTEST_LIFE, CLIENT_DOCUMENT_USUAL_LIFE,
};

/// Methods of authentication that work without a shared secret.
const NONE: &str = "none";
const PRIVATE_KEY_JWT: &str = "private_key_jwt";

/// What a deployment allows to applications that describe themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPolicy {
    /// The resources that they may get tokens for; the first one is the default. None: `GET /userinfo` alone.
    pub audiences: Vec<String>,
    /// The scopes that they may get.
    pub scopes: Scopes,
}

/// The members of a document. Others are ignored: RFC 7591 §2 has many, and none of them is needed.
#[derive(Deserialize)]
struct Members {
    client_id: String,
    client_name: Option<String>,
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    jwks: Option<serde_json::Value>,
    scope: Option<String>,
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    client_secret: Option<serde_json::Value>,
    client_secret_expires_at: Option<serde_json::Value>,
}

/// A document that passed all checks, except for its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDocument {
    url: ClientUrl,
    name: Option<String>,
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    scopes: Option<Scopes>,
    dpop_bound_access_tokens: bool,
    /// The public keys that the application signs its assertions with, as a JWK set. `None`: it is a public client.
    pub jwks: Option<String>,
}

impl ClientDocument {
    /// Checks what was found at a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong.
    pub fn check(url: &ClientUrl, written: &[u8]) -> Result<Self, &'static str> {
        let is_object = written.trim_ascii_start().starts_with(b"{");
        let members: Option<Members> = serde_json::from_slice(written).ok().filter(|_| is_object);
        let members = members.ok_or("It is not a JSON object with client_id and redirect_uris.")?;
        // §4.1: a simple comparison of the two texts.
        if members.client_id != url.as_str() {
            return Err("Its client_id is not the URL that it was found at.");
        }
        if members.client_secret.is_some() || members.client_secret_expires_at.is_some() {
            return Err("It has a client_secret, which every reader gets.");
        }
        let jwks = match (members.token_endpoint_auth_method.as_deref(), members.jwks) {
            (None | Some(NONE), _) => None,
            (Some(PRIVATE_KEY_JWT), Some(keys)) => Some(keys.to_string()),
            (Some(PRIVATE_KEY_JWT), None) => return Err("Its keys must be in it, as jwks."),
            (Some(_), _) => return Err("Its token_endpoint_auth_method must be none or private_key_jwt."),
        };
        if members.redirect_uris.is_empty() {
            return Err("It has no redirect_uris.");
        }
        let mut faults = InvalidInput::default();
        let redirect_uris = check_uris(&mut faults, "/redirect_uris", &members.redirect_uris);
        let after_logout = check_uris(
            &mut faults,
            "/post_logout_redirect_uris",
            &members.post_logout_redirect_uris,
        );
        if !faults.errors.is_empty() {
            return Err("One of its redirect URIs is not allowed here, or there are more than 20.");
        }
        let scopes = members
            .scope
            .map(|scope| Scopes::parse(&scope).ok_or("Its scope is not a list of scopes."));
        Ok(Self {
            url: url.clone(),
            name: members.client_name.filter(|name| is_label(name, LONGEST_NAME)),
            redirect_uris,
            post_logout_redirect_uris: after_logout,
            scopes: scopes.transpose()?,
            dpop_bound_access_tokens: members.dpop_bound_access_tokens,
            jwks,
        })
    }

    /// Returns the client. It may have what the deployment allows to such applications, or the part of it that its
    /// document asks for.
    pub fn client(&self, id: ClientId, policy: &DocumentPolicy, now: DateTime<Utc>) -> Client {
        Client {
            id,
            // The name in the document is not checked.
            name: self.url.host().to_owned(),
            kind: if self.jwks.is_some() {
                ClientKind::Confidential
            } else {
                ClientKind::Public
            },
            ownership: Ownership::Described {
                url: self.url.clone(),
                claimed_name: self.name.clone(),
            },
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            audiences: policy.audiences.clone(),
            scopes: match &self.scopes {
                Some(asked) => policy.scopes.within(asked),
                None => policy.scopes.clone(),
            },
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            created_at: now,
        }
    }
}

/// Returns whether a `Content-Type` is one of JSON (§4.1).
pub fn is_json(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let special = kind
        .strip_prefix("application/")
        .and_then(|rest| rest.strip_suffix("+json"));
    kind == "application/json" || special.is_some_and(|special| !special.is_empty())
}

/// Returns how long a document counts by its `Cache-Control` (RFC 9111 §5.2.2), within bounds: a shorter life would let
/// one sign-in fetch it several times, and a longer one would keep what its owner has corrected.
pub fn life(cache_control: &str) -> TimeDelta {
    let mut directives = cache_control.split(',').map(|one| one.trim().to_ascii_lowercase());
    let shortest = CLIENT_DOCUMENT_SHORTEST_LIFE;
    let asked = directives.try_fold(None, |found, directive| {
        if ["no-store", "no-cache"].contains(&directive.as_str()) {
            return Err(shortest);
        }
        let seconds = directive.strip_prefix("max-age=").map(|given| given.trim_matches('"'));
        Ok(found.or_else(|| seconds.and_then(|seconds| seconds.parse::<u32>().ok())))
    });
    let asked = match asked {
        Ok(seconds) => seconds.map_or(CLIENT_DOCUMENT_USUAL_LIFE, |seconds| TimeDelta::seconds(seconds.into())),
        Err(at_once) => at_once,
    };
    asked.clamp(shortest, CLIENT_DOCUMENT_LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::oauth::client_url::Reach;

    const URL: &str = "https://app.example.com/client.json";

    fn policy() -> DocumentPolicy {
        DocumentPolicy {
            audiences: vec!["https://mcp.example.com".into()],
            scopes: Scopes::parse("openid email offline_access").unwrap(),
        }
    }

    fn checked(changes: &serde_json::Value) -> Result<ClientDocument, &'static str> {
        let mut document =
            json!({"client_id": URL, "client_name": "App", "redirect_uris": ["https://app.example.com/back"]});
        let members = document.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_name, value| !value.is_null());
        let url = ClientUrl::parse(URL, Reach::Internet).unwrap();
        ClientDocument::check(&url, document.to_string().as_bytes())
    }

    fn client(changes: &serde_json::Value) -> Client {
        let document = checked(changes).unwrap();
        document.client(ClientId::from_uuid(Uuid::nil()), &policy(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn users_know_an_application_by_its_host_and_it_is_never_first_party() {
        let client = client(&json!({"client_name": "Vestibule", "first_party": true}));
        assert_eq!(
            (client.name.as_str(), client.kind),
            ("app.example.com", ClientKind::Public)
        );
        assert!(!client.is_first_party());
        let Ownership::Described { url, claimed_name } = client.ownership else {
            panic!("described")
        };
        assert_eq!((url.as_str(), claimed_name.as_deref()), (URL, Some("Vestibule")));
    }

    #[test]
    fn it_gets_what_the_deployment_allows_and_no_more_than_it_asks_for() {
        assert_eq!(client(&json!({})).scopes, policy().scopes);
        assert_eq!(client(&json!({"scope": "roles email admin"})).scopes.to_text(), "email");
        assert!(!client(&json!({})).dpop_bound_access_tokens);
        assert!(client(&json!({"dpop_bound_access_tokens": true})).dpop_bound_access_tokens);
        assert_eq!(client(&json!({})).audience(None), Some("https://mcp.example.com"));
        assert_eq!(client(&json!({})).audience(Some("https://other.example.com")), None);
    }

    #[test]
    fn a_document_without_a_way_to_authenticate_or_with_a_secret_is_refused() {
        let keys = json!({"keys": [{"kty": "OKP"}]});
        assert_eq!(
            checked(&json!({"token_endpoint_auth_method": "none", "jwks": keys}))
                .unwrap()
                .jwks,
            None
        );
        let signs = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys});
        assert_eq!(client(&signs).kind, ClientKind::Confidential);
        for (changes, expected) in [
            (json!({"client_secret": "s"}), "client_secret"),
            (json!({"client_secret_expires_at": 0}), "client_secret"),
            (
                json!({"token_endpoint_auth_method": "client_secret_basic"}),
                "must be none",
            ),
            (
                json!({"token_endpoint_auth_method": "client_secret_post"}),
                "must be none",
            ),
            (
                json!({"token_endpoint_auth_method": "client_secret_jwt"}),
                "must be none",
            ),
            (json!({"token_endpoint_auth_method": "tls_client_auth"}), "must be none"),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), "as jwks"),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/keys"}),
                "as jwks",
            ),
        ] {
            let refused = checked(&changes).unwrap_err();
            assert!(refused.contains(expected), "{changes}: {refused}");
        }
    }

    #[test]
    fn a_document_of_another_url_or_without_a_way_back_is_refused() {
        for (changes, expected) in [
            (
                json!({"client_id": "https://app.example.com/client.json/"}),
                "not the URL",
            ),
            (
                json!({"client_id": "https://other.example.com/client.json"}),
                "not the URL",
            ),
            (
                json!({"client_id": "https://APP.example.com/client.json"}),
                "not the URL",
            ),
            (json!({"client_id": null}), "not a JSON object"),
            (json!({"redirect_uris": null}), "not a JSON object"),
            (
                json!({"redirect_uris": "https://app.example.com/back"}),
                "not a JSON object",
            ),
            (json!({"redirect_uris": []}), "no redirect_uris"),
            (
                json!({"redirect_uris": ["http://app.example.com/back"]}),
                "not allowed here",
            ),
            (json!({"redirect_uris": ["javascript:alert(1)"]}), "not allowed here"),
            (
                json!({"post_logout_redirect_uris": ["https://app.example.com/#x"]}),
                "not allowed here",
            ),
            (
                json!({"redirect_uris": vec!["https://app.example.com/back"; 21]}),
                "more than 20",
            ),
            (json!({"scope": "a  b"}), "not a list of scopes"),
        ] {
            let refused = checked(&changes).unwrap_err();
            assert!(refused.contains(expected), "{changes}: {refused}");
        }
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        let url = ClientUrl::parse(URL, Reach::Internet).unwrap();
        let twice = format!(r#"{{"client_id":"{URL}","client_id":"{URL}","redirect_uris":["https://a.example/"]}}"#);
        let list = format!(r#"["{URL}", null, ["https://a.example/"]]"#);
        for text in ["", "null", "<html>", "{", twice.as_str(), list.as_str(), "\u{feff}{}"] {
            assert!(ClientDocument::check(&url, text.as_bytes()).is_err(), "{text}");
        }
        assert!(ClientDocument::check(&url, &[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_name_that_cannot_be_shown_is_left_out() {
        for name in ["", "a\u{7}b", "\u{202e}evil", &"n".repeat(101)] {
            let client = client(&json!({"client_name": name}));
            assert!(
                matches!(client.ownership, Ownership::Described { claimed_name: None, .. }),
                "{name:?}"
            );
        }
    }

    #[test]
    fn json_is_known_by_its_type() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/cimd+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/html",
            "text/json",
            "application/jsonp",
            "application/+json",
            "json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn a_document_counts_as_long_as_its_owner_says_within_bounds() {
        let of = |text| life(text).num_seconds();
        assert_eq!(of(""), CLIENT_DOCUMENT_USUAL_LIFE.num_seconds());
        assert_eq!(of("public, max-age=120"), 120);
        assert_eq!(of("Max-Age=\"120\""), 120);
        for short in ["max-age=0", "no-store", "no-cache", "max-age=120, no-store", "No-Cache"] {
            assert_eq!(of(short), CLIENT_DOCUMENT_SHORTEST_LIFE.num_seconds(), "{short}");
        }
        assert_eq!(of("max-age=4000000000"), CLIENT_DOCUMENT_LONGEST_LIFE.num_seconds());
    }

    proptest! {
        #[test]
        fn no_header_and_no_document_breaks_the_bounds(header: String, bytes: Vec<u8>) {
            let life = life(&header);
            prop_assert!(CLIENT_DOCUMENT_SHORTEST_LIFE <= life && life <= CLIENT_DOCUMENT_LONGEST_LIFE);
            let url = ClientUrl::parse(URL, Reach::Internet).unwrap();
            let _ = ClientDocument::check(&url, &bytes);
        }
    }
}
