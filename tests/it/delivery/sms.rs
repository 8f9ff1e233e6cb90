//! Text messages, to a webhook that checks signatures with an independent library.

use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::crypto::webhook_signer::WebhookSigner;
use vestibule::delivery::SendError;
use vestibule::delivery::sms::{SmsWebhook, WebhookUrl};
use vestibule::domain::message::{Channel, Locale, Message};

use super::{HASTY, PATIENT, assert_refused, assert_temporary, clock, code, notification, outgoing, send};
use crate::support::peer::Peer;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn webhook(peer: &Peer, secret: &str, limit: Duration) -> SmsWebhook {
    let url = WebhookUrl::parse(&format!("http://127.0.0.1:{}/send?via=test", peer.port)).unwrap();
    SmsWebhook::new(&url, WebhookSigner::parse(secret).unwrap(), clock(), limit)
}

fn sent(peer: &Peer, secret: &str, limit: Duration) -> Result<(), SendError> {
    let message = outgoing(Channel::Sms, &notification("+4915112345678", Locale::De, code()));
    send(&webhook(peer, secret, limit), &message)
}

#[test]
fn a_text_message_arrives_signed_and_as_documented() {
    let peer = Peer::start("webhook.py", &[SECRET]);
    assert_eq!(sent(&peer, SECRET, PATIENT), Ok(()));
    let got = peer.received();
    assert_eq!(got["good"], true);
    assert_eq!(got["path"], "/send?via=test");
    assert_eq!(
        got["headers"]["webhook-id"],
        format!("msg_{}", Uuid::from_u128(7).simple())
    );
    assert_eq!(got["headers"]["content-type"], "application/json");
    let body = &got["body"];
    let text = outgoing(Channel::Sms, &notification("", Locale::De, code()))
        .rendered
        .text;
    assert_eq!(body["type"], "sms.requested");
    assert!(DateTime::parse_from_rfc3339(body["timestamp"].as_str().unwrap()).is_ok());
    assert_eq!(
        body["data"],
        json!({
            "to": "+4915112345678",
            "text": text,
            "kind": "second_factor_code",
            "code": "12345678",
            "locale": "de",
        })
    );

    // A second try has the same message id, and a signature for another time.
    assert_eq!(sent(&peer, SECRET, PATIENT), Ok(()));
    assert_eq!(peer.received()["headers"]["webhook-id"], got["headers"]["webhook-id"]);

    let notice = outgoing(
        Channel::Sms,
        &notification("+49", Locale::En, Message::EmailFactorRemoved),
    );
    assert_eq!(send(&webhook(&peer, SECRET, PATIENT), &notice), Ok(()));
    assert_eq!(peer.received()["body"]["data"]["code"], Value::Null);
}

#[test]
fn another_secret_is_noticed_and_the_message_is_not_lost() {
    let peer = Peer::start("webhook.py", &[SECRET]);
    let why = assert_temporary(sent(&peer, OTHER_SECRET, PATIENT));
    assert_eq!(why, "the webhook answered 401");
    assert_eq!(peer.received()["good"], false);
}

#[test]
fn the_answer_says_whether_to_try_again() {
    for status in ["500", "503", "429", "404"] {
        let peer = Peer::start("webhook.py", &[SECRET, "--status", status]);
        assert_temporary(sent(&peer, SECRET, PATIENT));
    }
    for status in ["422", "400"] {
        let peer = Peer::start("webhook.py", &[SECRET, "--status", status]);
        assert_eq!(
            assert_refused(sent(&peer, SECRET, PATIENT)),
            format!("the webhook answered {status}")
        );
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Peer::start("webhook.py", &[SECRET]);
    let location = format!("http://127.0.0.1:{}/", elsewhere.port);
    for status in ["302", "307", "308"] {
        let peer = Peer::start("webhook.py", &[SECRET, "--status", status, "--location", &location]);
        let why = assert_temporary(sent(&peer, SECRET, PATIENT));
        assert_eq!(why, format!("the webhook answered {status}"));
    }
    elsewhere.assert_nothing_received();
}

#[test]
fn no_peer_is_waited_for_without_end() {
    let peer = Peer::start("webhook.py", &[SECRET, "--silent"]);
    let why = assert_temporary(sent(&peer, SECRET, HASTY));
    assert_eq!(why, "the webhook did not answer in time");
    let url = WebhookUrl::parse(&format!("https://127.0.0.1:{}/", peer.port)).unwrap();
    let signer = WebhookSigner::parse(SECRET).unwrap();
    let message = outgoing(Channel::Sms, &notification("+49", Locale::En, code()));
    // Without TLS nothing is sent.
    assert_temporary(send(&SmsWebhook::new(&url, signer, clock(), HASTY), &message));
}
