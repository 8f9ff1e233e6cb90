//! Webhooks, with receivers in other languages that verify every message with libraries of others.

mod kills;
mod pull;
mod receiver;
mod security_events;

use chrono::DateTime;
use serde_json::{Value, json};
use ureq::http::Method;

use self::receiver::{Endpoint, Language};
use super::http::Client;
use super::instances::{MASTER_KEY, instance};
use super::person::{Person, Tokens, advance, now};
use super::postgres::{Database, psql};
use super::process::eventually;
use super::program::Launch;

/// The receivers are on this machine.
const ALLOWED: &str = "127.0.0.0/8";

/// Prepares a command of an operator.
pub(super) fn command(database_url: &str, words: &[&str]) -> Launch {
    Launch::of(words[0])
        .args(&words[1..])
        .env("DATABASE_URL", database_url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_OUTBOUND_ALLOW", ALLOWED)
}

/// Returns what a command prints.
pub(super) fn printed(database_url: &str, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    let ended = command(database_url, &words).run().expect(0);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Waits until every message was taken.
pub(super) fn until_all_are_told(database_url: &str) {
    eventually("all messages to be taken", || {
        let left = psql(
            database_url,
            "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'",
        );
        (left == "0").then_some(())
    });
}

/// Returns the users, as the service has them: the id, the address and whether it is verified, the name, the status.
pub(super) fn users_in(database_url: &str) -> String {
    let users = "SELECT id, coalesce(email, ''), email_verified_at IS NOT NULL, coalesce(username, ''), status = 'disabled' FROM users ORDER BY id";
    psql(database_url, users)
}

/// A service with a receiver in each language.
struct Deployment {
    database: Database,
    client: Client,
    endpoints: Vec<Endpoint>,
    _program: super::program::Program,
}

impl Deployment {
    fn start() -> Self {
        let database = Database::create();
        let program = instance(database.url())
            .env("VESTIBULE_OUTBOUND_ALLOW", ALLOWED)
            .env("VESTIBULE_IP_LIMITS", "off")
            .start();
        let client = program.ready();
        let endpoints = Language::ALL.map(|language| Endpoint::add(database.url(), language));
        Self {
            database,
            client,
            endpoints: endpoints.into(),
            _program: program,
        }
    }

    /// Asserts that each receiver has the same users as the service, once it was told everything.
    fn all_are_in_step(&self) {
        until_all_are_told(self.database.url());
        for endpoint in &self.endpoints {
            assert_eq!(
                endpoint.receiver.users(),
                users_in(self.database.url()),
                "{:?}",
                endpoint.receiver.language
            );
        }
    }

    fn operate(&self, words: &[&str]) {
        command(self.database.url(), words).run().expect(0);
    }
}

fn verify_address(client: &Client, person: &Person, tokens: &Tokens) {
    let mails = client
        .get(&format!("/dev/outbox?to={}", person.email))
        .expect(200)
        .json();
    let mut mails = mails.as_array().unwrap().iter();
    let mail = mails.find(|mail| mail["kind"] == "email_verification").unwrap();
    let body = json!({"token": mail["token"]});
    client
        .send(Method::POST, "/email/verify", Some(&tokens.access), Some(&body))
        .expect(204);
}

#[test]
fn receivers_in_two_languages_keep_their_users_in_step() {
    let deployment = Deployment::start();
    let client = &deployment.client;
    let users: Vec<_> = (0..4).map(|_| Person::sign_up(client)).collect();
    let (jo, jos) = &users[0];
    verify_address(client, jo, jos);
    client
        .send(
            Method::PATCH,
            "/me",
            Some(&jos.access),
            Some(&json!({"username": "jo.doe"})),
        )
        .expect(200);
    let (kim, kims) = &users[1];
    verify_address(client, kim, kims);
    let status = |email: &str, word: &str| deployment.operate(&["users", word, email]);
    status(&kim.email, "disable");
    status(&users[2].0.email, "disable");
    status(&users[2].0.email, "enable");
    client
        .send(Method::DELETE, "/me", Some(&users[3].1.access), None)
        .expect(204);
    deployment.all_are_in_step();
    let left = users_in(deployment.database.url());
    assert!(left.contains("|t|jo.doe|f") && left.lines().count() == 3, "{left}");
}

#[test]
fn a_secret_is_replaced_without_a_message_that_is_refused() {
    let mut deployment = Deployment::start();
    Person::sign_up(&deployment.client);
    deployment.all_are_in_step();
    for endpoint in &mut deployment.endpoints {
        // The result of the first one is lost.
        endpoint.rotate(deployment.database.url());
        endpoint.rotate(deployment.database.url());
    }
    // Both receivers have the old secret, then one of them the new one.
    Person::sign_up(&deployment.client);
    deployment.all_are_in_step();
    deployment.endpoints[1].receiver.start_again_with_new_secret();
    Person::sign_up(&deployment.client);
    deployment.all_are_in_step();
    let tries = "SELECT DISTINCT attempts, last_status FROM webhook_deliveries";
    assert_eq!(psql(deployment.database.url(), tries), "1|204");
}

#[test]
fn receivers_ignore_what_they_have_and_refuse_what_is_forged_or_old() {
    let deployment = Deployment::start();
    let (jo, tokens) = Person::sign_up(&deployment.client);
    verify_address(&deployment.client, &jo, &tokens);
    deployment.all_are_in_step();
    for endpoint in &deployment.endpoints {
        let receiver = &endpoint.receiver;
        let seen = receiver.messages();
        let (id, since) = (&endpoint.id, "2026-01-01T00:00:00Z");
        printed(deployment.database.url(), &["webhooks", "replay", id, "--since", since]);
        until_all_are_told(deployment.database.url());
        assert_eq!(receiver.messages(), seen, "a message that is sent again keeps its id");
        let now = now();
        let forged = json!({"type": "user.deleted", "timestamp": "2026-03-01T12:00:00Z", "data": {
            "id": id, "user_id": users_in(deployment.database.url()).split('|').next(), "actor": {"type": "service"},
        }});
        for (secret, sent_at, status) in [
            (receiver.secret(), now - 3600, 401),
            ("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=", now, 401),
        ] {
            assert_eq!(receiver.post(secret, "forged", sent_at, &forged), status);
        }
        assert_eq!(receiver.messages(), seen);
        assert_eq!(receiver.users(), users_in(deployment.database.url()));
    }
}

#[test]
fn messages_may_come_in_any_order_and_more_than_once() {
    let deployment = Deployment::start();
    let (user, now) = ("019a2b3c-1111-7f60-8a1b-2c3d4e5f6071", now());
    let message = |kind: &str, second: u32, names: Value| {
        let mut data = json!({"id": user, "user_id": user, "actor": {"type": "service"}});
        data.as_object_mut()
            .unwrap()
            .extend(names.as_object().cloned().unwrap_or_default());
        json!({"type": kind, "timestamp": format!("2026-03-01T12:00:{second:02}.5Z"), "data": data})
    };
    // The times are by far older than the tries, and differ in their last digits.
    let named = |email: &str, verified: bool, changed: u32| {
        let changed_at = format!("2026-03-01T12:00:00.00000{changed}Z");
        json!({"email": email, "email_verified": verified, "names_changed_at": changed_at})
    };
    for endpoint in &deployment.endpoints {
        let receiver = &endpoint.receiver;
        let take = |id: &str, sent_at: i64, message: &Value| {
            assert_eq!(receiver.post(receiver.secret(), id, sent_at, message), 204);
        };
        // Enabled last. The newest names come first, and the message of the latest try has the oldest.
        take(
            "2",
            now - 5,
            &message("user.verified", 20, named("new@example.com", true, 2)),
        );
        take(
            "1",
            now - 5,
            &message("user.updated", 30, named("new@example.com", false, 1)),
        );
        take("4", now - 3, &message("user.enabled", 40, json!({})));
        take("3", now - 3, &message("user.disabled", 30, json!({})));
        take(
            "0",
            now,
            &message("session.started", 50, named("old@example.com", false, 0)),
        );
        assert_eq!(
            receiver.users(),
            format!("{user}|new@example.com|t||f"),
            "{:?}",
            receiver.language
        );
        take("5", now, &message("user.disabled", 50, json!({})));
        assert_eq!(receiver.users(), format!("{user}|new@example.com|t||t"));
        // Deleted is final, whatever comes afterwards, and what is not known is taken and ignored.
        take("7", now, &message("user.deleted", 59, json!({})));
        take(
            "6",
            now,
            &message("user.updated", 58, named("late@example.com", true, 9)),
        );
        take(
            "6",
            now,
            &message("user.updated", 58, named("late@example.com", true, 9)),
        );
        take("8", now, &message("of.a.later.version", 59, json!({"more": [1]})));
        take(
            "9",
            now,
            &json!({"type": "webhook.test", "timestamp": "2026-03-01T12:00:00Z", "data": {"id": user}}),
        );
        assert_eq!(receiver.users(), "");
        assert_eq!(receiver.messages().len(), 10);
    }
}

/// As the page for clients says.
#[test]
fn receivers_refuse_the_messages_of_a_service_whose_clock_was_moved_far() {
    let deployment = Deployment::start();
    let test = |endpoint: &Endpoint| command(deployment.database.url(), &["webhooks", "test", &endpoint.id]).run();
    let replay = |endpoint: &Endpoint, since: i64| {
        let since = DateTime::from_timestamp(since, 0).unwrap().to_rfc3339();
        command(
            deployment.database.url(),
            &["webhooks", "replay", &endpoint.id, "--since", &since],
        )
        .run()
    };
    advance(&deployment.client, 240);
    for endpoint in &deployment.endpoints {
        test(endpoint).expect(0);
    }
    advance(&deployment.client, 120);
    for endpoint in &deployment.endpoints {
        let refused = test(endpoint)
            .expect(1)
            .saying("the receiver has not taken it; it is tried again");
        assert!(refused.stdout.contains("401"), "{}", refused.stdout);
        replay(endpoint, now() + 120).expect(1).saying("--since");
        replay(endpoint, now() - 60).expect(0);
    }
}
