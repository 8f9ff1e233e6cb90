//! The `client_id` of an application that describes itself: the https URL of its document
//! (draft-ietf-oauth-client-id-metadata-document §3).

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest URL, which users may have to read.
const LONGEST_URL: usize = 250;

/// The `client_id` of an application that describes itself: the URL of its document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientUrl(String);

/// Where documents may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the public internet.
    Internet,
    /// There, or on this machine: the draft allows that to a service that is on the same one (§6.5), and only
    /// `vestibule dev` makes use of it.
    OwnMachineToo,
}

impl ClientUrl {
    /// Returns whether a `client_id` is meant as a URL. The ids of registered clients are UUIDs.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("https:")
    }

    /// Parses a URL: https, a host with a domain name, no port, and a path. It must be in its normal form, so that two
    /// readers cannot understand two different things: without dot segments, and with the host in lower case.
    ///
    /// # Errors
    ///
    /// Describes the expected URL.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, &'static str> {
        let url = Self::read(text)?;
        let place = (url.domain(), url.port());
        let is_allowed = match place {
            (Some("localhost"), _) => reach == Reach::OwnMachineToo,
            (Some(domain), None) => domain.contains('.') && !domain.ends_with('.'),
            _ => false,
        };
        if is_allowed {
            Ok(Self(text.to_owned()))
        } else {
            Err("The client_id must have the domain name of a host on the internet, and no port.")
        }
    }

    fn read(text: &str) -> Result<Url, &'static str> {
        if text.len() > LONGEST_URL || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("The client_id must have at most 250 ASCII characters.");
        }
        let url = Url::parse(text).map_err(|_unreadable| "The client_id is not a URL.")?;
        if url.as_str() != text {
            return Err("The client_id must be a URL in its normal form.");
        }
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_plain = is_bare && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "https" || !is_plain || url.path().len() < 2 {
            return Err("The client_id must be an https URL with a path, and without user, query and fragment.");
        }
        Ok(url)
    }

    /// Accepts what the database contains.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host, which users know the application by. Letters of other scripts are encoded, so that none looks
    /// like another.
    pub fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").unwrap_or_default();
        rest.split('/').next().unwrap_or_default()
    }
}

impl TryFrom<String> for ClientUrl {
    type Error = &'static str;

    /// Accepts what this service has sealed before.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text, Reach::OwnMachineToo)
    }
}

impl From<ClientUrl> for String {
    fn from(url: ClientUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://app.example.com/client.json";

    #[test]
    fn a_url_is_https_plain_and_of_a_host_on_the_internet() {
        for good in [
            URL,
            "https://xn--bcher-kva.example/a",
            "https://a.example/b/",
            "https://a.example//b",
        ] {
            assert!(ClientUrl::parse(good, Reach::Internet).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https:",
            "http://app.example.com/client.json",
            "ftp://app.example.com/client.json",
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/client.json#x",
            "https://app.example.com/client.json#",
            "https://app.example.com/client.json?x",
            "https://app.example.com/client.json?",
            "https://user@app.example.com/client.json",
            "https://user:p@app.example.com/client.json",
            "https://@app.example.com/client.json",
            "https://app.example.com/a/../client.json",
            "https://app.example.com/./client.json",
            "https://app.example.com/%2e%2e/client.json",
            "https://app.example.com/.%2E/client.json",
            "https://app.example.com:443/client.json",
            "https://app.example.com:8443/client.json",
            "https://app.example.com:/client.json",
            "https://app.example.com./client.json",
            "https://APP.example.com/client.json",
            "HTTPS://app.example.com/client.json",
            "https://app.example.com\\client.json",
            "https:/app.example.com/client.json",
            "https:app.example.com/client.json",
            "https://bücher.example/a",
            "https://app.example.com/a b",
            "https://app.example.com/a\n",
            "https://localhost/client.json",
            "https://intranet/client.json",
            "https://127.0.0.1/client.json",
            "https://1.1.1.1/client.json",
            "https://0x7f.1/client.json",
            "https://2130706433/client.json",
            "https://[::1]/client.json",
            "https://[2606:4700::1111]/client.json",
            "data:application/json,{}",
        ] {
            assert!(ClientUrl::parse(bad, Reach::Internet).is_err(), "{bad}");
        }
        let own = "https://localhost:8443/client.json";
        assert!(ClientUrl::parse(own, Reach::Internet).is_err() && ClientUrl::parse(own, Reach::OwnMachineToo).is_ok());
        assert!(ClientUrl::parse("https://127.0.0.1:8443/client.json", Reach::OwnMachineToo).is_err());
        let long = format!("https://app.example.com/{}", "a".repeat(LONGEST_URL));
        assert!(ClientUrl::parse(&long, Reach::Internet).is_err());
    }

    #[test]
    fn the_host_has_its_port_where_one_is_allowed() {
        let url = ClientUrl::parse("https://localhost:1/x", Reach::OwnMachineToo).unwrap();
        assert_eq!(url.host(), "localhost:1");
    }

    proptest! {
        /// What is shown as the host is where the document comes from.
        #[test]
        fn the_host_is_the_one_that_is_asked(host in "[a-z]{1,8}(\\.[a-z@:/\\\\#?%]{1,6}){1,3}", path in "[ -~]{0,12}") {
            let text = format!("https://{host}/{path}");
            if let Ok(url) = ClientUrl::parse(&text, Reach::Internet) {
                let read = Url::parse(&text).unwrap();
                prop_assert_eq!(read.host_str(), Some(url.host()));
            }
        }
    }
}
