//! Messages to endpoints while something else happens: other instances that send, rotations, replays.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use vestibule::domain::webhook::DeliveryState;

use crate::support::app::TestApp;
use crate::support::endpoints::{Answer, Receiver, endpoint, register, until_received};

const CREATED: &[&str] = &["user.created"];

fn names(number: usize) -> impl Iterator<Item = String> {
    (0..number).map(|number| format!("user{number}"))
}

#[actix_web::test]
async fn several_instances_at_once_send_each_message_once() {
    const MESSAGES: usize = 60;
    let app = TestApp::new().await;
    let receivers = [Receiver::start(), Receiver::start()];
    for receiver in &receivers {
        app.webhook(endpoint(receiver, CREATED)).await;
    }
    register(&app, names(MESSAGES)).await;
    let mut instances = vec![app.sibling(&[]).await, app.sibling(&[]).await];
    instances.push(app);
    join_all(instances.iter().map(TestApp::send_webhooks)).await;
    for receiver in &receivers {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for message in receiver.had() {
            *times.entry(message.id().to_owned()).or_default() += 1;
        }
        assert_eq!(times.len(), MESSAGES);
        assert!(times.values().all(|times| *times == 1), "{times:?}");
    }
}

#[actix_web::test]
async fn an_endpoint_is_told_of_events_on_every_instance_from_its_creation_on() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    // Both instances have worked, so whatever they could remember they do.
    register(&app, ["jo.one".to_owned()]).await;
    register(&sibling, ["jo.two".to_owned()]).await;
    let receiver = Receiver::start();
    app.webhook(endpoint(&receiver, CREATED)).await;
    let mut created = register(&sibling, ["kim.one".to_owned()]).await;
    created.extend(register(&app, ["kim.two".to_owned()]).await);
    app.send_webhooks().await;
    let mut told: Vec<String> = receiver
        .had()
        .iter()
        .map(|message| message.text("/data/user_id"))
        .collect();
    told.sort();
    created.sort();
    assert_eq!(told, created);
}

#[actix_web::test]
async fn a_report_that_comes_after_another_instance_took_the_message_counts_for_nothing() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    let sibling = app.sibling(&[]).await;
    receiver.then([Answer::Hold, Answer::Status(500)]);
    register(&app, names(1)).await;
    let mut slow = app.webhook_sender();
    slow.begin_due().await.unwrap();
    let meanwhile = async {
        until_received(&receiver, 1).await;
        app.clock.advance(60);
        assert_eq!(sibling.send_webhooks().await, 1);
        let delivery = app.deliveries(webhook.id).await.remove(0);
        receiver.release();
        delivery.next_try_at
    };
    let (next_try_at, ()) = join(meanwhile, slow.all_done()).await;
    let delivery = app.deliveries(webhook.id).await.remove(0);
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 2));
    assert_eq!((delivery.last_status, delivery.next_try_at), (Some(500), next_try_at));
}

#[actix_web::test]
async fn a_rotation_while_messages_are_sent_leaves_none_that_a_receiver_refuses() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, old) = app.webhook(endpoint(&receiver, CREATED)).await;
    receiver.then([Answer::Hold]);
    register(&app, ["before".to_owned()]).await;
    let mut sender = app.webhook_sender();
    sender.begin_due().await.unwrap();
    let rotation = async {
        until_received(&receiver, 1).await;
        let new = app.rotate_webhook_secret(webhook.id).await;
        receiver.release();
        new
    };
    let (new, ()) = join(rotation, sender.all_done()).await;
    assert_ne!(old, new);
    register(&app, ["during".to_owned()]).await;
    app.clock.advance(24 * 3600 - 1);
    app.delete_expired().await;
    register(&app, ["at.last".to_owned()]).await;
    app.send_webhooks().await;
    app.clock.advance(1);
    register(&app, ["after".to_owned()]).await;
    app.send_webhooks().await;
    let had = receiver.had();
    let signed: Vec<(bool, bool)> = had
        .iter()
        .map(|one| (one.is_signed_by(&old), one.is_signed_by(&new)))
        .collect();
    assert_eq!(signed, [(true, false), (true, true), (true, true), (false, true)]);
    app.delete_expired().await;
    let forgotten = "SELECT 1 / (sealed_previous_secret IS NULL)::int FROM webhooks";
    diesel::connection::SimpleConnection::batch_execute(&mut app.database.connect(), forgotten).unwrap();
}

#[actix_web::test]
async fn a_replay_while_a_message_is_sent_doubles_nothing() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    let began = app.now();
    receiver.then([Answer::Hold]);
    register(&app, names(1)).await;
    let mut sender = app.webhook_sender();
    sender.begin_due().await.unwrap();
    let replay = async {
        until_received(&receiver, 1).await;
        assert_eq!(app.replay(webhook.id, began).await, 0);
        receiver.release();
    };
    join(replay, sender.all_done()).await;
    assert_eq!((app.send_webhooks().await, receiver.number()), (0, 1));
    // Many at once begin it again once.
    let replays = join_all((0..8).map(|_| app.replay(webhook.id, began))).await;
    assert_eq!(replays.iter().sum::<usize>(), 1, "{replays:?}");
    app.send_webhooks().await;
    assert_eq!(receiver.number(), 2);
}

#[actix_web::test]
async fn an_endpoint_that_is_deleted_while_a_message_is_sent_leaves_nothing() {
    let app = TestApp::new().await;
    let receiver = Receiver::answering(Answer::Hold);
    let (webhook, _) = app.webhook(endpoint(&receiver, CREATED)).await;
    register(&app, names(3)).await;
    let mut sender = app.webhook_sender();
    sender.begin_due().await.unwrap();
    let deletion = async {
        until_received(&receiver, 3).await;
        app.delete_webhook(webhook.id).await;
        receiver.release();
    };
    join(deletion, sender.all_done()).await;
    assert_eq!(app.send_webhooks().await, 0);
    let none = "SELECT 1 / (count(*) = 0)::int FROM webhook_deliveries";
    diesel::connection::SimpleConnection::batch_execute(&mut app.database.connect(), none).unwrap();
}
