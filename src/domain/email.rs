//! E-mail addresses in the one form under which they are stored, compared and written to.
//!
//! Two spellings of one mailbox must not make two accounts, and two mailboxes must not make one: ASCII only
//! (Unicode case mapping merges distinct letters, such as the Kelvin sign and `k`), lower-cased, the domain as
//! A-labels.

use std::fmt;

/// Longest address that SMTP can carry in a path (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_PART: usize = 64;

/// A canonical e-mail address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Parses a mailbox `local@domain` into its canonical form.
    ///
    /// # Errors
    ///
    /// Says what is wanted when the text is not an ASCII dot-atom (RFC 5322 §3.2.3) at a domain name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "must be an e-mail address, such as jo@example.com";
        let (local, domain) = text.rsplit_once('@').ok_or(WANTED)?;
        if local.is_empty() || local.len() > MAX_LOCAL_PART || !local.split('.').all(is_atom) {
            return Err(WANTED);
        }
        let domain = canonical_domain(domain).ok_or(WANTED)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        if address.len() > MAX_LENGTH {
            return Err("must be at most 254 characters long");
        }
        Ok(Self(address))
    }

    /// Takes an address that was canonical when it was stored.
    pub fn from_stored(address: String) -> Self {
        Self(address)
    }

    /// Returns the canonical address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns enough of it for its owner to know which it is, and nobody else: `j***@e***.com`.
    pub fn hint(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        let (name, top_level) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        format!("{}***@{}***.{top_level}", first(local), first(name))
    }

    /// Returns the words of the address that its owner might build a password from.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(['@', '.']).chain([self.0.as_str()])
    }
}

/// Keeps addresses out of logs: a person's address is personal data.
impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(…)")
    }
}

fn is_atom(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
}

fn canonical_domain(text: &str) -> Option<String> {
    let domain = idna::domain_to_ascii_strict(text).ok()?;
    let top_level = domain.rsplit('.').next()?;
    let numeric = top_level.bytes().all(|byte| byte.is_ascii_digit());
    (domain.contains('.') && !numeric).then_some(domain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_canonical_form_is_lower_case_with_an_ascii_domain() {
        let email = Email::parse("Jo.Doe+News@EXAMPLE.com").unwrap();
        assert_eq!(email.as_str(), "jo.doe+news@example.com");
        let email = Email::parse("jo@bücher.example").unwrap();
        assert_eq!(email.as_str(), "jo@xn--bcher-kva.example");
    }

    #[test]
    fn a_hint_shows_initials_only() {
        let hint = |text: &str| Email::parse(text).unwrap().hint();
        assert_eq!(hint("jo@example.com"), "j***@e***.com");
        assert_eq!(hint("j@mail.example.co.uk"), "j***@m***.uk");
    }

    #[test]
    fn what_is_no_ascii_mailbox_is_refused() {
        for text in [
            "",
            "@",
            "jo",
            "jo@",
            "@example.com",
            "jo@localhost",
            "jo@@example.com",
            "jo doe@example.com",
            ".jo@example.com",
            "jo.@example.com",
            "j..o@example.com",
            "jo@example..com",
            "jo@.example.com",
            "jo@example.com.",
            "jo@-a.com",
            "jo@127.0.0.1",
            "jo@[127.0.0.1]",
            "\u{212a}im@example.com",
            "jö@example.com",
            "jo@example.com\r\nBcc: x@example.com",
            "jo\0@example.com",
            " jo@example.com",
            "\"jo\"@example.com",
            "jo@exa mple.com",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?} was accepted");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
        let long = format!("{}@{}com", "a".repeat(64), "abcdefgh.".repeat(22));
        assert!(Email::parse(&long).is_err());
    }

    proptest! {
        #[test]
        fn canonical_addresses_are_their_own_canonical_form(local in "[A-Za-z0-9+_-]{1,20}", domain in "[a-zA-Z]{1,10}\\.[a-zA-Z]{2,6}") {
            let once = Email::parse(&format!("{local}@{domain}")).unwrap();
            prop_assert_eq!(&once, &Email::parse(once.as_str()).unwrap());
        }

        #[test]
        fn whatever_is_accepted_is_printable_ascii(text in "\\PC{0,40}@\\PC{0,40}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
