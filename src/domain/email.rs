//! E-mail addresses in the one form in which they are stored, compared and used.
//!
//! Two spellings of one mailbox must not make two accounts, and two mailboxes must not make one. An address is
//! therefore ASCII only (Unicode case mapping merges distinct letters, such as the Kelvin sign and `k`), in lower case,
//! with its domain as A-labels.
//!
//! Some mailboxes in use break the grammar of RFC 5322: Japanese carriers gave out local parts with adjacent dots or
//! dots at an end, and host names of companies contain underscores. Mail servers accept both, so both are addresses
//! here.

use std::borrow::Cow;
use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::typed_text;

/// Longest address that SMTP can carry in a path (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_PART: usize = 64;
/// All ASCII characters except those of a host name (RFC 1123 §2.1) and the underscore.
const NOT_IN_DOMAINS: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// A canonical e-mail address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Parses a mailbox `local@domain` into its canonical form. White space and invisible characters around it are
    /// removed.
    ///
    /// # Errors
    ///
    /// Describes the expected form if the text is not a local part of ASCII atoms and dots (RFC 5322 §3.2.3) at a
    /// domain name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "must be an e-mail address, such as jo@example.com";
        let (local, domain) = typed_text::trim(text).rsplit_once('@').ok_or(WANTED)?;
        let is_local_part = local.split('.').all(is_atom_or_empty) && local.contains(|character| character != '.');
        // The length in SMTP counts: a local part with dots in unusual places gets two quotes.
        if !is_local_part || smtp_local_part(local).len() > MAX_LOCAL_PART {
            return Err(WANTED);
        }
        let domain = canonical_domain(domain).ok_or(WANTED)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        let email = Self(address);
        let (local, domain) = email.smtp_mailbox();
        if local.len() + 1 + domain.len() > MAX_LENGTH {
            return Err("must be at most 254 characters long");
        }
        Ok(email)
    }

    /// Returns local part and domain as SMTP and mail headers require them: a local part with adjacent dots or dots at
    /// an end is quoted (RFC 5321 §4.1.2).
    pub fn smtp_mailbox(&self) -> (Cow<'_, str>, &str) {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        (smtp_local_part(local), domain)
    }

    /// Accepts an address that was canonical when it was stored.
    pub fn from_stored(address: String) -> Self {
        Self(address)
    }

    /// Returns the canonical address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a hint by which only its owner can recognise it: `j***@e***.com`.
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

/// Keeps addresses out of logs: they are personal data.
impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(…)")
    }
}

fn is_atom_or_empty(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
}

/// No character of these local parts needs to be escaped between the quotes.
fn smtp_local_part(local: &str) -> Cow<'_, str> {
    if local.split('.').all(|atom| !atom.is_empty()) {
        Cow::Borrowed(local)
    } else {
        Cow::Owned(format!("\"{local}\""))
    }
}

fn canonical_domain(text: &str) -> Option<String> {
    let domain = Uts46::new()
        .to_ascii(text.as_bytes(), NOT_IN_DOMAINS, Hyphens::Check, DnsLength::Verify)
        .ok()?;
    let (_, top_level) = domain.rsplit_once('.')?;
    let numeric = top_level.bytes().all(|byte| byte.is_ascii_digit());
    (!numeric && !top_level.contains('_')).then(|| domain.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::typed_text::typing;

    #[test]
    fn the_canonical_form_is_lower_case_with_an_ascii_domain() {
        let email = Email::parse("Jo.Doe+News@EXAMPLE.com").unwrap();
        assert_eq!(email.as_str(), "jo.doe+news@example.com");
        let email = Email::parse("jo@bücher.example").unwrap();
        assert_eq!(email.as_str(), "jo@xn--bcher-kva.example");
    }

    #[test]
    fn dots_and_underscores_are_taken_where_mail_servers_take_them() {
        for (text, canonical, local) in [
            ("x@My_Company.example", "x@my_company.example", "x"),
            ("x@_dmarc.a_b.example", "x@_dmarc.a_b.example", "x"),
            ("A..b@old-carrier.example", "a..b@old-carrier.example", "\"a..b\""),
            ("a.@old-carrier.example", "a.@old-carrier.example", "\"a.\""),
            (".a@old-carrier.example", ".a@old-carrier.example", "\".a\""),
            ("a.b@old-carrier.example", "a.b@old-carrier.example", "a.b"),
        ] {
            let email = Email::parse(text).unwrap();
            assert_eq!(email.as_str(), canonical);
            assert_eq!(email.smtp_mailbox().0, local);
        }
        // With its quotes it has 64 bytes, so one more letter does not fit.
        assert!(Email::parse(&format!("{}.@example.com", "a".repeat(61))).is_ok());
        assert!(Email::parse(&format!("{}.@example.com", "a".repeat(62))).is_err());
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
            ".@example.com",
            "...@example.com",
            "jo@my_company",
            "jo@example.c_m",
            "jo@exam!ple.com",
            "jo@exam/ple.com",
            "jo@exam:ple.com",
            "jo@exa\tmple.com",
            "j\u{200b}o@example.com",
            "jo@example..com",
            "jo@.example.com",
            "jo@example.com.",
            "jo@_.",
            "jo@-a.com",
            "jo@127.0.0.1",
            "jo@[127.0.0.1]",
            "\u{212a}im@example.com",
            "jö@example.com",
            "jo@example.com\r\nBcc: x@example.com",
            "jo\0@example.com",
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
        fn what_stands_around_an_address_is_no_part_of_it(before in typing::margin(), after in typing::margin()) {
            let email = Email::parse(&format!("{before}jo@example.com{after}")).unwrap();
            prop_assert_eq!(email.as_str(), "jo@example.com");
        }

        /// The sent text is one mailbox, and ends neither a command nor a header.
        #[test]
        fn the_mailbox_that_is_sent_is_the_one_that_was_meant(local in "[a-z!{.'+=-]{1,12}", domain in "[a-z_.-]{1,8}\\.[a-z]{2}") {
            if let Ok(email) = Email::parse(&format!("{local}@{domain}")) {
                let (sent, host) = email.smtp_mailbox();
                prop_assert_eq!(sent.trim_matches('"'), local);
                prop_assert_eq!(host, domain);
                prop_assert!(sent.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\\@,;:()[]".contains(&byte)));
            }
        }

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
