//! The texts of messages, through the public API. The unit tests of the templates cover every text.

use vestibule::domain::message::{Channel, Locale, Message};

use super::{notification, outgoing};

#[test]
fn a_stranger_cannot_write_into_our_mail() {
    let notification = notification("jo@example.org", Locale::En, Message::RefreshTokenReused);
    let mail = outgoing(Channel::Email, &notification).rendered;
    let html = mail.html.unwrap();
    for part in [&html, &mail.text] {
        assert!(part.contains("curl"), "{part}");
        for word in ["Fuchs", "Bcc", "eve@example.com", "curl/8"] {
            assert!(!part.contains(word), "{word}: {part}");
        }
    }
}

#[test]
fn a_code_is_told_in_the_message_but_not_in_its_subject() {
    for locale in Locale::ALL {
        let notification = notification("jo@example.org", locale, super::code());
        let mail = outgoing(Channel::Email, &notification).rendered;
        // Mail servers write subjects into their logs.
        assert!(!mail.subject.contains("12345678"));
        assert!(
            [mail.text, mail.html.unwrap()]
                .iter()
                .all(|part| part.contains("12345678"))
        );
        let text = outgoing(Channel::Sms, &notification).rendered;
        assert!(text.html.is_none() && text.text.ends_with("@auth.example.com #12345678"));
    }
}
