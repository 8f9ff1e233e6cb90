//! What passkeys are for: their domain, and the pages and apps that may use them.

use url::{Host, Url};

use super::reader::Reader;
use super::server::parse_origin;
use super::{Mode, settings};
use crate::domain::passkey::UserVerification;
use crate::domain::passkey_apps::{AndroidApp, AppleApp, PasskeyApps};
use crate::domain::relying_party::RelyingParty;

/// What passkeys are for. The relying party is made of it and of the public URL, which may be known later.
#[derive(Clone, Debug)]
pub struct PasskeyConfig {
    /// The domain; by default the host of the public URL.
    pub rp_id: Option<String>,
    /// The pages; by default the origin of the public URL.
    pub origins: Vec<String>,
    /// Whether pages of `localhost` may use them at every port: in `vestibule dev`, where such pages may call the service.
    pub any_port: bool,
    /// The apps.
    pub apps: PasskeyApps,
    /// Whether a passkey beside another factor has to verify its user.
    pub user_verification: UserVerification,
}

impl PasskeyConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>, mode: Mode) -> Option<Self> {
        let words = UserVerification::ALL.map(|word| (word.as_str(), word));
        let rp_id = reader.parse_optional(&settings::PASSKEY_RP_ID, |text| Ok(text.to_owned()));
        let origins = reader.list(&settings::PASSKEY_ORIGINS, parse_origin);
        let apple = reader.list(&settings::PASSKEY_APPLE_APPS, |text| {
            AppleApp::parse(text).map_err(str::to_owned)
        });
        let android = reader.list(&settings::PASSKEY_ANDROID_APPS, |text| {
            AndroidApp::parse(text).map_err(str::to_owned)
        });
        let user_verification = reader.one_of(&settings::PASSKEY_USER_VERIFICATION, &words);
        Some(Self {
            rp_id: rp_id?,
            origins: origins?,
            any_port: mode == Mode::Development,
            apps: PasskeyApps {
                apple: apple?,
                android: android?,
            },
            user_verification: user_verification?,
        })
    }

    /// Makes the relying party of a deployment with a public URL. `None` if no domain is set and the host of the public
    /// URL is not one: browsers make no passkeys for an IP address.
    ///
    /// # Errors
    ///
    /// Says why browsers would refuse passkeys there.
    pub fn relying_party(&self, public_url: &str) -> Result<Option<RelyingParty>, String> {
        let url = Url::parse(public_url).ok();
        let domain = url.as_ref().and_then(|url| match url.host()? {
            Host::Domain(domain) => Some(domain),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        });
        let Some(id) = self.rp_id.as_deref().or(domain) else {
            return Ok(None);
        };
        let own = url.as_ref().map(|url| url.origin().ascii_serialization());
        let origins = if self.origins.is_empty() {
            own.into_iter().collect()
        } else {
            self.origins.clone()
        };
        let party = RelyingParty::parse(id, &origins)?;
        let party = party.with_apps(self.apps.clone());
        Ok(Some(if self.any_port { party.with_any_port() } else { party }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Mode, Source};

    fn party(pairs: &[(&str, &str)], public_url: &str) -> Result<Option<RelyingParty>, String> {
        party_in(Mode::Serve, pairs, public_url)
    }

    fn party_in(mode: Mode, pairs: &[(&str, &str)], public_url: &str) -> Result<Option<RelyingParty>, String> {
        let config = Config::read(&Source::from_pairs(pairs), mode).unwrap();
        config.delivery.passkeys.relying_party(public_url)
    }

    #[test]
    fn only_in_development_pages_of_localhost_use_passkeys_at_every_port() {
        let at = |mode| party_in(mode, &[], "http://localhost:8080").unwrap().unwrap();
        let page = "http://localhost:5173";
        assert!(at(Mode::Development).allows(page));
        assert!(!at(Mode::Serve).allows(page));
        assert_eq!(at(Mode::Development).origins(), ["http://localhost:8080"]);
        assert_eq!(party_in(Mode::Development, &[], "http://127.0.0.1:8080"), Ok(None));
    }

    #[test]
    fn without_settings_passkeys_are_for_the_domain_of_the_public_url() {
        let made = party(&[], "https://example.com/auth").unwrap().unwrap();
        assert_eq!(
            (made.id(), made.origins()),
            ("example.com", &["https://example.com".to_owned()][..])
        );
        let made = party(&[], "http://localhost:8080").unwrap().unwrap();
        assert_eq!(
            (made.id(), made.origins()),
            ("localhost", &["http://localhost:8080".to_owned()][..])
        );
        for no_domain in ["http://127.0.0.1:8080", "https://[::1]:8443", "https://192.0.2.1", ""] {
            assert_eq!(party(&[], no_domain), Ok(None), "{no_domain}");
        }
    }

    #[test]
    fn a_domain_that_is_set_needs_an_origin_that_fits() {
        let domain = ("PASSKEY_RP_ID", "example.com");
        assert!(party(&[domain], "http://127.0.0.1:8080").is_err());
        let set = [domain, ("PASSKEY_ORIGINS", "https://app.example.com")];
        assert!(party(&set, "http://127.0.0.1:8080").unwrap().is_some());
    }
}
