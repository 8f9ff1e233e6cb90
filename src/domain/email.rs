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
use std::net::IpAddr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::typed_text;

/// Longest address that SMTP can carry in a path (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_PART: usize = 64;
const NO_IP_ADDRESS: &str = "must have a domain name after the @, not an IP address";
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
    /// Names the rule that the text breaks if it is not a local part of ASCII atoms and dots (RFC 5322 §3.2.3) at a
    /// domain name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = typed_text::trim(text);
        if text.contains(['<', '>']) {
            return Err("must be the address alone, without a name and angle brackets");
        }
        if text.contains(char::is_whitespace) {
            return Err("must not have blanks inside");
        }
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or("must be an e-mail address, such as jo@example.com")?;
        check_local_part(local)?;
        let domain = canonical_domain(domain)?;
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

fn check_local_part(local: &str) -> Result<(), &'static str> {
    if local.contains('@') {
        return Err("must have only one @");
    }
    if !local.is_ascii() {
        return Err("must have only ASCII letters before the @: few mail servers take others (RFC 6531)");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    if !local.bytes().all(allowed) {
        return Err("must have only letters, digits and the signs !#$%&'*+-/=?^_`{|}~. before the @");
    }
    if local.bytes().all(|byte| byte == b'.') {
        return Err("must have a name before the @");
    }
    // As it goes over the wire: two quotes are added to one with dots in unusual places.
    if smtp_local_part(local).len() > MAX_LOCAL_PART {
        return Err("must have at most 64 characters before the @");
    }
    Ok(())
}

/// No character of these local parts needs to be escaped between the quotes.
fn smtp_local_part(local: &str) -> Cow<'_, str> {
    if local.split('.').all(|atom| !atom.is_empty()) {
        Cow::Borrowed(local)
    } else {
        Cow::Owned(format!("\"{local}\""))
    }
}

fn canonical_domain(text: &str) -> Result<String, &'static str> {
    const WANTED: &str = "must have a domain name after the @, such as example.com";
    // A dot at the end is right in DNS, and wrong in mail (RFC 5321 §4.1.2).
    if text.ends_with(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) {
        return Err("must not end in a dot");
    }
    let domain = Uts46::new()
        .to_ascii(text.as_bytes(), NOT_IN_DOMAINS, Hyphens::Check, DnsLength::Verify)
        .map_err(|_unfit| match text.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(_address) => NO_IP_ADDRESS,
            Err(_name) => WANTED,
        })?;
    let (_, top_level) = domain
        .rsplit_once('.')
        .ok_or("must have a full domain name after the @, with a dot, such as example.com")?;
    if top_level.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NO_IP_ADDRESS);
    }
    if top_level.contains('_') {
        return Err(WANTED);
    }
    Ok(domain.into_owned())
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
    fn what_is_not_an_ascii_mailbox_is_refused() {
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

    #[test]
    fn the_rule_that_is_broken_is_named() {
        for (text, says) in [
            ("jo", "an e-mail address, such as"),
            ("Jo <jo@x.example>", "without a name and angle brackets"),
            ("<jo@x.example>", "angle brackets"),
            ("jo doe@example.com", "blanks inside"),
            ("jo@exa mple.com", "blanks inside"),
            ("jo@@example.com", "only one @"),
            ("jö@example.com", "ASCII letters before the @"),
            ("\u{212a}im@example.com", "ASCII letters before the @"),
            ("\"jo\"@example.com", "the signs"),
            ("jo,doe@example.com", "the signs"),
            ("@example.com", "a name before the @"),
            ("...@example.com", "a name before the @"),
            ("jo@example.com.", "must not end in a dot"),
            ("jo@example。", "must not end in a dot"),
            ("jo@localhost", "with a dot"),
            ("jo@bücher", "with a dot"),
            ("jo@127.0.0.1", "not an IP address"),
            ("jo@[127.0.0.1]", "not an IP address"),
            ("jo@[::1]", "not an IP address"),
            ("jo@", "a domain name after the @"),
            ("jo@-a.com", "a domain name after the @"),
            ("jo@example..com", "a domain name after the @"),
            ("jo@exam!ple.com", "a domain name after the @"),
            (&format!("{}@example.com", "a".repeat(65)), "at most 64"),
            (
                &format!("{}@{}com", "a".repeat(64), "abcdefgh.".repeat(22)),
                "at most 254",
            ),
        ] {
            let wrong = Email::parse(text).unwrap_err();
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn one_letter_outside_of_ascii_before_the_at_is_named(before in "[a-z]{0,9}", letter in "[\\p{L}--\\p{ASCII}]", after in "[a-z]{0,9}") {
            let wrong = Email::parse(&format!("{before}{letter}{after}@example.com")).unwrap_err();
            prop_assert!(wrong.contains("ASCII letters before the @"), "{}", wrong);
        }

        /// What is said never repeats what was typed.
        #[test]
        fn a_name_around_an_address_is_named(name in "[A-Z][a-z]{3,9}", local in "[a-z]{1,9}") {
            let wrong = Email::parse(&format!("{name} <{local}@example.com>")).unwrap_err();
            prop_assert!(wrong.contains("angle brackets") && !wrong.contains(&name), "{}", wrong);
        }

        #[test]
        fn what_stands_around_an_address_is_not_part_of_it(before in typing::margin(), after in typing::margin()) {
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
