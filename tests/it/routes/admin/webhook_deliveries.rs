//! `GET /admin/webhooks/{id}/deliveries` `POST /admin/webhooks/{id}/test` `POST /admin/webhooks/{id}/replay`

use actix_web::http::Method;
use serde_json::{Value, json};
use vestibule::domain::ids::WebhookId;
use vestibule::domain::webhook::DeliveryState;

use super::events;
use super::webhooks::Desk;
use crate::support::endpoints::{Answer, Receiver, register};

#[actix_web::test]
async fn the_log_says_what_became_of_each_message_page_by_page() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    let (path, _) = desk
        .create(&json!({"url": receiver.url(), "events": ["user.created"]}))
        .await;
    let log = format!("{path}/deliveries");
    assert_eq!(
        desk.get(&log).await.expect(200).json(),
        json!({"items": [], "next_cursor": null})
    );
    for name in ["jo.one", "jo.two", "jo.three"] {
        desk.app.clock.advance(1);
        register(&desk.app, [name.to_owned()]).await;
    }
    receiver.then([Answer::Status(500)]);
    let mut sender = desk.app.webhook_sender();
    sender.begin_due().await.unwrap();
    sender.all_done().await;
    let all = desk.get(&log).await.expect(200).json();
    let items = all["items"].as_array().unwrap();
    assert_eq!((items.len(), &all["next_cursor"]), (3, &Value::Null));
    assert!(
        items
            .iter()
            .all(|item| item["type"] == "user.created" && item["attempts"] == 1)
    );
    let times: Vec<&str> = items.iter().map(|item| item["occurred_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one > next), "newest first: {times:?}");
    let pending = desk.get(&format!("{log}?state=pending")).await.expect(200).json();
    let delivered = desk.get(&format!("{log}?state=delivered")).await.expect(200).json();
    assert_eq!(pending["items"].as_array().unwrap().len(), 1);
    let failed = &pending["items"][0];
    assert_eq!(
        (&failed["last_status"], &failed["last_error"]),
        (&json!(500), &json!("it answered 500"))
    );
    assert!(failed["next_try_at"].is_string() && failed["ended_at"].is_null());
    let taken = &delivered["items"][0];
    assert_eq!(
        (&taken["last_status"], &taken["last_error"]),
        (&json!(204), &Value::Null)
    );
    assert!(taken["next_try_at"].is_null() && taken["ended_at"].is_string());
    let first = desk.get(&format!("{log}?limit=2")).await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = desk
        .get(&format!("{log}?limit=2&cursor={cursor}"))
        .await
        .expect(200)
        .json();
    let paged: Vec<Value> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap().clone())
        .collect();
    assert_eq!(&paged, items);
    // Delivered messages go after three days.
    desk.app.clock.advance(3 * 86_400 + 1);
    desk.app.delete_expired().await;
    let id = path.rsplit('/').next().and_then(WebhookId::parse).unwrap();
    let left: Vec<DeliveryState> = desk.app.deliveries(id).await.iter().map(|one| one.state).collect();
    assert_eq!(left, [DeliveryState::Pending]);
}

#[actix_web::test]
async fn a_test_message_is_sent_and_its_result_is_in_the_log() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    let (path, secret) = desk
        .create(&json!({"url": receiver.url(), "events": ["user.deleted"]}))
        .await;
    let written = desk.post(&format!("{path}/test")).await.expect(202).json();
    assert_eq!(
        (&written["type"], &written["state"]),
        (&json!("webhook.test"), &json!("pending"))
    );
    desk.app.send_webhooks().await;
    let had = receiver.had();
    assert!(had[0].is_signed_by(&secret));
    let actor = json!({"type": "administrator", "id": desk.admin.person.id});
    assert_eq!(had[0].json()["data"]["actor"], actor);
    let log = desk.get(&format!("{path}/deliveries")).await.expect(200).json();
    assert_eq!(
        (&log["items"][0]["id"], &log["items"][0]["state"]),
        (&written["id"], &json!("delivered"))
    );
    assert_eq!(events(&desk.app, &desk.admin, "webhook_tested").await.len(), 1);
    desk.call(Method::PATCH, &path, &json!({"state": "disabled"}))
        .await
        .expect(200);
    desk.post(&format!("{path}/test")).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn events_are_sent_again_on_request() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    // The administrator was created before.
    desk.app.clock.advance(1);
    let since = desk.app.now();
    register(&desk.app, ["jo.one".to_owned(), "jo.two".to_owned()]).await;
    let (path, _) = desk
        .create(&json!({"url": receiver.url(), "events": ["user.created"]}))
        .await;
    let replay = format!("{path}/replay");
    let body = json!({"since": since});
    let begun = desk.call(Method::POST, &replay, &body).await.expect(202).json();
    assert_eq!(begun, json!({"replayed": 2, "continue_since": null}));
    desk.app.send_webhooks().await;
    assert_eq!(receiver.number(), 2);
    let recorded = &events(&desk.app, &desk.admin, "webhook_replayed").await[0];
    assert_eq!(recorded["actor_id"], json!(desk.admin.person.id));
    desk.call(Method::PATCH, &path, &json!({"state": "disabled"}))
        .await
        .expect(200);
    desk.call(Method::POST, &replay, &body)
        .await
        .expect_problem(409, "conflict");
}
