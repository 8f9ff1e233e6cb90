//! The URLs of servers of others that this service posts to.

use std::fmt;

use url::Url;

/// The longest URL.
pub const LONGEST: usize = 2048;
const NOT_A_URL: &str = "must be an https URL without user and fragment, such as https://hooks.example.com/vestibule";

/// The URL of a server of others: https, or http, which leads only to addresses that the operator allows
/// ([`super::network::AllowedNetworks`]). Its path and its query may be the only protection of what is there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OutboundUrl(Url);

impl OutboundUrl {
    /// Parses a URL. A password in it would be shown wherever the URL is, so there may be none.
    ///
    /// # Errors
    ///
    /// Describes the expected URL, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("must have at most 2048 characters");
        }
        let url = Url::parse(text).map_err(|_unreadable| NOT_A_URL)?;
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let is_good = is_bare && url.has_host() && matches!(url.scheme(), "https" | "http");
        if !is_good {
            return Err(NOT_A_URL);
        }
        // It is written as it is called: in its normal form, which may be longer.
        if url.as_str().len() > LONGEST {
            return Err("must have at most 2048 characters");
        }
        Ok(Self(url))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns scheme, host and port, which are not secret.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Returns whether it has TLS.
    pub fn has_tls(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for OutboundUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Logs show where it leads, and not what may be secret.
impl fmt::Debug for OutboundUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OutboundUrl({}…)", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_of_a_web_server_and_has_no_password() {
        for good in [
            "https://hooks.example.com/vestibule",
            "https://hooks.example.com:8443/a?b=c",
            "http://10.0.0.1/a",
            "https://[2606:4700::1111]/",
            "HTTPS://HOOKS.example.com",
        ] {
            assert!(OutboundUrl::parse(good).is_ok(), "{good}");
        }
        let long = format!("https://hooks.example.com/{}", "a".repeat(LONGEST));
        let grows = format!("https://hooks.example.com/{}", "é".repeat(LONGEST / 3));
        for bad in [
            "",
            "hooks.example.com",
            "https:",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "data:text/plain,a",
            "https://jo@hooks.example.com/",
            "https://jo:secret@hooks.example.com/",
            "https://:secret@hooks.example.com/",
            "https://hooks.example.com/#a",
            "https://hooks.example.com/#",
            "https://hooks example.com/",
            &long,
            &grows,
        ] {
            assert!(OutboundUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_called() {
        let url = OutboundUrl::parse("HTTPS://HOOKS.example.com:443/a/../b c").unwrap();
        assert_eq!(url.to_string(), "https://hooks.example.com/b%20c");
        assert_eq!(format!("{url:?}"), "OutboundUrl(https://hooks.example.com…)");
        assert!(url.has_tls());
    }

    proptest! {
        /// What was parsed once is what is stored and called, and it shows no password.
        #[test]
        fn the_text_parses_to_itself(text in "https?:/{0,3}[a-z0-9.:@%\\[\\]\\\\]{1,20}[ -~é]{0,20}") {
            if let Ok(url) = OutboundUrl::parse(&text) {
                prop_assert_eq!(OutboundUrl::parse(url.as_str()), Ok(url.clone()));
                let below = url.as_str().strip_prefix(&url.origin());
                prop_assert!(below.is_some_and(|path| path.starts_with('/')));
            }
        }
    }
}
