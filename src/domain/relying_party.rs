//! The relying party of passkeys (WebAuthn §4): the domain that they are bound to, and the pages that may use them.

use url::{Host, Url};

/// A domain and the origins of the pages that may use its passkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origins: Vec<String>,
}

impl RelyingParty {
    /// Parses a relying party id and origins, each exactly as browsers write it.
    ///
    /// # Errors
    ///
    /// Says which part is wrong: an id that is not a domain, or an origin that is not https, or whose host is neither
    /// the domain nor below it. Browsers refuse passkeys there. `http` is right for `localhost` only.
    pub fn parse(id: &str, origins: &[String]) -> Result<Self, String> {
        check_id(id)?;
        if origins.is_empty() {
            return Err("must have at least one origin".to_owned());
        }
        origins.iter().try_for_each(|origin| check_origin(origin, id))?;
        Ok(Self {
            id: id.to_owned(),
            origins: origins.to_owned(),
        })
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the origins.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Returns whether a page may use the passkeys. Compares the whole text.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }
}

fn check_id(id: &str) -> Result<(), String> {
    match Host::parse(id) {
        Ok(Host::Domain(domain)) if domain == id && !id.ends_with('.') => Ok(()),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => {
            Err("must be a domain: browsers do not make passkeys for an IP address".to_owned())
        }
        _ => Err("must be a domain in small letters, such as example.com".to_owned()),
    }
}

fn check_origin(origin: &str, id: &str) -> Result<(), String> {
    let exact = Url::parse(origin)
        .ok()
        .filter(|url| url.origin().ascii_serialization() == origin);
    let Some(url) = exact else {
        return Err(format!(
            "{origin} must be an exact origin, such as https://auth.example.com"
        ));
    };
    let host = url.host_str().unwrap_or_default();
    if url.scheme() != "https" && !(url.scheme() == "http" && is_or_is_below(host, "localhost")) {
        return Err(format!("{origin} must be https, unless its host is localhost"));
    }
    if !is_or_is_below(host, id) {
        return Err(format!("{origin} must have {id} as its host, or a host below it"));
    }
    Ok(())
}

fn is_or_is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(id: &str, origins: &[&str]) -> Result<RelyingParty, String> {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        RelyingParty::parse(id, &origins)
    }

    #[test]
    fn a_domain_serves_itself_and_what_is_below_it() {
        let party = parse("example.com", &["https://example.com", "https://a.b.example.com:8443"]).unwrap();
        assert!(party.allows("https://example.com") && party.allows("https://a.b.example.com:8443"));
        for origin in [
            "https://example.com/",
            "https://example.com:443",
            "https://EXAMPLE.com",
            "http://example.com",
            "https://evil-example.com",
            "https://a.example.com",
            "https://example.com.evil.example",
            "",
            "null",
        ] {
            assert!(!party.allows(origin), "{origin}");
        }
        parse("localhost", &["http://localhost:8080", "http://app.localhost"]).unwrap();
    }

    #[test]
    fn an_id_that_is_not_a_domain_is_refused() {
        for id in ["127.0.0.1", "[::1]", "0x7f.1", "2130706433"] {
            let wrong = parse(id, &["https://example.com"]).unwrap_err();
            assert!(wrong.contains("IP address"), "{id}: {wrong}");
        }
        for id in [
            "",
            "Example.com",
            "example.com.",
            "https://example.com",
            "example.com:443",
            "bücher.example",
            "::1",
            "a b",
        ] {
            let wrong = parse(id, &["https://example.com"]).unwrap_err();
            assert!(wrong.contains("domain in small letters"), "{id}: {wrong}");
        }
        parse("xn--bcher-kva.example", &["https://xn--bcher-kva.example"]).unwrap();
    }

    #[test]
    fn an_origin_that_browsers_refuse_is_refused() {
        for (origin, says) in [
            ("https://example.com/", "exact origin"),
            ("https://example.com/a", "exact origin"),
            ("https://example.com:443", "exact origin"),
            ("https://jo@example.com", "exact origin"),
            ("example.com", "exact origin"),
            ("null", "exact origin"),
            ("android:apk-key-hash:AAAA", "exact origin"),
            ("http://example.com", "must be https"),
            ("http://evil-localhost", "must be https"),
            ("ws://example.com", "must be https"),
            ("https://evil-example.com", "as its host"),
            ("https://example.com.evil.example", "as its host"),
            ("https://com", "as its host"),
            ("https://127.0.0.1", "as its host"),
            ("http://localhost", "as its host"),
        ] {
            let wrong = parse("example.com", &["https://example.com", origin]).unwrap_err();
            assert!(wrong.starts_with(origin) && wrong.contains(says), "{origin}: {wrong}");
        }
        assert!(parse("example.com", &[]).is_err());
    }

    proptest! {
        #[test]
        fn only_a_dot_parts_a_host_from_its_domain(before in "[a-z0-9-]{0,10}[.-]?") {
            let host = format!("{before}example.com");
            let is_below = before.is_empty() || before.ends_with('.');
            prop_assert_eq!(is_or_is_below(&host, "example.com"), is_below);
        }

        #[test]
        fn any_text_is_classified(id in "\\PC{0,20}", origin in "(https?://)?\\PC{0,20}") {
            let _ = RelyingParty::parse(&id, &[origin]);
        }
    }
}
