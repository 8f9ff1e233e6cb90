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
    // Clocks differ: the timestamps say nothing about the order. The times of the changes are by far older than the tries,
    // and differ in their last digits.
    let message = |kind: &str, changed: u32, (email, verified, disabled): (&str, bool, bool)| {
        let data = json!({
            "id": user, "user_id": user, "actor": {"type": "service"},
            "email": email, "email_verified": verified, "disabled": disabled,
            "changed_at": format!("2026-03-01T12:00:00.00000{changed}Z"),
        });
        json!({"type": kind, "timestamp": format!("2026-03-01T12:00:{:02}.5Z", 59 - changed), "data": data})
    };
    for endpoint in &deployment.endpoints {
        let receiver = &endpoint.receiver;
        let take = |id: &str, sent_at: i64, message: &Value| {
            assert_eq!(receiver.post(receiver.secret(), id, sent_at, message), 204);
        };
        // The newest state comes first, and the message of the latest try has the oldest.
        let (new, old) = (("new@example.com", true, false), ("old@example.com", false, false));
        take("4", now - 5, &message("user.enabled", 4, new));
        take(
            "3",
            now - 5,
            &message("user.disabled", 3, ("new@example.com", true, true)),
        );
        take(
            "1",
            now - 3,
            &message("user.updated", 1, ("new@example.com", false, false)),
        );
        take("0", now, &message("session.started", 0, old));
        assert_eq!(
            receiver.users(),
            format!("{user}|new@example.com|t||f"),
            "{:?}",
            receiver.language
        );
        take("5", now, &message("user.disabled", 5, ("new@example.com", true, true)));
        assert_eq!(receiver.users(), format!("{user}|new@example.com|t||t"));
        // Deleted is final, whatever comes afterwards, and what is not known is taken and ignored.
        let deleted = json!({"id": user, "user_id": user, "actor": {"type": "service"}});
        let deleted = json!({"type": "user.deleted", "timestamp": "2026-03-01T12:00:00Z", "data": deleted});
        take("7", now, &deleted);
        let late = message("user.updated", 9, ("late@example.com", true, false));
        take("6", now, &late);
        take("6", now, &late);
        take("8", now, &message("of.a.later.version", 9, new));
        take(
            "2",
            now,
            &json!({"type": "of.a.later.version", "timestamp": "x", "data": {"user_id": user, "more": [1]}}),
        );
        take(
            "9",
            now,
            &json!({"type": "webhook.test", "timestamp": "2026-03-01T12:00:00Z", "data": {"id": user}}),
        );
        assert_eq!(receiver.users(), "");
        assert_eq!(receiver.messages().len(), 10);
    }
}

/// The clock of the service is ahead of the one of the command line, so the timestamps are in the wrong order.
#[test]
fn receivers_are_in_step_where_clocks_differ() {
    let deployment = Deployment::start();
    let [(jo, _), (kim, kims)] = [(); 2].map(|()| Person::sign_up(&deployment.client));
    let admin = Person::sign_up(&deployment.client);
    let grant = format!("UPDATE users SET roles = '{{admin}}' WHERE email = '{}'", admin.0.email);
    psql(deployment.database.url(), &grant);
    let admin = Tokens::of(
        &deployment
            .client
            .post("/token/refresh", &json!({"refresh_token": admin.1.refresh}))
            .expect(200),
    );
    advance(&deployment.client, 60);
    let id_of = |email: &str| {
        psql(
            deployment.database.url(),
            &format!("SELECT id FROM users WHERE email = '{email}'"),
        )
    };
    let disable = |email: &str, disabled: bool| {
        let path = format!("/admin/users/{}", id_of(email));
        deployment
            .client
            .send(
                Method::PATCH,
                &path,
                Some(&admin.access),
                Some(&json!({"disabled": disabled})),
            )
            .expect(200);
    };
    disable(&jo.email, true);
    deployment.operate(&["users", "enable", &jo.email]);
    deployment.all_are_in_step();
    verify_address(&deployment.client, &kim, &kims);
    disable(&kim.email, true);
    disable(&kim.email, false);
    deployment.operate(&["users", "disable", &kim.email]);
    deployment.all_are_in_step();
    let users = users_in(deployment.database.url());
    let is_disabled = |email: &str| users.lines().find(|line| line.contains(email)).unwrap().ends_with("|t");
    assert!(!is_disabled(&jo.email) && is_disabled(&kim.email), "{users}");
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
