//! The relying party of passkeys (WebAuthn §4): the domain that they are bound to, and the pages and apps that may use
//! them.

use url::{Host, Url};

use super::passkey_apps::{AndroidApp, PasskeyApps};

/// The host name of this machine.
const LOCALHOST: &str = "localhost";

/// A domain, and the origins of the pages and apps that may use its passkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origins: Vec<String>,
    apps: PasskeyApps,
    /// Whether the pages of `localhost` at every port are among the pages of the domain `localhost`.
    any_port: bool,
}

impl RelyingParty {
    /// Parses a relying party id and origins of pages, each exactly as browsers write it. Origins outside of the domain
    /// are related origins (WebAuthn §5.11), which browsers look up in a document of the domain.
    ///
    /// # Errors
    ///
    /// Says which part is wrong: an id that is not a domain, or an origin that is not https, or no origin whose host is
    /// the domain or below it. Browsers refuse passkeys there. `http` is right for `localhost` only.
    pub fn parse(id: &str, origins: &[String]) -> Result<Self, String> {
        check_id(id)?;
        origins.iter().try_for_each(|origin| check_origin(origin, id))?;
        if !origins.iter().any(|origin| is_within(origin, id)) {
            return Err(format!(
                "at least one origin must have {id} as its host, or a host below it"
            ));
        }
        Ok(Self {
            id: id.to_owned(),
            origins: origins.to_owned(),
            apps: PasskeyApps::default(),
            any_port: false,
        })
    }

    /// Returns the same with apps.
    #[must_use]
    pub fn with_apps(self, apps: PasskeyApps) -> Self {
        Self { apps, ..self }
    }

    /// Returns the same with the pages of `localhost` at every port, for development. They can use passkeys of the domain
    /// `localhost` only: a browser uses those of another domain nowhere on this machine, and none at `127.0.0.1`.
    #[must_use]
    pub fn with_any_port(self) -> Self {
        let any_port = self.id == LOCALHOST;
        Self { any_port, ..self }
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the origins of pages.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Returns the origins of pages outside of the domain.
    pub fn related_origins(&self) -> Vec<&str> {
        let origins = self.origins.iter().map(String::as_str);
        origins.filter(|origin| !is_within(origin, &self.id)).collect()
    }

    /// Returns the apps.
    pub const fn apps(&self) -> &PasskeyApps {
        &self.apps
    }

    /// Returns whether a page or an app may use the passkeys. Compares the whole text.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
            || self.any_port && is_of_localhost(origin)
            || self.allows_app(origin)
    }

    /// Apple's platforms write the origin of the domain itself, and Android that of the app's certificate.
    fn allows_app(&self, origin: &str) -> bool {
        let is_of_domain = || origin.strip_prefix("https://") == Some(self.id.as_str());
        !self.apps.apple.is_empty() && is_of_domain()
            || self
                .apps
                .android
                .iter()
                .map(AndroidApp::origin)
                .any(|app| app == origin)
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
    let is_local = url.scheme() == "http" && is_or_is_below(host, LOCALHOST);
    if url.scheme() != "https" && !(is_local && is_or_is_below(host, id)) {
        return Err(format!("{origin} must be https, unless its host is localhost"));
    }
    if matches!(url.host(), Some(Host::Domain(_))) {
        Ok(())
    } else {
        Err(format!(
            "{origin} must have a domain as its host: browsers use no passkeys at an IP address"
        ))
    }
}

/// Returns whether an origin is that of `localhost`, at any port.
fn is_of_localhost(origin: &str) -> bool {
    let is_host = |url: Url| url.host_str() == Some(LOCALHOST);
    check_origin(origin, LOCALHOST).is_ok() && Url::parse(origin).is_ok_and(is_host)
}

/// Returns whether the host of an origin is a domain or below it.
fn is_within(origin: &str, domain: &str) -> bool {
    let url = Url::parse(origin).ok();
    url.as_ref()
        .and_then(Url::host_str)
        .is_some_and(|host| is_or_is_below(host, domain))
}

fn is_or_is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::passkey_apps::AppleApp;

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
    fn in_development_pages_of_localhost_may_use_its_passkeys_at_every_port() {
        let party = parse("localhost", &["http://localhost:8080"]).unwrap();
        let developing = party.clone().with_any_port();
        for origin in ["http://localhost:5173", "http://localhost", "https://localhost:3000"] {
            assert!(developing.allows(origin) && !party.allows(origin), "{origin}");
        }
        for origin in [
            "http://127.0.0.1:5173",
            "http://[::1]:5173",
            "http://localhost:5173/",
            "http://localhost.evil.example:5173",
            "http://evil-localhost:5173",
            "http://app.localhost:5173",
            "http://x@localhost:5173",
            "ws://localhost:5173",
            "localhost:5173",
            "null",
        ] {
            assert!(!developing.allows(origin), "{origin}");
        }
        assert!(developing.related_origins().is_empty());
        let elsewhere = parse("example.com", &["https://example.com"]).unwrap().with_any_port();
        assert!(!elsewhere.allows("http://localhost:5173"));
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
            ("https://127.0.0.1", "a domain as its host"),
            ("https://[::1]:8443", "a domain as its host"),
            ("http://localhost", "must be https"),
        ] {
            let wrong = parse("example.com", &["https://example.com", origin]).unwrap_err();
            assert!(wrong.starts_with(origin) && wrong.contains(says), "{origin}: {wrong}");
        }
        for outside in [
            &[][..],
            &["https://evil-example.com"],
            &["https://example.com.evil.example"],
            &["https://com", "https://example.org"],
        ] {
            let wrong = parse("example.com", outside).unwrap_err();
            assert!(wrong.contains("at least one origin"), "{outside:?}: {wrong}");
        }
    }

    #[test]
    fn origins_outside_of_the_domain_are_related_ones() {
        let origins = [
            "https://example.com",
            "https://example.org",
            "https://app.example.com",
            "https://evil-example.com",
        ];
        let party = parse("example.com", &origins).unwrap();
        assert_eq!(
            party.related_origins(),
            ["https://example.org", "https://evil-example.com"]
        );
        assert!(party.allows("https://example.org") && !party.allows("https://app.example.org"));
        assert!(
            parse("example.com", &["https://example.com"])
                .unwrap()
                .related_origins()
                .is_empty()
        );
    }

    #[test]
    fn apps_have_origins_of_their_own() {
        let fingerprint = vec!["00"; 32].join(":");
        let android = AndroidApp::parse(&format!("com.example.app@{fingerprint}")).unwrap();
        let hash = format!("android:apk-key-hash:{}", "A".repeat(43));
        let apple = AppleApp::parse("ABCDE12345.com.example.app").unwrap();
        let without = parse("example.com", &["https://auth.example.com"]).unwrap();
        assert!(!without.allows(&hash) && !without.allows("https://example.com"));
        let with_android = without.clone().with_apps(PasskeyApps {
            android: vec![android],
            ..PasskeyApps::default()
        });
        assert!(with_android.allows(&hash) && with_android.allows("https://auth.example.com"));
        assert!(!with_android.allows("https://example.com") && !with_android.allows(&hash.replace("AA", "AB")));
        let with_apple = without.with_apps(PasskeyApps {
            apple: vec![apple],
            ..PasskeyApps::default()
        });
        assert!(with_apple.allows("https://example.com") && !with_apple.allows(&hash));
        for other in [
            "http://example.com",
            "https://www.example.com",
            "https://",
            "example.com",
        ] {
            assert!(!with_apple.allows(other), "{other}");
        }
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
