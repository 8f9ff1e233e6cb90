//! The guarantees of webhooks, with receivers on sockets and a clock that tests move: what was committed is told, what was
//! rolled back is not, and what a receiver does costs no other receiver anything.

use std::collections::BTreeSet;

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use vestibule::domain::ids::WebhookId;
use vestibule::domain::webhook::{DeliveryState, WebhookDescription, WebhookState};

use crate::support::actors::{PASSWORD, Person, claims};
use crate::support::app::TestApp;
use crate::support::endpoints::{Answer, Received, Receiver, endpoint, register, until_received};
use crate::support::until::until;

const CREATED: &[&str] = &["user.created"];
/// Seconds after which another instance takes a message whose sender has not reported a result.
const LEASE: i64 = 60;
const DAY: i64 = 86_400;

fn names(number: usize) -> impl Iterator<Item = String> {
    (0..number).map(|number| format!("user{number}"))
}

fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|message| message.id().to_owned()).collect()
}

/// Returns the state, the attempts, the status and the error of the only message to an endpoint.
async fn only(app: &TestApp, id: WebhookId) -> (DeliveryState, i32, Option<i32>, Option<String>) {
    let mut deliveries = app.deliveries(id).await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let delivery = deliveries.remove(0);
    (
        delivery.state,
        delivery.attempts,
        delivery.last_status,
        delivery.last_error,
    )
}

#[actix_web::test]
async fn an_event_is_told_to_each_endpoint_that_asked_for_it_and_to_no_other() {
    let app = TestApp::new().await;
    let [all, some, other, disabled] = [(); 4].map(|()| Receiver::start());
    let (to_all, secret) = app.webhook(endpoint(&all, &[])).await;
    let (to_some, _) = app.webhook(endpoint(&some, CREATED)).await;
    app.webhook(endpoint(&other, &["user.deleted"])).await;
    let (idle, _) = app.webhook(endpoint(&disabled, &[])).await;
    app.set_webhook_state(idle.id, "disabled").await;

    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.send_webhooks().await;
    let (told, told_some) = (all.had(), some.had());
    let mut types: Vec<String> = told.iter().map(|message| message.text("/type")).collect();
    types.sort();
    assert_eq!(types, ["factor.added", "session.started", "user.created"]);
    assert_eq!(told_some.len(), 1);
    assert_eq!((other.number(), disabled.number()), (0, 0));
    let created = told
        .iter()
        .find(|message| message.text("/type") == "user.created")
        .unwrap();
    assert_eq!(created.id(), told_some[0].id(), "one event has one id");
    assert_eq!(created.text("/data/id"), created.id());
    assert_eq!(created.text("/data/user_id"), jo.person.id);
    assert_eq!(created.header("content-type"), "application/json");
    assert_eq!(created.timestamp(), app.now().timestamp());
    assert!(!created.json().to_string().contains("jo@example.com"));
    assert!(
        told.iter()
            .all(|message| message.is_signed_by(&secret) && message.signatures() == 1)
    );
    assert!(
        !told_some[0].is_signed_by(&secret),
        "each endpoint has a secret of its own"
    );
    for id in [to_all.id, to_some.id] {
        let deliveries = app.deliveries(id).await;
        assert!(
            deliveries
                .iter()
                .all(|one| one.state == DeliveryState::Delivered && one.last_status == Some(204))
        );
    }
    assert_eq!(app.deliveries(idle.id).await.len(), 0);
}

#[actix_web::test]
async fn addresses_are_told_only_if_the_endpoint_asks_and_as_they_are_when_a_message_is_sent() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let described = WebhookDescription {
        include_addresses: true,
        ..endpoint(&receiver, &["user.created", "user.deleted"])
    };
    app.webhook(described).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.send_webhooks().await;
    let data = receiver.had()[0].json()["data"].clone();
    assert_eq!(
        (&data["email"], &data["email_verified"]),
        (&json!("jo@example.com"), &json!(false))
    );
    // The events of an account that is gone are told too, without what is gone.
    Person::register(&app, "kim@example.com").await;
    app.delete_user(&jo.person.id).await;
    app.database
        .connect()
        .batch_execute("DELETE FROM users WHERE email = 'kim@example.com'")
        .unwrap();
    app.send_webhooks().await;
    let mut types: Vec<String> = Vec::new();
    for message in receiver.had() {
        assert_eq!(message.json()["data"].get("email"), None);
        types.push(message.text("/type"));
    }
    types.sort();
    assert_eq!(types, ["user.created", "user.deleted"]);
}

/// The clock of one instance is ahead: the account is disabled by it, and enabled by the other one.
#[actix_web::test]
async fn the_last_change_of_an_account_is_told_as_the_last_whatever_the_clocks_say() {
    let app = TestApp::new().await;
    let ahead = app.sibling_ahead(30).await;
    let receiver = Receiver::start();
    app.webhook(endpoint(&receiver, &["user.disabled", "user.enabled", "user.deleted"]))
        .await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut told = Vec::new();
    for (instance, disabled) in [(&ahead, true), (&app, false), (&app, true), (&ahead, false)] {
        instance.set_disabled(&jo.person.id, disabled).await;
        ahead.send_webhooks().await;
        let message = receiver.had().remove(0);
        let data = message.json()["data"].clone();
        assert_eq!(data["disabled"], disabled);
        assert_eq!(data.get("email"), None, "the endpoint did not ask for names");
        told.push((message.text("/data/changed_at"), message.text("/timestamp")));
    }
    assert!(told.is_sorted_by(|(one, _), (next, _)| one < next), "{told:?}");
    assert!(
        !told.is_sorted_by(|(_, one), (_, next)| one <= next),
        "the clocks differ: {told:?}"
    );
    app.delete_user(&jo.person.id).await;
    ahead.send_webhooks().await;
    let data = receiver.had()[0].json()["data"].clone();
    assert_eq!((data.get("disabled"), data.get("changed_at")), (None, None));
}

/// All in one second, and with instances whose clocks differ: only the account itself knows which names are newer.
#[actix_web::test]
async fn names_say_since_when_the_account_has_them() {
    let app = TestApp::new().await;
    let ahead = app.sibling_ahead(30).await;
    let receiver = Receiver::start();
    let described = WebhookDescription {
        include_addresses: true,
        ..endpoint(&receiver, &["user.created", "user.verified", "user.updated"])
    };
    app.webhook(described).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut told = Vec::new();
    let mut send = async || {
        ahead.send_webhooks().await;
        let message = receiver.had().remove(0);
        assert_eq!(message.timestamp(), ahead.now().timestamp());
        let data = message.json()["data"].clone();
        told.push((
            message.text("/data/changed_at"),
            data["username"].clone(),
            data["email_verified"].clone(),
        ));
    };
    send().await;
    for (instance, username) in [(&ahead, "jo.one"), (&app, "jo.two"), (&app, "jo.three")] {
        let change = json!({"username": username});
        instance
            .call_as(Method::PATCH, "/me", &jo.access_token, &change)
            .await
            .expect(200);
        send().await;
    }
    app.verify_email("jo@example.com").await;
    send().await;
    // Nothing of the names.
    let change = json!({"locale": "de"});
    app.call_as(Method::PATCH, "/me", &jo.access_token, &change)
        .await
        .expect(200);
    send().await;

    let named: Vec<_> = told
        .iter()
        .map(|(_, username, verified)| (username.as_str(), verified == &json!(true)))
        .collect();
    let [one, two, three] = ["jo.one", "jo.two", "jo.three"].map(Some);
    assert_eq!(
        named,
        [
            (None, false),
            (one, false),
            (two, false),
            (three, false),
            (three, true),
            (three, true)
        ]
    );
    let times: Vec<&str> = told.iter().map(|(time, _, _)| time.as_str()).collect();
    assert!(times[..5].is_sorted_by(|one, next| one < next), "{times:?}");
    assert_eq!(times[4], times[5]);
    let [is_ahead, is_at] = [times[1], times[0]].map(|time| time.parse::<DateTime<Utc>>().unwrap());
    assert_eq!(is_ahead - is_at, TimeDelta::seconds(30));
}

#[actix_web::test]
async fn what_is_rolled_back_is_told_to_none() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, &[])).await;
    // The commit fails, after all statements have succeeded.
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE EXCEPTION 'refused at the commit'; END $$; \
                  CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED \
                  FOR EACH ROW WHEN (NEW.username = 'undone') EXECUTE FUNCTION refuse()";
    app.database.connect().batch_execute(refuse).unwrap();
    let body = json!({"username": "undone", "password": PASSWORD});
    app.post("/register", &body).await.expect_problem(500, "internal_error");
    assert_eq!(app.send_webhooks().await, 0);
    assert_eq!(app.deliveries(webhook.id).await.len(), 0);
    let kept = register(&app, ["kept".to_owned()]).await;
    app.send_webhooks().await;
    let told = receiver.had();
    assert_eq!((told.len(), told[0].text("/data/user_id")), (1, kept[0].clone()));
}

#[actix_web::test]
async fn a_message_is_tried_under_one_id_after_waits_that_double_until_it_is_taken() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, secret) = app.webhook(endpoint(&receiver, CREATED)).await;
    register(&app, names(1)).await;
    let failures = [500, 503, 404, 401, 400, 429, 302];
    receiver.then(failures.map(Answer::Status));
    let began = app.now();
    let mut least = 5;
    for (tries, status) in (1..).zip(failures) {
        assert_eq!(app.send_webhooks().await, 1, "{status}");
        let delivery = app.deliveries(webhook.id).await.remove(0);
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, tries));
        let wait = delivery.next_try_at - app.now();
        assert!(
            (least..=least * 3 / 2).contains(&wait.num_seconds()),
            "{wait} after {tries}"
        );
        app.clock.advance(wait.num_seconds() - 1);
        assert_eq!(app.send_webhooks().await, 0, "not before its time");
        app.clock.advance(2);
        least *= 2;
    }
    assert_eq!(app.send_webhooks().await, 1);
    let (state, attempts, status, error) = only(&app, webhook.id).await;
    assert_eq!(
        (state, attempts, status, error),
        (DeliveryState::Delivered, 8, Some(204), None)
    );
    let had = receiver.had();
    assert_eq!(had.len(), 8);
    assert!(
        had.iter()
            .all(|message| message.id() == had[0].id() && message.is_signed_by(&secret))
    );
    assert!(
        had.iter().all(|message| message.json() == had[0].json()),
        "the event has the time at which it happened"
    );
    let times: Vec<i64> = had.iter().map(Received::timestamp).collect();
    assert!(times.is_sorted() && times[0] == began.timestamp() && times[7] == app.now().timestamp());
}

#[actix_web::test]
async fn what_is_not_taken_for_three_days_is_dead_and_a_replay_revives_it() {
    let app = TestApp::new().await;
    let receiver = Receiver::answering(Answer::Status(500));
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    let began = app.now();
    register(&app, names(1)).await;
    let mut tries = 0;
    while only(&app, webhook.id).await.0 == DeliveryState::Pending {
        tries += app.send_webhooks().await;
        app.clock.advance(600);
        assert!((app.now() - began).num_seconds() < 4 * DAY);
    }
    let elapsed = (app.now() - began).num_seconds();
    assert!((2 * DAY + DAY / 2..=3 * DAY + 600).contains(&elapsed), "{elapsed}");
    let (_, attempts, status, error) = only(&app, webhook.id).await;
    assert_eq!((Some(attempts), status), (i32::try_from(tries).ok(), Some(500)));
    assert_eq!(error.as_deref(), Some("it answered 500"));
    app.clock.advance(DAY);
    assert_eq!(app.send_webhooks().await, 0);

    let first = receiver.had().remove(0);
    receiver.then([Answer::Status(200)]);
    assert_eq!(app.replay(webhook.id, began).await, 1);
    app.send_webhooks().await;
    assert_eq!(ids(&receiver.had()), [first.id()]);
    assert_eq!(
        only(&app, webhook.id).await,
        (DeliveryState::Delivered, 1, Some(200), None)
    );
}

#[actix_web::test]
async fn an_endpoint_that_is_gone_is_disabled_and_its_messages_wait_until_it_is_enabled() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    register(&app, ["jo.one".to_owned(), "jo.two".to_owned()]).await;
    receiver.then([Answer::Status(410), Answer::Status(410)]);
    app.send_webhooks().await;
    assert_eq!(receiver.had().len(), 2);
    let events = "SELECT 1 / (count(*) = 1)::int FROM audit_events \
                  WHERE event = 'webhook_updated' AND reason = 'gone' AND actor_id IS NULL";
    app.database.connect().batch_execute(events).unwrap();
    let shown = app.find_webhook(webhook.id).await;
    assert_eq!((shown.state, shown.gone_at), (WebhookState::Disabled, Some(app.now())));
    // What happens now is not written for it.
    register(&app, ["kim".to_owned()]).await;
    app.clock.advance(DAY);
    assert_eq!(app.send_webhooks().await, 0);
    assert_eq!(app.deliveries(webhook.id).await.len(), 2);
    app.set_webhook_state(webhook.id, "enabled").await;
    assert_eq!(app.find_webhook(webhook.id).await.gone_at, None);
    assert_eq!(app.send_webhooks().await, 2);
    assert_eq!(receiver.had().len(), 2);
}

#[actix_web::test]
async fn messages_to_an_endpoint_that_stays_disabled_are_given_up_and_then_deleted() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    register(&app, names(1)).await;
    app.set_webhook_state(webhook.id, "disabled").await;
    app.clock.advance(3 * DAY - 1);
    app.delete_expired().await;
    assert_eq!(only(&app, webhook.id).await.0, DeliveryState::Pending);
    app.clock.advance(1);
    app.delete_expired().await;
    let (state, attempts, _, error) = only(&app, webhook.id).await;
    assert_eq!((state, attempts), (DeliveryState::Dead, 0));
    assert_eq!(error.as_deref(), Some("its endpoint is disabled"));
    app.clock.advance(30 * DAY);
    app.delete_expired().await;
    assert_eq!(only(&app, webhook.id).await.0, DeliveryState::Dead);
    app.clock.advance(1);
    app.delete_expired().await;
    assert_eq!(app.deliveries(webhook.id).await.len(), 0);
    assert_eq!(receiver.number(), 0);
}

#[actix_web::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let app = TestApp::new().await;
    let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    receiver.then([Answer::Redirect(elsewhere.url())]);
    register(&app, names(1)).await;
    app.send_webhooks().await;
    let (state, _, status, error) = only(&app, webhook.id).await;
    assert_eq!((state, status), (DeliveryState::Pending, None));
    assert_eq!(error.as_deref(), Some("it redirects instead of answering"));
    assert_eq!((receiver.number(), elsewhere.number()), (1, 0));
}

#[actix_web::test]
async fn slow_endpoints_cost_a_quick_one_nothing() {
    const MESSAGES: usize = 40;
    let app = TestApp::new().await;
    let slow: Vec<Receiver> = (0..4).map(|_| Receiver::answering(Answer::Hold)).collect();
    for receiver in &slow {
        app.webhook(endpoint(receiver, CREATED)).await;
    }
    let quick = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&quick, CREATED)).await;
    register(&app, names(MESSAGES)).await;
    let mut sender = app.webhook_sender();
    let mut begun = 0;
    // None of the slow ones answers before the quick one has everything.
    loop {
        let messages = app.deliveries(webhook.id).await;
        // A message that failed, such as for want of a connection on a busy machine, is due when the clock has moved. Here
        // it stands still, so this would go on for ever.
        let failed = messages.iter().find(|one| one.last_error.is_some());
        assert!(failed.is_none(), "{failed:?}");
        if messages.iter().all(|one| one.ended_at.is_some()) {
            break;
        }
        begun += sender.begin_due().await.unwrap();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), sender.one_done()).await;
        assert!(ended.is_ok(), "{begun}: {messages:?}");
    }
    assert_eq!(quick.number(), MESSAGES);
    let held = || -> Vec<usize> { slow.iter().map(Receiver::number).collect() };
    // What was begun last has not been sent yet, and goes on only while the sender is asked.
    tokio::select! {
        // The last results may be in the database before their sender has noticed.
        () = sender.all_done() => panic!("they are held"),
        () = until("all are held", || held().iter().sum::<usize>() >= begun - MESSAGES) => {}
    }
    let held = held();
    assert!(held.iter().all(|held| (1..=8).contains(held)), "{held:?}");
    assert!(held.iter().sum::<usize>() <= 4 + 16, "{held:?}");
    assert_eq!(begun, MESSAGES + held.iter().sum::<usize>());
    slow.iter().for_each(Receiver::release);
    sender.all_done().await;
    app.send_webhooks().await;
    for receiver in &slow {
        assert_eq!(receiver.number(), MESSAGES);
    }
}

#[actix_web::test]
async fn a_sender_that_dies_between_sending_and_reporting_sends_one_message_more() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    receiver.then([Answer::Hold]);
    register(&app, names(1)).await;
    let mut sender = app.webhook_sender();
    sender.begin_due().await.unwrap();
    tokio::select! {
        () = sender.one_done() => panic!("it is held"),
        () = until_received(&receiver, 1) => {}
    }
    drop(sender);
    receiver.release();
    app.clock.advance(LEASE - 1);
    assert_eq!(app.send_webhooks().await, 0);
    app.clock.advance(1);
    assert_eq!(app.send_webhooks().await, 1);
    let had = ids(&receiver.had());
    assert_eq!((had.len(), &had[0]), (2, &had[1]), "the same message under the same id");
    assert_eq!(
        only(&app, webhook.id).await,
        (DeliveryState::Delivered, 2, Some(204), None)
    );
}

#[actix_web::test]
async fn a_test_message_goes_to_its_endpoint_alone() {
    let app = TestApp::new().await;
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let (webhook, secret) = app.webhook(endpoint(&receiver, CREATED)).await;
    app.webhook(endpoint(&other, &[])).await;
    let written = app.test_webhook(webhook.id).await;
    app.send_webhooks().await;
    let had = receiver.had();
    assert_eq!((had.len(), other.number()), (1, 0));
    assert!(had[0].is_signed_by(&secret));
    assert_eq!(had[0].id(), written.named.event_id.uuid().to_string());
    let expected = json!({"type": "operator"});
    assert_eq!(
        (had[0].text("/type"), &had[0].json()["data"]["actor"]),
        ("webhook.test".to_owned(), &expected)
    );
    assert_eq!(only(&app, webhook.id).await.0, DeliveryState::Delivered);
}

#[actix_web::test]
async fn an_endpoint_for_security_event_tokens_is_told_what_these_can_tell() {
    let app = TestApp::new().await;
    let receiver = Receiver::answering(Answer::Status(202));
    let described = WebhookDescription {
        format: Some("caep".to_owned()),
        ..endpoint(&receiver, &[])
    };
    let (webhook, secret) = app.webhook(described).await;
    Person::sign_up(&app, "jo@example.com").await;
    app.send_webhooks().await;
    app.test_webhook(webhook.id).await;
    app.send_webhooks().await;
    let had = receiver.had();
    let mut types = Vec::new();
    for message in &had {
        assert_eq!(message.header("content-type"), "application/secevent+jwt");
        assert!(message.is_signed_by(&secret));
        let told = claims(message.body());
        assert_eq!(
            (told["jti"].as_str(), told["aud"].as_str()),
            (Some(message.id()), Some(webhook.url.as_str()))
        );
        types.extend(
            told["events"]
                .as_object()
                .unwrap()
                .keys()
                .map(|name| name.rsplit('/').next().unwrap().to_owned()),
        );
    }
    types.sort();
    // There is no type for an account that was made.
    assert_eq!(types, ["credential-change", "session-established", "verification"]);
    let told = claims(had.last().unwrap().body());
    assert_eq!(told["sub_id"], json!({"format": "opaque", "id": webhook.id.uuid()}));
    assert!(
        app.deliveries(webhook.id)
            .await
            .iter()
            .all(|one| one.state == DeliveryState::Delivered)
    );
}

#[actix_web::test]
async fn a_replay_sends_what_the_endpoint_asks_for_since_a_time_and_doubles_nothing() {
    let app = TestApp::new().await;
    let early = register(&app, names(3)).await;
    app.clock.advance(60);
    let since = app.now();
    let late = register(&app, ["late".to_owned()]).await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    assert_eq!(app.replay(webhook.id, since).await, 1);
    assert_eq!(app.replay(webhook.id, since).await, 0, "it is pending");
    app.send_webhooks().await;
    let told = receiver.had();
    assert_eq!((told.len(), told[0].text("/data/user_id")), (1, late[0].clone()));
    assert_eq!(app.replay(webhook.id, since - TimeDelta::hours(1)).await, 4);
    app.send_webhooks().await;
    let again = receiver.had();
    let users: BTreeSet<String> = again.iter().map(|message| message.text("/data/user_id")).collect();
    assert_eq!(users, early.into_iter().chain(late).collect());
    assert!(ids(&again).contains(&told[0].id().to_owned()), "a message keeps its id");
}

#[actix_web::test]
async fn a_replay_reads_the_trail_batch_by_batch() {
    const EVENTS: usize = 1203;
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    let began = app.now();
    let lines: Vec<Value> = (0..EVENTS)
        .map(|number| json!({"email": format!("user{number}@example.com"), "email_verified": true}))
        .collect();
    let batches: Vec<&[Value]> = lines.chunks(100).collect();
    app.import_batches(&batches, false).await;
    app.database
        .connect()
        .batch_execute("DELETE FROM webhook_deliveries")
        .unwrap();
    assert_eq!(app.replay(webhook.id, began).await, EVENTS);
    assert_eq!(app.replay(webhook.id, began).await, 0);
}
