//! Which addresses a provider is believed for.
//!
//! Most providers let their users, or the administrators of their tenants, write any address. If such an address counted
//! as proven, its writer would get what belongs to its reader ("nOAuth"). So a provider is believed for the domains that
//! its operator names, and for no others.

use crate::domain::email::Email;

/// The domains of Google's own mailboxes.
pub const GOOGLE_MAIL: [&str; 2] = ["gmail.com", "googlemail.com"];

/// The addresses that a provider is believed for, if it says that they are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// All: it proves each address by a mail of its own, or the operator says so.
    Everything,
    /// Those of these domains, as [`Email`] writes them. None: it is believed for no address.
    Domains(Vec<String>),
    /// Those of these domains, at Google: in a domain that is not of Google's own mailboxes, only an account that the
    /// domain manages (`hd`). Another account may have got its address long ago, and have lost it since ("Verify the
    /// Google ID token on your server side").
    ManagedDomains(Vec<String>),
}

impl Authority {
    /// Parses a domain, into the form that addresses have.
    ///
    /// # Errors
    ///
    /// Describes the expected domain.
    pub fn domain(text: &str) -> Result<String, &'static str> {
        let wanted = "must be a domain such as example.com";
        let address = Email::parse(&format!("a@{text}")).map_err(|_not_one| wanted)?;
        let domain = address.as_str().strip_prefix("a@");
        domain.map(str::to_owned).ok_or(wanted)
    }

    /// Returns whether the provider is believed for an address. `managed_by` is the claim `hd` of Google.
    pub fn covers(&self, email: &Email, managed_by: Option<&str>) -> bool {
        let domain = email.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_listed = |domains: &[String]| domains.iter().any(|listed| listed == domain);
        match self {
            Self::Everything => true,
            Self::Domains(domains) => is_listed(domains),
            Self::ManagedDomains(domains) => {
                let is_own = GOOGLE_MAIL.contains(&domain);
                is_listed(domains) && (is_own || managed_by == Some(domain))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn domains(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| Authority::domain(text).unwrap()).collect()
    }

    #[test]
    fn a_domain_is_whole_and_exact() {
        let company = Authority::Domains(domains(&["Example.com", "bücher.example"]));
        for (address, expected) in [
            ("jo@example.com", true),
            ("jo@EXAMPLE.com", true),
            ("jo@bücher.example", true),
            ("jo@xn--bcher-kva.example", true),
            ("jo@mail.example.com", false),
            ("jo@notexample.com", false),
            ("jo@example.com.evil.example", false),
            ("\"@example.com\"@evil.example", false),
        ] {
            let Ok(parsed) = Email::parse(address) else { continue };
            assert_eq!(company.covers(&parsed, Some("example.com")), expected, "{address}");
        }
        for bad in [
            "",
            "example",
            "a@example.com",
            "https://example.com",
            "*.example.com",
            "example.com/",
            "*",
        ] {
            assert!(Authority::domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn google_is_believed_for_its_own_mailboxes_and_for_domains_that_it_manages() {
        let google = Authority::ManagedDomains(domains(&["gmail.com", "example.com"]));
        assert!(google.covers(&email("jo@gmail.com"), None));
        assert!(google.covers(&email("jo@example.com"), Some("example.com")));
        assert!(
            !google.covers(&email("jo@example.com"), None),
            "a private account with an address of the company"
        );
        assert!(!google.covers(&email("jo@example.com"), Some("evil.example")));
        assert!(
            !google.covers(&email("jo@evil.example"), Some("evil.example")),
            "not named by the operator"
        );
        assert!(
            !google.covers(&email("jo@googlemail.com"), None),
            "not named by the operator"
        );
    }

    proptest! {
        #[test]
        fn a_provider_without_domains_is_believed_for_nothing(local in "[a-z]{1,9}", domain in "[a-z]{1,9}\\.(com|example)") {
            let address = email(&format!("{local}@{domain}"));
            prop_assert!(!Authority::Domains(Vec::new()).covers(&address, Some(&domain)));
            prop_assert!(!Authority::ManagedDomains(Vec::new()).covers(&address, Some(&domain)));
            prop_assert!(Authority::Domains(vec![domain]).covers(&address, None));
        }
    }
}
