//! Mail, to a real mail server, read by an independent parser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;
use vestibule::delivery::smtp::{FromMailbox, SmtpServer, SmtpTransport};
use vestibule::delivery::{Outgoing, SendError};
use vestibule::domain::message::{Channel, Locale, Message};

use super::{HASTY, PATIENT, assert_refused, assert_temporary, clock, code, notification, outgoing, send};
use crate::support::certificate;
use crate::support::peer::Peer;

/// Names the directory of a certificate in the process that trusts it: a process has one set of trusted certificates.
const TRUSTING: &str = "TEST_TRUSTING";

fn transport(url: &str, limit: Duration) -> SmtpTransport {
    transport_from("Grüne Tür <auth@example.com>", url, limit)
}

fn transport_from(sender: &str, url: &str, limit: Duration) -> SmtpTransport {
    let server = SmtpServer::parse(url).unwrap();
    SmtpTransport::new(&server, FromMailbox::parse(sender).unwrap(), clock(), limit).unwrap()
}

fn mail() -> Outgoing {
    outgoing(Channel::Email, &notification("jo@example.org", Locale::De, code()))
}

/// Sends a mail without TLS, to a server with these arguments.
fn sent_to(arguments: &[&str]) -> Result<(), SendError> {
    let peer = Peer::start("smtp_server.py", arguments);
    send(&transport(&peer.smtp_url(), PATIENT), &mail())
}

/// A key and a self-signed certificate for a host.
struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    fn make(host: &str, directory: &Path) -> Self {
        certificate::make(host, directory);
        Self {
            directory: directory.to_owned(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn server(&self, more: &[&str]) -> Peer {
        let (certificate, key) = (self.file(certificate::CERTIFICATE), self.file(certificate::KEY));
        let mut arguments = vec!["--tls", certificate.to_str().unwrap(), key.to_str().unwrap()];
        arguments.extend(more);
        Peer::start("smtp_server.py", &arguments)
    }
}

#[test]
fn a_mail_arrives_as_it_was_meant() {
    let peer = Peer::start("smtp_server.py", &[]);
    let transport = transport(&peer.smtp_url(), PATIENT);
    let mail = mail();
    assert_eq!(send(&transport, &mail), Ok(()));
    let got = peer.received();
    assert_eq!(got["from"], "auth@example.com");
    assert_eq!(got["to"], serde_json::json!(["jo@example.org"]));
    assert_eq!(got["hello"], "example.com");
    assert_eq!(got["defects"], serde_json::json!([]));
    let headers = &got["headers"];
    assert_eq!(headers["subject"], "Ihr Code für auth.example.com");
    assert_eq!(headers["subject"], mail.rendered.subject.as_str());
    assert_eq!(headers["from"], "Grüne Tür <auth@example.com>");
    assert_eq!(headers["to"], "jo@example.org");
    assert_eq!(headers["message-id"], format!("<{}@example.com>", Uuid::from_u128(7)));
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["content-language"], "de");
    assert!(chrono::DateTime::parse_from_rfc2822(headers["date"].as_str().unwrap()).is_ok());
    assert_eq!(headers.get("bcc"), None);
    assert_eq!(got["type"], "multipart/alternative");
    assert_eq!(got["order"], serde_json::json!(["text/plain", "text/html"]));
    let part = |kind: &str| got["parts"][kind].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(part("text/plain").trim_end(), mail.rendered.text.trim_end());
    assert_eq!(
        part("text/html").trim_end(),
        mail.rendered.html.as_deref().unwrap().trim_end()
    );

    assert_eq!(send(&transport, &mail), Ok(()));
    assert_eq!(peer.received()["headers"]["message-id"], headers["message-id"]);
}

/// Many mail servers lack SMTPUTF8 (RFC 6531) and lose a mail with a non-ASCII byte in a command or a header.
#[test]
fn a_server_that_takes_ascii_only_gets_international_domains_as_a_labels() {
    let peer = Peer::start("smtp_server.py", &["--ascii"]);
    let sender = "Bücher <auth@bücher.example>";
    let transport = transport_from(sender, &peer.smtp_url(), PATIENT);
    for (to, expected) in [
        ("jo@例え.テスト", "jo@xn--r8jz45g.xn--zckzah"),
        ("jo@Straße.example", "jo@xn--strae-oqa.example"),
        ("jo@xn--bcher-kva.example", "jo@xn--bcher-kva.example"),
    ] {
        let mail = outgoing(Channel::Email, &notification(to, Locale::De, code()));
        assert_eq!(send(&transport, &mail), Ok(()), "{to}");
        let got = peer.received();
        assert_eq!(got["hello"], "xn--bcher-kva.example");
        assert_eq!(got["from"], "auth@xn--bcher-kva.example");
        assert_eq!(got["to"], serde_json::json!([expected]));
        assert_eq!(got["headers"]["to"], expected);
        assert_eq!(
            got["senders"],
            serde_json::json!([["Bücher", "auth@xn--bcher-kva.example"]])
        );
        let id = format!("<{}@xn--bcher-kva.example>", Uuid::from_u128(7));
        assert_eq!(got["headers"]["message-id"], id);
        assert_eq!(got["header_defects"], serde_json::json!([]));
    }
    let mail = outgoing(Channel::Email, &notification("jö@example.org", Locale::De, code()));
    assert_refused(send(&transport, &mail));
}

#[test]
fn the_name_of_a_sender_arrives_as_it_was_set_whatever_its_characters() {
    let peer = Peer::start("smtp_server.py", &["--ascii"]);
    for name in [
        "Acme, Inc.",
        "Sign-in: Example",
        "Example (do not answer)",
        r#"The "green" door"#,
        "a < b; c @ d [e]",
        r"back\slash",
        "Example.com",
        "O'Brien & Sons",
        "Grüne Tür, Köln: (Eingang)",
        "例え株式会社のアカウントサービス、東京都千代田区丸の内一丁目九番一号、電話番号は変わりました",
        "🚪",
        "A name that is so long that its header has to be folded, more than once even, since lines should be short",
    ] {
        let quoted = name.replace('\\', r"\\").replace('"', r#"\""#);
        let sender = format!("\"{quoted}\" <auth@example.com>");
        let transport = transport_from(&sender, &peer.smtp_url(), PATIENT);
        assert_eq!(send(&transport, &mail()), Ok(()), "{name}");
        let got = peer.received();
        assert_eq!(
            got["senders"],
            serde_json::json!([[name, "auth@example.com"]]),
            "{name}"
        );
        assert_eq!(got["header_defects"], serde_json::json!([]), "{name}");
        assert_eq!(got["from"], "auth@example.com", "{name}");
    }
}

#[test]
fn mail_goes_to_addresses_with_dots_and_underscores_in_unusual_places() {
    let peer = Peer::start("smtp_server.py", &[]);
    let transport = transport(&peer.smtp_url(), PATIENT);
    for (to, sent) in [
        ("x@my_company.example", "x@my_company.example"),
        ("a..b@old-carrier.example", "\"a..b\"@old-carrier.example"),
        ("a.@old-carrier.example", "\"a.\"@old-carrier.example"),
        (".a@old-carrier.example", "\".a\"@old-carrier.example"),
        ("jo+news@example.org", "jo+news@example.org"),
    ] {
        let mail = outgoing(Channel::Email, &notification(to, Locale::De, code()));
        assert_eq!(send(&transport, &mail), Ok(()), "{to}");
        let got = peer.received();
        assert_eq!(got["recipient"], format!("TO:<{sent}>"));
        assert_eq!(got["to_header"].as_str().unwrap().trim(), sent);
        assert_eq!(got["to"], serde_json::json!([to]));
        assert_eq!(got["defects"], serde_json::json!([]));
    }
    for to in [
        "jo@example.org>\r\nRCPT TO:<mo@example.org",
        "jo@example.org, mo@example.org",
        "jo",
    ] {
        let mail = outgoing(Channel::Email, &notification(to, Locale::De, code()));
        assert_refused(send(&transport, &mail));
    }
}

#[test]
fn a_server_says_not_now_and_then_takes_it() {
    let peer = Peer::start(
        "smtp_server.py",
        &["--answer", "451", "4.3.0 jo@example.org later", "--times", "1"],
    );
    let transport = transport(&peer.smtp_url(), PATIENT);
    let why = assert_temporary(send(&transport, &mail()));
    assert_eq!(why, "the mail server answered 451 4.3.0");
    assert_eq!(send(&transport, &mail()), Ok(()));
    peer.received();
}

#[test]
fn a_server_says_never_and_its_words_are_not_repeated() {
    let why = assert_refused(sent_to(&["--answer", "550", "5.1.1 there is no jo@example.org here"]));
    assert_eq!(why, "the mail server answered 550 5.1.1");
    let why = assert_refused(sent_to(&["--answer", "553", "jo@example.org what"]));
    assert_eq!(why, "the mail server answered 553");
}

#[test]
fn a_refused_connection_is_tried_again() {
    let why = assert_temporary(sent_to(&["--user", "jo", "secret"]));
    assert!(why.contains("530"), "{why}");
    let peer = Peer::start("smtp_server.py", &["--user", "jo", "s:cret/"]);
    let url = |password: &str| format!("smtp://jo:{password}@127.0.0.1:{}?tls=none", peer.port);
    let why = assert_temporary(send(&transport(&url("wrong"), PATIENT), &mail()));
    assert!(why.contains("535"), "{why}");
    assert_eq!(send(&transport(&url("s%3Acret%2F"), PATIENT), &mail()), Ok(()));
    assert_eq!(peer.received()["user"], "jo");
}

#[test]
fn no_peer_is_waited_for_without_end() {
    let why = {
        let peer = Peer::start("smtp_server.py", &["--silent"]);
        assert_temporary(send(&transport(&peer.smtp_url(), HASTY), &mail()))
    };
    assert_eq!(why, "the mail server did not answer in time");
    // The port of a server that has ended: connections are refused.
    let gone = Peer::start("smtp_server.py", &[]).smtp_url();
    assert_temporary(send(&transport(&gone, PATIENT), &mail()));
}

#[test]
fn a_mail_that_was_taken_is_not_sent_again_because_the_server_never_says_goodbye() {
    let peer = Peer::start("smtp_server.py", &["--no-farewell"]);
    let limit = Duration::from_secs(5);
    assert_eq!(send(&transport(&peer.smtp_url(), limit), &mail()), Ok(()));
    peer.received();
}

#[test]
fn a_destination_does_not_add_headers() {
    let peer = Peer::start("smtp_server.py", &[]);
    let transport = transport(&peer.smtp_url(), PATIENT);
    for to in [
        "jo@example.org\r\nBcc: eve@example.com",
        "jo@example.org\nBcc: eve@example.com",
        "jo@example.org, eve@example.com",
        "jo@example.org> <eve@example.com",
        "",
    ] {
        let mut mail = mail();
        mail.to = to.to_owned();
        let why = assert_refused(send(&transport, &mail));
        assert!(!why.contains("jo"), "{why}");
    }
    let mut mail = mail();
    mail.rendered.subject = "One\r\nBcc: eve@example.com".to_owned();
    assert_eq!(send(&transport, &mail), Ok(()));
    let got = peer.received();
    assert_eq!(got["headers"].get("bcc"), None, "{got}");
    assert_eq!(got["to"], serde_json::json!(["jo@example.org"]));
}

#[test]
fn without_tls_nothing_is_said() {
    let peer = Peer::start("smtp_server.py", &[]);
    for scheme in ["smtp", "smtps"] {
        let url = format!("{scheme}://jo:secret@127.0.0.1:{}", peer.port);
        assert_temporary(send(&transport(&url, Duration::from_secs(5)), &mail()));
    }
    peer.assert_nothing_received();
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused() {
    let place = TempDir::new().unwrap();
    let certificate = Certificate::make("IP:127.0.0.1", place.path());
    for (scheme, more) in [("smtp", &[][..]), ("smtps", &["--implicit"][..])] {
        let peer = certificate.server(more);
        let url = format!("{scheme}://jo:secret@127.0.0.1:{}", peer.port);
        let why = assert_temporary(send(&transport(&url, PATIENT), &mail()));
        assert!(why.contains("not trusted"), "{why}");
        peer.assert_nothing_received();
    }
}

/// Runs the rest of a test in a process that trusts the certificate made for a host: the same test again, by its name.
fn trusting(host: &str, test: &str, rest: impl Fn(&Certificate)) {
    if let Some(directory) = std::env::var_os(TRUSTING) {
        rest(&Certificate {
            directory: directory.into(),
        });
        return;
    }
    let place = TempDir::new().unwrap();
    let certificate = Certificate::make(host, place.path());
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("delivery::smtp::{test}"), "--nocapture"])
        .env(TRUSTING, place.path())
        .env("SSL_CERT_FILE", certificate.file(certificate::CERTIFICATE))
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_certificate_that_the_system_trusts_is_good_for_its_host() {
    let test = "a_certificate_that_the_system_trusts_is_good_for_its_host";
    trusting("IP:127.0.0.1", test, |certificate| {
        let message = Message::AuthenticatorRemoved;
        let mail = outgoing(Channel::Email, &notification("jo@example.org", Locale::En, message));
        for (scheme, more) in [
            ("smtp://jo:secret@", &["--user", "jo", "secret"][..]),
            ("smtps://", &["--implicit"]),
        ] {
            let peer = certificate.server(more);
            let url = format!("{scheme}127.0.0.1:{}", peer.port);
            assert_eq!(send(&transport(&url, PATIENT), &mail), Ok(()), "{scheme}");
            let got = peer.received();
            assert_eq!(got["headers"]["subject"], "Your authenticator app was removed");
        }
    });
}

#[test]
fn a_certificate_that_the_system_trusts_is_good_for_no_other_host() {
    let test = "a_certificate_that_the_system_trusts_is_good_for_no_other_host";
    trusting("DNS:mail.example.com", test, |certificate| {
        let peer = certificate.server(&[]);
        let url = format!("smtp://127.0.0.1:{}", peer.port);
        let why = assert_temporary(send(&transport(&url, PATIENT), &mail()));
        assert!(why.contains("not trusted"), "{why}");
        peer.assert_nothing_received();
    });
}
