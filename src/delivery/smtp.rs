//! Mail, submitted to a mail server (RFC 5321, RFC 6409).
//!
//! Mail goes out over TLS, with a certificate that the system trusts, unless the settings explicitly turn TLS off.
//! Every exchange ends in bounded time. Errors contain only the numbers of a server's reply: its text may repeat the
//! address.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lettre::address::Envelope;
use lettre::message::header::{self, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Outgoing, SendError, Transport, is_loopback};
use crate::domain::clock::Clock;
use crate::domain::email::Email;

/// The longest that submitting one mail may take, from the DNS look-up to the server's last reply.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to answer QUIT. It has accepted the mail by then.
const FAREWELL: Duration = Duration::from_secs(1);
/// Submission (RFC 6409 §3.1).
const SUBMISSION_PORT: u16 = 587;
/// Submission within TLS (RFC 8314 §7.3).
const SUBMISSIONS_PORT: u16 = 465;
/// Replies that mean that the server refuses our login: the operator has to correct the settings, after which the mail
/// is accepted (RFC 4954 §6).
const NOT_LET_IN: [u16; 4] = [530, 534, 535, 538];

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// TLS from the first byte (RFC 8314 §3.3).
    Tls,
    /// TLS after STARTTLS, before which no mail is sent (RFC 3207).
    StartTls,
    /// Without TLS.
    None,
}

/// A mail server, and the credentials for it.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    host: String,
    port: u16,
    privacy: Privacy,
    credentials: Option<(SecretString, SecretString)>,
}

impl SmtpServer {
    /// Parses `smtp://` or `smtps://`, with an optional user and password, percent-encoded; `?tls=none` turns TLS off.
    ///
    /// # Errors
    ///
    /// Describes the expected form, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "must be smtp://user:password@host:port (with STARTTLS) or smtps://…; ?tls=none after an \
                              smtp:// does without TLS";
        let url = Url::parse(text).map_err(|_unreadable| WANTED.to_owned())?;
        let privacy = match (url.scheme(), url.query()) {
            ("smtps", None) => Privacy::Tls,
            ("smtp", None) => Privacy::StartTls,
            ("smtp", Some("tls=none")) => Privacy::None,
            _ => return Err(WANTED.to_owned()),
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let known = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
        if host.is_empty() || !host.chars().all(known) || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(WANTED.to_owned());
        }
        let credentials = credentials(&url).ok_or_else(|| WANTED.to_owned())?;
        if privacy == Privacy::None && credentials.is_some() && !is_loopback(host) {
            return Err("must not have a password together with ?tls=none, unless its host is loopback".to_owned());
        }
        let usual = if privacy == Privacy::Tls {
            SUBMISSIONS_PORT
        } else {
            SUBMISSION_PORT
        };
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(usual),
            privacy,
            credentials,
        })
    }

    fn tls(&self) -> Result<Tls, NoTls> {
        // The system's verifier: its certificates, or those in SSL_CERT_FILE.
        let parameters = || TlsParameters::new_rustls(self.host.clone()).map_err(NoTls);
        Ok(match self.privacy {
            Privacy::Tls => Tls::Wrapper(parameters()?),
            Privacy::StartTls => Tls::Required(parameters()?),
            Privacy::None => Tls::None,
        })
    }
}

/// Returns user and password of a URL, which may have both or neither; `None` when they cannot be parsed.
#[expect(clippy::option_option, reason = "faulty credentials differ from absent ones")]
fn credentials(url: &Url) -> Option<Option<(SecretString, SecretString)>> {
    let decode = |text: &str| {
        Some(SecretString::from(
            percent_decode_str(text).decode_utf8().ok()?.into_owned(),
        ))
    };
    match (url.username(), url.password()) {
        ("", None) => Some(None),
        ("", Some(_)) | (_, None) => None,
        (user, Some(password)) => Some(Some((decode(user)?, decode(password)?))),
    }
}

/// The sender of mails.
#[derive(Clone, Debug)]
pub struct FromMailbox {
    mailbox: Mailbox,
}

impl FromMailbox {
    /// Parses `jo@example.com` or `Jo <jo@example.com>`. The name may have any printable characters, and may be quoted.
    /// An international domain becomes A-labels (RFC 5891 §4.4), which every mail server accepts.
    ///
    /// # Errors
    ///
    /// Describes the expected form, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "must be an address such as auth@example.com, or with a name: Example <auth@example.com>";
        // A line break would end the header.
        let text = Some(text.trim())
            .filter(|text| !text.contains(char::is_control))
            .ok_or(WANTED)?;
        let (name, address) = match text.strip_suffix('>') {
            Some(named) => named.rsplit_once('<').ok_or(WANTED)?,
            None => ("", text),
        };
        let name = unquoted(name.trim()).ok_or(WANTED)?;
        let email = to_ascii(address).map_err(|unfit| match unfit {
            Unfit::LocalPart => "must have only ASCII letters before the @: few mail servers accept others (RFC 6531)",
            Unfit::Unreadable => WANTED,
        })?;
        Ok(Self {
            mailbox: Mailbox::new(Some(name).filter(|name| !name.is_empty()), email),
        })
    }

    fn domain(&self) -> &str {
        self.mailbox.email.domain()
    }

    /// Returns the header `From`. The library leaves a name such as `Example.com` without quotes, a form that is
    /// obsolete (RFC 5322 §4.1): a full stop is not part of an atom (§3.2.3).
    fn header(&self) -> HeaderValue {
        let value = header::From::from(Mailboxes::from(self.mailbox.clone())).display();
        let is_bare = |name: &&str| {
            name.contains('.')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match self.mailbox.name.as_deref().filter(is_bare) {
            Some(name) => {
                let quoted = format!("\"{name}\" <{}>", self.mailbox.email);
                HeaderValue::dangerous_new_pre_encoded(header::From::name(), self.mailbox.to_string(), quoted)
            }
            None => value,
        }
    }
}

/// Returns a name without the quotes around it (RFC 5322 §3.2.4), if there are any; `None` if they do not match.
fn unquoted(name: &str) -> Option<String> {
    let Some(quoted) = name.strip_prefix('"') else {
        return Some(name.to_owned());
    };
    let quoted = quoted.strip_suffix('"')?;
    let mut plain = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next()?),
            '"' => return None,
            character => plain.push(character),
        }
    }
    Some(plain)
}

/// Why mail cannot be sent to or from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    /// The part before the `@` would need SMTPUTF8 (RFC 6531) all the way to the mailbox.
    LocalPart,
    /// It is not an address.
    Unreadable,
}

/// Parses an address and converts its domain to ASCII.
fn to_ascii(text: &str) -> Result<Address, Unfit> {
    let (local, domain) = text.rsplit_once('@').ok_or(Unfit::Unreadable)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_unreadable| Unfit::Unreadable)?;
    let address = Address::new(local, domain).map_err(|_unreadable| Unfit::Unreadable)?;
    if local.is_ascii() {
        Ok(address)
    } else {
        Err(Unfit::LocalPart)
    }
}

/// The system has no certificates to verify a server with.
#[derive(Debug, thiserror::Error)]
#[error("the certificates that this system trusts cannot be used")]
pub struct NoTls(#[source] SmtpError);

/// Submits mail to one server.
///
/// Each mail has its own connection: one that was abandoned in the middle of a mail must not be reused, and mails are
/// few.
pub struct SmtpTransport {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello_name: ClientId,
    from: FromMailbox,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl SmtpTransport {
    /// `limit` is [`LIMIT`] outside tests. Does not connect yet.
    ///
    /// # Errors
    ///
    /// Fails when this system has no certificates to trust.
    pub fn new(server: &SmtpServer, from: FromMailbox, clock: Arc<dyn Clock>, limit: Duration) -> Result<Self, NoTls> {
        let credentials = server.credentials.as_ref().map(|(user, password)| {
            Credentials::new(user.expose_secret().to_owned(), password.expose_secret().to_owned())
        });
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            tls: server.tls()?,
            credentials,
            // The server often cannot look up the machine's host name (RFC 5321 §4.1.4).
            hello_name: ClientId::Domain(from.domain().to_owned()),
            from,
            clock,
            limit,
        })
    }

    async fn hand_over(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let mail = self.mail(outgoing)?;
        let mut connection = match tokio::time::timeout(self.limit, self.submit(&mail)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(error),
            Err(_elapsed) => {
                return Err(SendError::Temporary(
                    "the mail server did not answer in time".to_owned(),
                ));
            }
        };
        // Whether or not QUIT succeeds, the mail was accepted, and must not be sent again.
        let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        Ok(())
    }

    /// Returns when the server has accepted the mail. The library's own transport sends QUIT as well, and waits for its
    /// reply before it returns.
    async fn submit(&self, mail: &Message) -> Result<AsyncSmtpConnection, SendError> {
        let mut connection = self.open().await?;
        let sent = connection.send(mail.envelope(), &mail.formatted()).await;
        sent.map_err(|error| classify_error(&error))?;
        Ok(connection)
    }

    /// Connects, with the encryption that the settings require, and logs in.
    async fn open(&self) -> Result<AsyncSmtpConnection, SendError> {
        // Not left to the library, whose error does not tell a name that is not known from a server that is away.
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found
            .map_err(|_unknown| {
                SendError::Temporary(
                    "the mail server's name is not known: correct VESTIBULE_SMTP_URL, or make its DNS record"
                        .to_owned(),
                )
            })?
            .collect();
        let within = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), Some(self.limit), &self.hello_name, within, None)
                .await
                .map_err(|error| classify_error(&error))?;
        if let Tls::Required(parameters) = &self.tls {
            if !connection.can_starttls() {
                return Err(SendError::Temporary(
                    "the mail server lacks STARTTLS: name its port for TLS with smtps:// in VESTIBULE_SMTP_URL"
                        .to_owned(),
                ));
            }
            let upgraded = connection.starttls(parameters.clone(), &self.hello_name).await;
            upgraded.map_err(|error| classify_error(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let let_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            let_in.map_err(|error| classify_login_error(&error))?;
        }
        Ok(connection)
    }

    async fn try_without_mail(&self) -> Result<(), SendError> {
        match tokio::time::timeout(self.limit, self.propose_mail()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(SendError::Temporary(
                "the mail server did not answer in time".to_owned(),
            )),
        }
    }

    /// Names our sender and a recipient, and quits before there is a mail (RFC 5321 §4.1.1.5). Many servers check the
    /// sender only once they know a recipient. The recipient is the sender's own address: the only one that is
    /// certainly ours.
    async fn propose_mail(&self) -> Result<(), SendError> {
        let mut connection = self.open().await?;
        let address = self.from.mailbox.email.clone();
        let proposed = match connection.command(Mail::new(Some(address.clone()), Vec::new())).await {
            Ok(_taken) => match connection.command(Rcpt::new(address, Vec::new())).await {
                Err(error) if is_about_the_sender(&error) => Err(error),
                // A sender need not have a mailbox.
                _ => Ok(()),
            },
            Err(error) => Err(error),
        };
        let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        proposed.map_err(|error| {
            let reason = classify_error(&error).to_string();
            SendError::Refused(format!(
                "{reason} to the address in VESTIBULE_MAIL_FROM: use one that this login may send from"
            ))
        })
    }

    fn mail(&self, outgoing: &Outgoing) -> Result<Message, SendError> {
        let refused = |why: &str| SendError::Refused(why.to_owned());
        // `Email` rejects an address that could end its header.
        let to = Email::parse(&outgoing.to).map_err(|_unreadable| refused("the destination is not a mail address"))?;
        let (local, domain) = to.smtp_mailbox();
        // The library's grammar does not allow underscores in domains. The address was just checked by ours.
        let to = Address::new_dangerous(local, domain);
        let from = self.from.mailbox.email.clone();
        // Given explicitly, since the library would otherwise parse the envelope from the headers with the same
        // grammar.
        let envelope =
            Envelope::new(Some(from), vec![to.clone()]).map_err(|_empty| refused("the mail cannot be made"))?;
        let builder = Message::builder()
            .envelope(envelope)
            .raw_header(self.from.header())
            .to(Mailbox::new(None, to))
            .subject(&outgoing.rendered.subject)
            .date(SystemTime::from(self.clock.now()))
            // Every retry has the same id, so that the receiver can drop duplicates.
            .message_id(Some(format!("<{}@{}>", outgoing.id, self.from.domain())))
            .raw_header(plain_header(
                HeaderName::new_from_ascii_str("Content-Language"),
                outgoing.locale,
            ))
            // Stops out-of-office replies (RFC 3834 §5).
            .raw_header(plain_header(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated",
            ));
        let text = outgoing.rendered.text.clone();
        let mail = match outgoing.rendered.html.clone() {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            None => builder.body(text),
        };
        mail.map_err(|_unmade| refused("the mail cannot be made"))
    }
}

impl Transport for SmtpTransport {
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, Result<(), SendError>> {
        self.hand_over(outgoing).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), SendError>> {
        self.try_without_mail().boxed()
    }
}

impl fmt::Debug for SmtpTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SmtpTransport(…)")
    }
}

fn plain_header(name: HeaderName, value: &str) -> HeaderValue {
    HeaderValue::new(name, value.to_owned())
}

/// Returns whether to retry. Only a permanent rejection ends the retries, unless our own settings caused it.
fn classify_error(error: &SmtpError) -> SendError {
    let Some(status) = error.status() else {
        let what = if error.is_tls() || is_about_tls(error) {
            "TLS with the mail server failed, or its certificate is not trusted"
        } else if error.is_timeout() {
            "the mail server did not answer in time"
        } else if is_refused(error) {
            "the mail server cannot be reached: nothing listens there; correct VESTIBULE_SMTP_URL, or start the server"
        } else {
            "the mail server cannot be reached or does not speak SMTP"
        };
        return SendError::Temporary(what.to_owned());
    };
    let status = status.to_string();
    let answer = match enhanced_status(error) {
        Some(enhanced) => format!("{status} {enhanced}"),
        None => status.clone(),
    };
    if error.is_permanent() && !NOT_LET_IN.iter().any(|code| code.to_string() == status) {
        SendError::Refused(format!("the mail server answered {answer}"))
    } else {
        SendError::Temporary(format!("the mail server answered {answer}"))
    }
}

/// Classifies a refused login, which the settings have to correct.
fn classify_login_error(error: &SmtpError) -> SendError {
    if error.is_client() {
        return SendError::Temporary("the mail server offers no way to log in that we know".to_owned());
    }
    match classify_error(error) {
        SendError::Temporary(why) if error.is_permanent() => SendError::Temporary(format!(
            "{why} to the login: correct the user and the password in VESTIBULE_SMTP_URL"
        )),
        classified => classified,
    }
}

/// Returns whether the machine answers that nothing listens at that port.
fn is_refused(error: &SmtpError) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

/// Returns whether a recipient was refused because of the sender, or because the server does not relay for us. The
/// enhanced status decides (RFC 3463 §3.2, §3.8, RFC 7372), or else the status, of which 553 and 554 are the usual
/// ones.
fn is_about_the_sender(error: &SmtpError) -> bool {
    if !error.is_permanent() {
        return false;
    }
    match enhanced_status(error).as_deref() {
        Some("5.1.7" | "5.1.8") => true,
        Some(enhanced) => enhanced.starts_with("5.7."),
        None => error
            .status()
            .is_some_and(|status| ["530", "553", "554"].contains(&status.to_string().as_str())),
    }
}

/// Returns whether TLS caused the error: the library wraps a handshake error like any other connection error.
fn is_about_tls(error: &SmtpError) -> bool {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.any(|cause| {
        let io = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        io.is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
    })
}

/// Returns the enhanced status (RFC 3463 §2) that most servers begin their text with, and none of the text.
fn enhanced_status(error: &SmtpError) -> Option<String> {
    let words = error.source()?.to_string();
    let first = words.split_whitespace().next()?;
    let numbers: Vec<&str> = first.split('.').collect();
    let number = |text: &&str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(number)).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::delivery::Rendered;

    #[test]
    fn a_url_says_where_and_how() {
        for (text, host, port, privacy) in [
            ("smtp://mail.example.com", "mail.example.com", 587, Privacy::StartTls),
            (
                "smtp://u:p@mail.example.com:25/",
                "mail.example.com",
                25,
                Privacy::StartTls,
            ),
            ("smtps://u:p@mail.example.com", "mail.example.com", 465, Privacy::Tls),
            ("smtp://127.0.0.1:1025?tls=none", "127.0.0.1", 1025, Privacy::None),
            ("smtp://u:p@[::1]:1025?tls=none", "::1", 1025, Privacy::None),
            ("smtp://mail:1025/?tls=none", "mail", 1025, Privacy::None),
        ] {
            let server = SmtpServer::parse(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.privacy),
                (host, port, privacy),
                "{text}"
            );
        }
    }

    #[test]
    fn credentials_are_decoded_and_not_printed() {
        let server = SmtpServer::parse("smtps://jo%40example.com:s%3Acret%2F@mail.example.com").unwrap();
        let printed = format!("{server:?}");
        assert!(!printed.contains("s:cret") && !printed.contains("jo"), "{printed}");
        let (user, password) = server.credentials.unwrap();
        assert_eq!(
            (user.expose_secret(), password.expose_secret()),
            ("jo@example.com", "s:cret/")
        );
    }

    #[test]
    fn other_urls_are_refused_and_not_repeated() {
        for text in [
            "",
            "mail.example.com",
            "smtp://",
            "http://mail.example.com",
            "smtp://mail.example.com?tls=no",
            "smtps://mail.example.com?tls=none",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com#x",
            "smtp://user@mail.example.com",
            "smtp://:password@mail.example.com",
            "smtp://u:%FF@mail.example.com",
            "smtp://u:p@mail.example.com?tls=none",
            "smtp://ma%0ail.example.com",
        ] {
            let fault = SmtpServer::parse(text).unwrap_err();
            assert!(text.len() < 8 || !fault.contains(text), "{text}");
        }
    }

    #[test]
    fn senders_have_an_address_and_may_have_a_name() {
        for (text, name, address) in [
            ("auth@example.com", None, "auth@example.com"),
            (" <auth@example.com> ", None, "auth@example.com"),
            ("Grüne Tür <auth@example.com>", Some("Grüne Tür"), "auth@example.com"),
            (
                "Acme, Inc.: (a < b) <auth@example.com>",
                Some("Acme, Inc.: (a < b)"),
                "auth@example.com",
            ),
            (
                r#"Jo "the door" Doe <auth@example.com>"#,
                Some(r#"Jo "the door" Doe"#),
                "auth@example.com",
            ),
            (
                r#""Acme, \"Inc.\"" <auth@example.com>"#,
                Some(r#"Acme, "Inc.""#),
                "auth@example.com",
            ),
            (
                "Bücher <auth@bücher.example>",
                Some("Bücher"),
                "auth@xn--bcher-kva.example",
            ),
            ("auth@例え.テスト", None, "auth@xn--r8jz45g.xn--zckzah"),
            ("auth@xn--bcher-kva.example", None, "auth@xn--bcher-kva.example"),
        ] {
            let mailbox = FromMailbox::parse(text).unwrap().mailbox;
            assert_eq!(
                (mailbox.name.as_deref(), mailbox.email.as_ref()),
                (name, address),
                "{text}"
            );
        }
        for bad in [
            "",
            "auth",
            "a@example.com, b@example.com",
            "X\r\nBcc: y <a@example.com>",
            "X <a@example.com> y",
            "X a@example.com>",
            r#""X <a@example.com>"#,
            r#""X" y" <a@example.com>"#,
            r#""X\" <a@example.com>"#,
            "X <a@-.example>",
        ] {
            let why = FromMailbox::parse(bad).unwrap_err();
            assert!(why.contains("must be an address"), "{bad:?}: {why}");
        }
    }

    #[test]
    fn a_local_part_that_is_not_ascii_is_refused_for_that_reason() {
        for text in ["büro@example.com", "Bücher <büro@bücher.example>"] {
            let why = FromMailbox::parse(text).unwrap_err();
            assert!(why.contains("ASCII letters before the @"), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_name_and_the_domain_are_a_mail_is_ascii_and_comes_from_them(
            name in "[^\\p{C}]{0,60}", domain in "[a-zäöüßあ-ん]{1,12}\\.(example|テスト)",
        ) {
            let Ok(from) = FromMailbox::parse(&format!("{} <auth@{domain}>", quoted(&name))) else {
                // Not every text is a domain name.
                prop_assert!(idna::domain_to_ascii(&domain).is_err());
                return Ok(());
            };
            prop_assert_eq!(from.mailbox.name.as_deref().unwrap_or_default(), name.as_str());
            let server = SmtpServer::parse("smtp://127.0.0.1?tls=none").unwrap();
            let transport = SmtpTransport::new(&server, from, Arc::new(Standing), LIMIT).unwrap();
            let mail = transport.mail(&outgoing_to(&format!("jo@{domain}"))).unwrap();
            prop_assert!(mail.formatted().is_ascii());
            let ascii = idna::domain_to_ascii(&domain).unwrap();
            let from: &str = mail.envelope().from().unwrap().as_ref();
            prop_assert_eq!(from, format!("auth@{ascii}"));
            let to: &str = mail.envelope().to()[0].as_ref();
            prop_assert_eq!(to, format!("jo@{ascii}"));
        }
    }

    /// A clock that does not move.
    struct Standing;

    impl Clock for Standing {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    fn quoted(name: &str) -> String {
        format!("\"{}\"", name.replace('\\', r"\\").replace('"', r#"\""#))
    }

    fn outgoing_to(to: &str) -> Outgoing {
        Outgoing {
            id: Uuid::from_u128(7),
            to: to.to_owned(),
            kind: "test",
            locale: "en",
            code: None,
            rendered: Rendered {
                subject: "Subject".to_owned(),
                text: "Text".to_owned(),
                html: None,
            },
        }
    }
}
