//! Webhooks: where an administrator, or the name server of an attacker, could lead the service.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use actix_web::http::Method;
use serde_json::json;
use vestibule::outbound::Network;

use crate::routes::admin::administrator;
use crate::support::app::TestApp;
use crate::support::endpoints::{Receiver, endpoint, register};

/// A network whose names lead where a test says, and which notes what is connected to.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<Vec<IpAddr>>,
    connected: Mutex<Vec<IpAddr>>,
}

impl Names {
    fn lead_to(&self, addresses: &[&str]) {
        *self.answers.lock().unwrap() = addresses.iter().map(|address| address.parse().unwrap()).collect();
    }
}

impl Network for Names {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let literal = host.parse().ok().map(|address| vec![address]);
        let found = literal.unwrap_or_else(|| self.answers.lock().unwrap().clone());
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    fn destination(&self, address: SocketAddr) -> SocketAddr {
        self.connected.lock().unwrap().push(address.ip());
        // Nothing listens there.
        SocketAddr::new([127, 0, 0, 1].into(), 9)
    }
}

const PUBLIC: &str = "198.41.0.4";

#[actix_web::test]
async fn a_url_that_is_not_on_the_public_internet_is_refused_when_it_is_given() {
    let names = Arc::new(Names::default());
    let app = TestApp::telling(&[], names.clone()).await;
    let admin = administrator(&app, "root@example.com").await;
    for (host, addresses) in [
        ("127.0.0.1", &[][..]),
        ("[::1]", &[]),
        ("10.0.0.1", &[]),
        ("169.254.169.254", &[]),
        ("[::ffff:10.0.0.1]", &[]),
        ("2130706433", &[]),
        ("hooks.example.com", &["10.0.0.1"]),
        ("hooks.example.com", &[PUBLIC, "127.0.0.1"]),
    ] {
        names.lead_to(addresses);
        for scheme in ["https", "http"] {
            let body = json!({"url": format!("{scheme}://{host}/hooks")});
            let answer = app
                .call_as(Method::POST, "/admin/webhooks", &admin.access_token, &body)
                .await;
            let problem = answer.expect_problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/url", "{host}");
        }
    }
    // Without TLS, public addresses are refused too.
    names.lead_to(&[PUBLIC]);
    let plain = json!({"url": "http://hooks.example.com/"});
    let answer = app
        .call_as(Method::POST, "/admin/webhooks", &admin.access_token, &plain)
        .await;
    answer.expect_problem(422, "validation_failed");
    let good = json!({"url": "https://hooks.example.com/"});
    let made = app
        .call_as(Method::POST, "/admin/webhooks", &admin.access_token, &good)
        .await;
    let path = format!("/admin/webhooks/{}", made.expect(201).text("/id"));
    let change = json!({"url": "https://192.168.0.1/"});
    let answer = app.call_as(Method::PATCH, &path, &admin.access_token, &change).await;
    answer.expect_problem(422, "validation_failed");
    assert!(names.connected.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_name_that_leads_elsewhere_later_is_not_connected_to() {
    let names = Arc::new(Names::default());
    names.lead_to(&[PUBLIC]);
    let app = TestApp::telling(&[], names.clone()).await;
    let described = vestibule::domain::webhook::WebhookDescription {
        url: "https://hooks.example.com/".to_owned(),
        ..Default::default()
    };
    let (webhook, _) = app.webhook(described).await;
    register(&app, ["jo.doe".to_owned()]).await;
    names.lead_to(&["169.254.169.254"]);
    app.send_webhooks().await;
    let delivery = app.deliveries(webhook.id).await.remove(0);
    let error = delivery.last_error.unwrap();
    assert!(error.contains("not on the public internet"), "{error}");
    assert!(names.connected.lock().unwrap().is_empty());
    names.lead_to(&[PUBLIC]);
    app.clock.advance(60);
    app.send_webhooks().await;
    assert_eq!(*names.connected.lock().unwrap(), [PUBLIC.parse::<IpAddr>().unwrap()]);
}

#[actix_web::test]
async fn what_is_stored_for_an_endpoint_tells_no_secret_and_nothing_about_users() {
    let app = TestApp::new().await;
    let receiver = Receiver::start();
    let (webhook, secret) = app.webhook(endpoint(&receiver, &[])).await;
    app.rotate_webhook_secret(webhook.id).await;
    crate::support::actors::Person::sign_up(&app, "jo@example.com").await;
    let mut everything = String::new();
    for table in ["webhooks", "webhook_deliveries"] {
        everything.push_str(&crate::security::at_rest::dump(&app, table));
    }
    for hidden in [secret.trim_start_matches("whsec_"), "jo@example.com", "203.0.113"] {
        assert!(!everything.contains(hidden), "{hidden}");
    }
    // A sealed secret opens in its own row only.
    let second = Receiver::start();
    let (other, _) = app.webhook(endpoint(&second, &[])).await;
    let moved =
        "UPDATE webhooks SET sealed_secret = (SELECT o.sealed_secret FROM webhooks o WHERE o.id <> webhooks.id)";
    crate::routes::admin::sql(&app, moved);
    app.send_webhooks().await;
    register(&app, ["kim".to_owned()]).await;
    let before = receiver.had().len();
    app.send_webhooks().await;
    assert_eq!((before, receiver.number(), second.number()), (0, 0, 0));
    let error = app.deliveries(other.id).await.remove(0).last_error.unwrap();
    assert!(error.contains("does not open"), "{error}");
}
