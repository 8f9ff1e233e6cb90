//! How the answer to an authorization request gets to the application: in the query of its redirect URI, or in a form
//! that a page posts there (OAuth 2.0 Form Post Response Mode).

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::domain::oauth::redirect_uri::with_parameters;

/// A response mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// The answer is in the query.
    #[default]
    Query,
    /// The answer is in a form.
    FormPost,
}

crate::domain::names::names!(ResponseMode {
    Query = "query",
    FormPost = "form_post",
});

/// An answer, with the address that it goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The redirect URI.
    pub redirect_uri: String,
    /// The parameters.
    pub parameters: Vec<(String, String)>,
    /// How it gets there.
    pub mode: ResponseMode,
}

impl Reply {
    /// Returns the URL with the answer in its query.
    pub fn url(&self) -> String {
        let pairs = self.parameters.iter().map(|(name, value)| (&**name, &**value));
        with_parameters(&self.redirect_uri, &pairs.collect::<Vec<_>>())
    }
}

/// Returns the source expression that allows forms to this URI and to no other (Content Security Policy Level 3
/// §2.3.1). It names no query, since the grammar has none. `None`: no expression names the URI, because it belongs to an
/// app or to an IPv6 address. A page that could only allow more must not post there.
pub fn form_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()))?;
    let host = url.host().filter(|host| !matches!(host, Host::Ipv6(_)))?;
    let mut source = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        // Writing to a string cannot fail.
        let _ = write!(source, ":{port}");
    }
    for byte in url.path().bytes() {
        // A semicolon ends a directive, and a comma the policy. Browsers compare paths after decoding.
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+=:@/%".contains(&byte) {
            source.push(char::from(byte));
        } else {
            let _ = write!(source, "%{byte:02X}");
        }
    }
    Some(source)
}

/// The script of the page that posts an answer.
pub const SUBMIT: &str = "document.forms[0].submit()";

/// Returns the Content-Security-Policy of the page that posts an answer to a URI: its one script runs, known by its hash,
/// and its form goes to that URI. `None`: see [`form_source`].
pub fn form_policy(uri: &str) -> Option<String> {
    let source = form_source(uri)?;
    let hash = STANDARD.encode(digest(&SHA256, SUBMIT.as_bytes()));
    Some(format!(
        "default-src 'none'; script-src 'sha256-{hash}'; form-action {source}; base-uri 'none'; frame-ancestors 'none'"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::oauth::redirect_uri::RedirectUri;

    #[test]
    fn the_source_of_a_redirect_uri_is_that_uri_alone() {
        for (uri, source) in [
            (
                "https://app.example.com/callback",
                Some("https://app.example.com/callback"),
            ),
            (
                "https://app.example.com/cb?tenant=1",
                Some("https://app.example.com/cb"),
            ),
            (
                "https://app.example.com:8443/a;b,c",
                Some("https://app.example.com:8443/a%3Bb%2Cc"),
            ),
            ("http://localhost:3000/", Some("http://localhost:3000/")),
            ("http://127.0.0.1:3000/callback", Some("http://127.0.0.1:3000/callback")),
            ("http://[::1]:3000/callback", None),
            ("com.example.app:/callback", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(form_source(uri).as_deref(), source, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_registered_uri_writes_more_than_one_source_into_the_policy(
            path in "[!-~]{0,20}", host in "(app\\.example\\.com|xn--bcher-kva\\.example)(:8443)?",
        ) {
            let uri = format!("https://{host}/{path}");
            prop_assume!(RedirectUri::check(&uri).is_ok());
            let source = form_source(&uri).unwrap();
            prop_assert!(source.bytes().all(|byte| byte.is_ascii_graphic() && !b";,?#\"<>".contains(&byte)), "{}", source);
            let (named, own) = (Url::parse(&source).unwrap(), Url::parse(&uri).unwrap());
            prop_assert_eq!(named.origin(), own.origin());
            let decoded = |url: &Url| percent_encoding::percent_decode_str(url.path()).collect::<Vec<u8>>();
            prop_assert_eq!(decoded(&named), decoded(&own));
        }
    }
}
