//! The issuer of a provider, and which URLs its configuration may lead to.

use url::{Host, Url};
use uuid::Uuid;

/// Stands for the id of a tenant in the issuer of Microsoft's configuration.
pub const TENANT: &str = "{tenantid}";
/// The tenant of Microsoft accounts of private persons.
pub const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// The longest URL of a provider.
pub const LONGEST: usize = 500;
/// Where the configuration is, below the issuer (OpenID Connect Discovery 1.0 §4).
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// What the issuer in a provider's answers is compared with, as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderIssuer {
    /// One issuer.
    One(String),
    /// One for each tenant: the template, with the `tid` of the token in the place of [`TENANT`] (Microsoft, "Access
    /// tokens: multitenant applications").
    OfTenant {
        /// The template.
        template: String,
        /// Which tenants.
        tenants: Tenants,
    },
}

/// Whose users may sign in at an application for many tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Users of all organizations, and private persons.
    Common,
    /// Users of all organizations.
    Organizations,
}

crate::domain::names::names!(Tenants {
    Common = "common",
    Organizations = "organizations",
});

impl ProviderIssuer {
    /// Parses an issuer, or a template with [`TENANT`]: an `https` URL, or an `http` one of the own machine.
    ///
    /// # Errors
    ///
    /// Describes the expected URL.
    pub fn check(text: &str) -> Result<&str, &'static str> {
        let example = text.replace(TENANT, CONSUMERS);
        let is_plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url = Url::parse(&example).ok().filter(|_| is_plain);
        let url = url.ok_or("must be a URL of at most 500 ASCII characters")?;
        // It is compared as a text, so it must be written as the provider writes it.
        let is_normal = url.as_str() == example || url.as_str() == format!("{example}/");
        let has_more = url.query().is_some() || url.fragment().is_some() || has_user(&url);
        match url.scheme() {
            _ if !is_normal || has_more => {
                Err("must be written as the provider writes it, without a query, a fragment or a user name")
            }
            "https" => Ok(text),
            "http" if is_own_machine(&url) => Ok(text),
            _ => Err("must be https, or http on 127.0.0.1, [::1] or localhost for development"),
        }
    }

    /// Returns the issuer that the configuration must have.
    pub fn in_configuration(&self) -> &str {
        match self {
            Self::One(issuer) => issuer,
            Self::OfTenant { template, .. } => template,
        }
    }

    /// Returns the URL that the operator named, to reach the provider at.
    pub fn base(&self) -> String {
        match self {
            Self::One(issuer) => issuer.trim_end_matches('/').to_owned(),
            Self::OfTenant { template, tenants } => template.replace(TENANT, tenants.as_str()),
        }
    }

    /// Returns the URL of the configuration.
    pub fn configuration_url(&self) -> String {
        format!("{}{CONFIGURATION}", self.base())
    }

    /// Returns whether the provider can be the issuer of an answer, whose tenant is not known yet.
    pub fn may_be(&self, issuer: &str) -> bool {
        match self {
            Self::One(one) => one == issuer,
            Self::OfTenant { template, tenants } => {
                let tenant = template
                    .split_once(TENANT)
                    .and_then(|(before, after)| issuer.strip_prefix(before)?.strip_suffix(after));
                tenant.is_some_and(|tenant| tenants.have(tenant))
            }
        }
    }

    /// Returns whether this is the issuer of a token, whose claim `tid` is this.
    pub fn is(&self, issuer: &str, tenant: Option<&str>) -> bool {
        match self {
            Self::One(one) => one == issuer,
            Self::OfTenant { template, tenants } => {
                tenant.is_some_and(|tenant| tenants.have(tenant) && template.replace(TENANT, tenant) == issuer)
            }
        }
    }

    /// Returns whether a key may sign for an issuer. Microsoft publishes the keys of several issuers in one set, and
    /// names the issuer of each: a key of private persons must not sign for a company (Microsoft, "Access tokens:
    /// validate the signing key issuer").
    pub fn has_key_of(key: Option<&str>, issuer: &str, tenant: Option<&str>) -> bool {
        key.is_none_or(|template| template.replace(TENANT, tenant.unwrap_or_default()) == issuer)
    }

    /// Returns the host, as URLs have it.
    pub fn host(&self) -> Option<String> {
        let url = Url::parse(&self.base()).ok()?;
        url.host_str().map(str::to_owned)
    }

    /// Returns whether the provider is on the own machine and without TLS, which is for development.
    pub fn is_local(&self) -> bool {
        Url::parse(&self.base()).is_ok_and(|url| url.scheme() == "http")
    }

    /// Returns whether an endpoint that a configuration names may be used: over TLS, or on the own machine if the issuer
    /// is there, too. Everything else in a configuration could be an attack on servers of the operator's network, or
    /// would show secrets to it.
    pub fn allows_endpoint(&self, endpoint: &str) -> bool {
        let is_plain = endpoint.len() <= LONGEST && endpoint.bytes().all(|byte| byte.is_ascii_graphic());
        let url = Url::parse(endpoint).ok().filter(|_| is_plain);
        url.is_some_and(|url| {
            let is_safe = match url.scheme() {
                "https" => true,
                "http" => self.is_local() && is_own_machine(&url),
                _ => false,
            };
            is_safe && url.fragment().is_none() && !has_user(&url)
        })
    }
}

impl Tenants {
    /// Returns whether a tenant is one of them. Ids of tenants are UUIDs.
    fn have(self, tenant: &str) -> bool {
        let is_id = Uuid::try_parse(tenant).is_ok_and(|id| id.to_string() == tenant);
        is_id && (self == Self::Common || tenant != CONSUMERS)
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_own_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMPANY: &str = "11111111-2222-3333-4444-555555555555";
    const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

    fn one(text: &str) -> ProviderIssuer {
        ProviderIssuer::One(text.to_owned())
    }

    fn of(tenants: Tenants) -> ProviderIssuer {
        ProviderIssuer::OfTenant {
            template: TEMPLATE.to_owned(),
            tenants,
        }
    }

    fn issuer_of(tenant: &str) -> String {
        TEMPLATE.replace(TENANT, tenant)
    }

    #[test]
    fn an_issuer_is_over_tls_or_on_the_own_machine() {
        for good in [
            "https://accounts.google.com",
            "https://id.example.com/realms/staff",
            "https://id.example.com/",
            "https://id.example.com:8443/a",
            "http://127.0.0.1:9000",
            "http://localhost:9000/a",
            "http://[::1]:9000",
            TEMPLATE,
        ] {
            assert_eq!(ProviderIssuer::check(good), Ok(good));
        }
        for bad in [
            "",
            "accounts.google.com",
            "http://id.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "https://id.example.com?a",
            "https://id.example.com/#a",
            "https://jo@id.example.com",
            "https://ID.example.com",
            "https://id.example.com/a/../b",
            "https://id.example.com\\@evil.example",
            "https://id.example.com:443",
            "ftp://id.example.com",
            "file:///etc/passwd",
        ] {
            assert!(ProviderIssuer::check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_configuration_is_below_the_issuer() {
        for (issuer, expected) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/b",
                "https://a.example/b/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(one(issuer).configuration_url(), expected);
        }
        assert_eq!(
            of(Tenants::Common).configuration_url(),
            "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
        );
    }

    #[test]
    fn the_issuer_of_a_tenant_is_the_one_that_its_token_names() {
        let (common, organizations) = (of(Tenants::Common), of(Tenants::Organizations));
        assert!(common.is(&issuer_of(COMPANY), Some(COMPANY)) && common.may_be(&issuer_of(COMPANY)));
        assert!(common.is(&issuer_of(CONSUMERS), Some(CONSUMERS)));
        assert!(!organizations.is(&issuer_of(CONSUMERS), Some(CONSUMERS)));
        assert!(!organizations.may_be(&issuer_of(CONSUMERS)));
        for (issuer, tenant) in [
            (issuer_of(COMPANY), None),
            (issuer_of(COMPANY), Some(CONSUMERS)),
            (TEMPLATE.to_owned(), Some(TENANT)),
            (issuer_of(""), Some("")),
            (issuer_of("common"), Some("common")),
            (issuer_of("a/../b"), Some("a/../b")),
            (format!("{}/", issuer_of(COMPANY)), Some(COMPANY)),
            (format!("https://evil.example/{COMPANY}/v2.0"), Some(COMPANY)),
        ] {
            assert!(!common.is(&issuer, tenant), "{issuer} {tenant:?}");
        }
        assert!(!common.may_be(TEMPLATE) && !common.may_be("https://evil.example"));
    }

    #[test]
    fn a_key_signs_for_its_own_issuer() {
        let has = |key, tenant: &str| ProviderIssuer::has_key_of(key, &issuer_of(tenant), Some(tenant));
        assert!(has(None, COMPANY));
        assert!(has(Some(TEMPLATE), COMPANY) && has(Some(TEMPLATE), CONSUMERS));
        let of_consumers = issuer_of(CONSUMERS);
        assert!(has(Some(&of_consumers), CONSUMERS));
        assert!(!has(Some(&of_consumers), COMPANY));
    }

    #[test]
    fn endpoints_are_over_tls_unless_the_issuer_is_on_the_own_machine() {
        let far = one("https://id.example.com");
        let near = one("http://127.0.0.1:9000/a");
        assert!(near.is_local() && !far.is_local());
        for (endpoint, of_far, of_near) in [
            ("https://id.example.com/token", true, true),
            ("https://keys.example.com/keys?a=b", true, true),
            ("http://id.example.com/token", false, false),
            ("http://127.0.0.1:9001/token", false, true),
            ("http://localhost/token", false, true),
            ("http://10.0.0.1/token", false, false),
            ("http://169.254.169.254/latest/meta-data", false, false),
            ("http://localhost.example.com/token", false, false),
            ("javascript:alert(1)", false, false),
            ("file:///etc/passwd", false, false),
            ("https://jo:secret@id.example.com/token", false, false),
            ("https://id.example.com/token#a", false, false),
            ("https://id.example.com/a b", false, false),
            ("/token", false, false),
            ("", false, false),
        ] {
            assert_eq!(far.allows_endpoint(endpoint), of_far, "{endpoint}");
            assert_eq!(near.allows_endpoint(endpoint), of_near, "{endpoint}");
        }
    }

    proptest! {
        #[test]
        fn an_issuer_is_compared_whole(issuer in "https://[a-z]{1,8}\\.example(/[a-z]{1,4})?", more in "[a-z/.]{1,4}") {
            let one = one(&issuer);
            prop_assert!(one.is(&issuer, None) && one.may_be(&issuer));
            let changed = [format!("{issuer}{more}"), format!("{issuer}/"), issuer.to_uppercase(), issuer.replace("https", "http")];
            for other in changed {
                prop_assert!(!one.is(&other, Some(COMPANY)) && !one.may_be(&other));
            }
        }
    }
}
