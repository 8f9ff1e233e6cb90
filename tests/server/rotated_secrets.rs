//! The secrets shared with the mail server and the webhook, replaced as the documentation describes, by instances that
//! read them from files.
//!
//! No message is lost, whichever side has the new secret first. If both secrets are valid for a while, none is even
//! late.

use serde_json::{Value, json};

use super::http::Client;
use super::metrics::{at, for_operators, scrape};
use super::outbox::{
    SECRET, Servers, ask_for_phone, cause_notice, hurry_until_none, message_ids, serve_without_secrets, sign_up,
    wait_until, waiting,
};
use super::postgres::Database;
use super::process::eventually;
use super::program::{Launch, Program};
use crate::support::peer::Peer;

/// Passwords of the mail server, and their form in a URL.
const OLD: (&str, &str) = ("old@door", "old%40door");
const NEW: (&str, &str) = ("new:door/", "new%3Adoor%2F");
const NEW_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The log line for a message that has to wait.
const WAITS: &str = "a message was not sent yet";

/// An instance with this password of the mail server and these secrets of the webhook.
fn serve(database: &Database, servers: &Servers, password: (&str, &str), secrets: &str) -> Launch {
    let smtp_url = servers
        .mail
        .smtp_url()
        .replace("//", &format!("//vestibule:{}@", password.1));
    serve_without_secrets(database, servers)
        .file("smtp-url", &format!("{smtp_url}\n"))
        .env("VESTIBULE_SMTP_URL_FILE", "smtp-url")
        .file("webhook-secret", &format!("{secrets}\n"))
        .env("VESTIBULE_SMS_WEBHOOK_SECRET_FILE", "webhook-secret")
}

/// A mail server and a webhook with the old secrets, and with those that replace them.
fn servers(passwords: &[&str], secrets: &[&str]) -> Servers {
    let mut mail = vec!["--user", "vestibule", OLD.0];
    mail.extend(passwords.iter().flat_map(|later| ["--then", later]));
    let sms: Vec<&str> = secrets.iter().flat_map(|later| ["--then", later]).collect();
    Servers::start(&mail, &sms)
}

/// Makes a server use its next secret, and waits until it does.
#[track_caller]
fn change_secret(server: &mut Peer, told: &Value) {
    server.resume();
    assert_eq!(server.received(), *told);
}

/// Replaces an instance by another one; the old one ends when the new one serves.
#[track_caller]
fn replace(old: Program, new: Launch) -> (Program, Client) {
    let program = new.start();
    let client = program.ready();
    assert_in_time(old);
    (program, client)
}

/// Ends an instance that never had to postpone a message.
#[track_caller]
fn assert_in_time(program: Program) {
    let ended = program.stop().expect(0);
    assert!(!ended.stderr.contains(WAITS), "{}", ended.stderr);
}

/// Asserts that operators see messages that wait and the reason, and that the service is as ready as before.
#[track_caller]
fn assert_seen(program: &Program, channel: &str, messages: f64, reason: &str) {
    let told = program.wait_for_message(WAITS);
    assert_eq!(
        (&told["level"], &told["channel"]),
        (&json!("WARN"), &json!(channel)),
        "{told}"
    );
    assert!(told["why"].as_str().unwrap().starts_with(reason), "{told}");
    let operators = for_operators(program);
    eventually("the metrics", || {
        let seen = scrape(&operators);
        let postponed = format!("vestibule_outbox_deliveries_total{{channel=\"{channel}\",outcome=\"postponed\"}}");
        let waiting = format!("vestibule_outbox_messages{{channel=\"{channel}\",state=\"pending\"}}");
        (at(&seen, &postponed) >= messages && at(&seen, &waiting) >= messages).then_some(())
    });
    let ready = operators.get("/health/ready").expect(200).json();
    assert_eq!(ready["checks"]["outbox"]["status"], "ok", "{ready}");
}

#[test]
fn mail_waits_for_an_instance_that_knows_the_mail_servers_new_password() {
    let (database, mut servers) = (Database::create(), servers(&[NEW.0], &[]));
    let old = serve(&database, &servers, OLD, SECRET).start();
    let client = old.ready();
    let (_, tokens) = sign_up(&client, &database);
    assert_eq!(servers.mail.received()["user"], "vestibule");

    change_secret(&mut servers.mail, &json!({"passwords": [NEW.0]}));
    cause_notice(&client, &database, &tokens, 2);
    let refused = "the mail server answered 535";
    wait_until(&database, &format!("last_error LIKE '{refused}%'"), 2);
    assert_seen(&old, "email", 2.0, refused);
    // However often it is tried, none is given up.
    hurry_until_none(&database, "attempts < 4");
    assert_eq!(waiting(&database, "state = 'pending' AND refusals = 0"), 2);
    old.stop().expect(0);

    let new = serve(&database, &servers, NEW, SECRET).start();
    cause_notice(&new.ready(), &database, &tokens, 1);
    hurry_until_none(&database, "true");
    assert_in_time(new);
    let mails = servers.mail.rest();
    assert_eq!((mails.len(), message_ids(&mails).len()), (3, 3));
    assert!(mails.iter().all(|mail| mail["user"] == "vestibule"), "{mails:?}");
    assert_eq!(servers.sms.rest(), Vec::<Value>::new());
}

#[test]
fn a_mail_server_that_takes_two_passwords_for_a_while_puts_no_mail_off() {
    let both = format!("{},{}", OLD.0, NEW.0);
    let (database, mut servers) = (Database::create(), servers(&[&both, NEW.0], &[]));
    let old = serve(&database, &servers, OLD, SECRET).start();
    let client = old.ready();
    let (_, tokens) = sign_up(&client, &database);
    servers.mail.received();

    change_secret(&mut servers.mail, &json!({"passwords": [OLD.0, NEW.0]}));
    cause_notice(&client, &database, &tokens, 1);
    servers.mail.received();
    let (new, client) = replace(old, serve(&database, &servers, NEW, SECRET));
    cause_notice(&client, &database, &tokens, 1);
    servers.mail.received();
    change_secret(&mut servers.mail, &json!({"passwords": [NEW.0]}));
    cause_notice(&client, &database, &tokens, 1);
    servers.mail.received();
    wait_until(&database, "true", 0);
    assert_in_time(new);
    servers.assert_nothing_more();
}

/// A new user requests a text message.
#[track_caller]
fn cause_text(client: &Client, database: &Database) {
    let (_, tokens) = sign_up(client, database);
    ask_for_phone(client, &tokens);
}

/// Asserts that a text message arrives, and that its signature is right.
#[track_caller]
fn assert_taken(servers: &Servers) -> Value {
    let text = servers.sms.received();
    assert_eq!(text["good"], true, "{text}");
    text
}

#[test]
fn a_webhook_that_knows_one_secret_at_a_time_refuses_nothing_while_both_sign() {
    let (database, mut servers) = (Database::create(), servers(&[], &[NEW_SECRET]));
    let knowing = |secrets: &str| serve(&database, &servers, OLD, secrets);
    let [old, both, new] = [SECRET, &format!("{NEW_SECRET},{SECRET}"), NEW_SECRET].map(knowing);
    let old = old.start();
    cause_text(&old.ready(), &database);
    assert_taken(&servers);

    let (both, client) = replace(old, both);
    cause_text(&client, &database);
    assert_taken(&servers);
    change_secret(&mut servers.sms, &json!({"secret": NEW_SECRET}));
    cause_text(&client, &database);
    assert_taken(&servers);

    let (new, client) = replace(both, new);
    cause_text(&client, &database);
    let text = assert_taken(&servers);
    let signatures = text["headers"]["webhook-signature"].as_str().unwrap();
    assert!(
        signatures.starts_with("v1,") && !signatures.contains(' '),
        "{signatures}"
    );
    wait_until(&database, "true", 0);
    assert_in_time(new);
    assert_eq!(servers.sms.rest(), Vec::<Value>::new());
}

#[test]
fn a_text_message_waits_for_an_instance_that_knows_the_webhooks_new_secret() {
    let (database, mut servers) = (Database::create(), servers(&[], &[NEW_SECRET]));
    let old = serve(&database, &servers, OLD, SECRET).start();
    let client = old.ready();
    change_secret(&mut servers.sms, &json!({"secret": NEW_SECRET}));
    cause_text(&client, &database);
    let refused = servers.sms.received();
    assert_eq!(refused["good"], false, "{refused}");
    assert_seen(&old, "sms", 1.0, "the webhook answered 401");
    hurry_until_none(&database, "channel = 'sms' AND attempts < 4");
    assert_eq!(
        waiting(&database, "channel = 'sms' AND state = 'pending' AND refusals = 0"),
        1
    );
    old.stop().expect(0);

    let new = serve(&database, &servers, OLD, NEW_SECRET).start();
    new.ready();
    hurry_until_none(&database, "true");
    assert_in_time(new);
    let texts = servers.sms.rest();
    let (last, others) = texts.split_last().unwrap();
    assert_eq!(last["good"], true, "{last}");
    assert_eq!(last["headers"]["webhook-id"], refused["headers"]["webhook-id"]);
    assert!(others.iter().all(|text| text["good"] == false), "{others:?}");
}
