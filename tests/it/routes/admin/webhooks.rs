//! `GET /admin/webhooks` `POST /admin/webhooks` `GET /admin/webhooks/{id}` `PATCH /admin/webhooks/{id}` `DELETE /admin/webhooks/{id}` `POST /admin/webhooks/{id}/rotate-secret`

use actix_web::http::Method;
use serde_json::{Value, json};
use vestibule::domain::ids::WebhookId;

use super::{administrator, events, set_roles, sql};
use crate::support::actors::{Person, SignedIn, step_up};
use crate::support::app::TestApp;
use crate::support::endpoints::{Receiver, endpoint};
use crate::support::response::TestResponse;

/// An application with an administrator.
pub(super) struct Desk {
    pub(super) app: TestApp,
    pub(super) admin: SignedIn,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let app = TestApp::new().await;
        let admin = administrator(&app, "root@example.com").await;
        Self { app, admin }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: &Value) -> TestResponse {
        self.app.call_as(method, path, &self.admin.access_token, body).await
    }

    pub(super) async fn get(&self, path: &str) -> TestResponse {
        self.app.get_as(path, &self.admin.access_token).await
    }

    pub(super) async fn post(&self, path: &str) -> TestResponse {
        self.app.post_as(path, &self.admin.access_token).await
    }

    /// Creates an endpoint, and returns its path and its secret.
    pub(super) async fn create(&self, body: &Value) -> (String, String) {
        let made = self.call(Method::POST, "/admin/webhooks", body).await.expect(201);
        (format!("/admin/webhooks/{}", made.text("/id")), made.text("/secret"))
    }
}

#[actix_web::test]
async fn a_webhook_is_created_shown_changed_and_deleted() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url(), "events": ["user.deleted", "user.created"], "include_addresses": true});
    let made = desk
        .call(Method::POST, "/admin/webhooks", &body)
        .await
        .expect(201)
        .json();
    let path = format!("/admin/webhooks/{}", made["id"].as_str().unwrap());
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let mut shown = made;
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(shown["events"], json!(["user.created", "user.deleted"]));
    assert_eq!(
        (&shown["format"], &shown["state"]),
        (&json!("standard"), &json!("enabled"))
    );
    assert_eq!(desk.get(&path).await.expect(200).json(), shown);
    assert_eq!(
        desk.get("/admin/webhooks").await.expect(200).json(),
        json!({"items": [shown]})
    );

    let change = json!({"events": [], "state": "disabled"});
    let changed = desk.call(Method::PATCH, &path, &change).await.expect(200).json();
    shown["events"] = json!([]);
    shown["state"] = json!("disabled");
    assert_eq!(changed, shown);
    assert_eq!(
        desk.call(Method::PATCH, &path, &json!({})).await.expect(200).json(),
        shown
    );
    for event in ["webhook_created", "webhook_updated"] {
        let recorded = &events(&desk.app, &desk.admin, event).await[0];
        assert_eq!(recorded["actor_id"], json!(desk.admin.person.id), "{event}");
        assert_eq!(recorded["webhook_id"], shown["id"], "{event}");
    }
    desk.app
        .bare_as(Method::DELETE, &path, &desk.admin.access_token)
        .await
        .expect(204);
    let deleted = &events(&desk.app, &desk.admin, "webhook_deleted").await[0];
    assert_eq!(deleted["webhook_id"], shown["id"]);
    for gone in [path.as_str(), "/admin/webhooks/x"] {
        desk.get(gone).await.expect_problem(404, "not_found");
        desk.get(&format!("{gone}/deliveries"))
            .await
            .expect_problem(404, "not_found");
        desk.call(Method::PATCH, gone, &json!({}))
            .await
            .expect_problem(404, "not_found");
        for action in ["rotate-secret", "test"] {
            desk.post(&format!("{gone}/{action}"))
                .await
                .expect_problem(404, "not_found");
        }
        let replay = json!({"since": desk.app.now()});
        let answer = desk.call(Method::POST, &format!("{gone}/replay"), &replay).await;
        answer.expect_problem(404, "not_found");
        let answer = desk.app.bare_as(Method::DELETE, gone, &desk.admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn faults_are_told_by_member_and_create_nothing() {
    let desk = Desk::open().await;
    let (path, _) = desk
        .create(&json!({"url": "https://127.0.0.1/hooks", "format": "caep"}))
        .await;
    for (body, pointers) in [
        (
            json!({"url": "hooks.example.com", "format": "xml"}),
            &["/url", "/format"][..],
        ),
        (json!({"url": "https://jo:secret@hooks.example.com/"}), &["/url"]),
        (
            json!({"url": "https://127.0.0.1/hooks", "events": ["user.born"]}),
            &["/events"],
        ),
        (
            json!({"url": "https://127.0.0.1/hooks", "events": ["user.created"], "format": "caep"}),
            &["/events"],
        ),
    ] {
        let answer = desk.call(Method::POST, "/admin/webhooks", &body).await;
        let problem = answer.expect_problem(422, "validation_failed");
        let named: Vec<&Value> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["pointer"])
            .collect();
        assert_eq!(named, pointers, "{body}");
    }
    let answer = desk
        .call(
            Method::PATCH,
            &path,
            &json!({"state": "paused", "events": ["user.created"]}),
        )
        .await;
    assert_eq!(
        answer.expect_problem(422, "validation_failed")["errors"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for since in ["yesterday", "2100-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
        let answer = desk
            .call(Method::POST, &format!("{path}/replay"), &json!({"since": since}))
            .await;
        assert_eq!(
            answer.expect_problem(422, "validation_failed")["errors"][0]["pointer"],
            "/since"
        );
    }
    desk.get(&format!("{path}/deliveries?state=lost"))
        .await
        .expect_problem(422, "validation_failed");
    let listed = desk.get("/admin/webhooks").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn there_are_twenty_at_most_also_if_many_are_created_at_once() {
    let desk = Desk::open().await;
    let create = async |number: usize| {
        let body = json!({"url": format!("https://127.0.0.1/hooks/{number}")});
        desk.call(Method::POST, "/admin/webhooks", &body).await
    };
    let answers = futures_util::future::join_all((0..25).map(create)).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 20);
    create(25).await.expect_problem(409, "conflict");
    let listed = desk.get("/admin/webhooks").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 20);
}

#[actix_web::test]
async fn two_endpoints_have_two_urls_also_if_they_are_created_at_once() {
    let desk = Desk::open().await;
    let one = json!({"url": "https://127.0.0.1/hooks"});
    let same = json!({"url": "https://127.0.0.1:443/hooks"});
    let create = |body| desk.call(Method::POST, "/admin/webhooks", body);
    let answers = futures_util::future::join_all([&one, &same, &one, &same].map(create)).await;
    let created: Vec<&TestResponse> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(created.len(), 1);
    let path = format!("/admin/webhooks/{}", created[0].text("/id"));
    let refused = |answer: TestResponse| {
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/url");
    };
    refused(create(&same).await);
    let (other, _) = desk.create(&json!({"url": "https://127.0.0.1/other"})).await;
    refused(desk.call(Method::PATCH, &other, &one).await);
    // Its own is not taken.
    desk.call(Method::PATCH, &path, &same).await.expect(200);
    let listed = desk.get("/admin/webhooks").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_repeated_rotation_keeps_the_secret_that_the_receiver_has_and_its_end() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    let (path, known) = desk.create(&json!({"url": receiver.url()})).await;
    let id = WebhookId::parse(path.rsplit('/').next().unwrap()).unwrap();
    let rotate = async || desk.post(&format!("{path}/rotate-secret")).await.expect(200).json();
    let shown = async || desk.get(&path).await.expect(200).json()["previous_secret_expires_at"].clone();
    assert_eq!(shown().await, Value::Null);
    let lost = rotate().await;
    let end = shown().await;
    assert_eq!(lost["previous_secret_expires_at"], end);
    desk.app.clock.advance(300);
    let newest = rotate().await;
    assert_eq!((&newest["previous_secret_expires_at"], &shown().await), (&end, &end));
    let signed_by = async |secrets: [&str; 3]| {
        desk.app.test_webhook(id).await;
        desk.app.send_webhooks().await;
        let had = receiver.had();
        let tried = had.iter().rfind(|one| one.text("/type") == "webhook.test").unwrap();
        secrets.map(|secret| tried.is_signed_by(secret))
    };
    let text = |rotated: &Value| rotated["secret"].as_str().unwrap().to_owned();
    let secrets = [known.clone(), text(&lost), text(&newest)];
    assert_eq!(
        signed_by(secrets.each_ref().map(String::as_str)).await,
        [true, false, true]
    );
    // Its day ends as if there had been one rotation. Then the newest one is the one to keep.
    desk.app.clock.advance(24 * 3600 - 300);
    let last = desk.app.rotate_webhook_secret(id).await;
    let next_end = desk.app.find_webhook(id).await.previous_secret_expires_at.unwrap();
    assert_eq!(next_end - desk.app.now(), chrono::TimeDelta::days(1));
    assert_eq!(signed_by([&known, &text(&newest), &last]).await, [false, true, true]);
}

#[actix_web::test]
async fn a_new_secret_is_shown_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::start();
    let (path, old) = desk.create(&json!({"url": receiver.url()})).await;
    let new = desk
        .post(&format!("{path}/rotate-secret"))
        .await
        .expect(200)
        .text("/secret");
    assert!(new.starts_with("whsec_") && new != old);
    desk.post(&format!("{path}/test")).await.expect(202);
    desk.app.send_webhooks().await;
    let had = receiver.had();
    let had = had
        .iter()
        .find(|message| message.text("/type") == "webhook.test")
        .unwrap();
    assert!(had.is_signed_by(&old) && had.is_signed_by(&new));
    assert_eq!(events(&desk.app, &desk.admin, "webhook_secret_rotated").await.len(), 1);
}

/// A stolen token has an old proof, or soon will: it must not leave a feed behind that outlives it.
#[actix_web::test]
async fn without_a_recent_proof_no_webhook_begins_or_is_led_elsewhere() {
    let mut desk = Desk::open().await;
    let [first, second, third] = [(); 3].map(|()| Receiver::start());
    let (path, secret) = desk
        .create(&json!({"url": first.url(), "events": ["user.created"]}))
        .await;
    desk.app.clock.advance(301);
    let shown = desk.get("/admin/webhooks").await.expect(200).json();
    let (replay, rotate) = (format!("{path}/replay"), format!("{path}/rotate-secret"));
    let year_ago = json!({"since": desk.app.now() - chrono::TimeDelta::days(300)});
    let changes = [
        json!({"url": second.url()}),
        json!({"include_addresses": true}),
        json!({"include_addresses": true, "state": "disabled"}),
        json!({"events": []}),
        json!({"state": "enabled"}),
    ];
    let create = (Method::POST, "/admin/webhooks", json!({"url": third.url()}));
    let mut calls = vec![
        create,
        (Method::POST, &replay, year_ago),
        (Method::POST, &rotate, json!({})),
    ];
    calls.extend(changes.into_iter().map(|change| (Method::PATCH, path.as_str(), change)));
    for (method, path, body) in &calls {
        let answer = desk.call(method.clone(), path, body).await;
        answer.expect_problem(401, "insufficient_user_authentication");
    }
    desk.app
        .bare_as(Method::DELETE, &path, &desk.admin.access_token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert_eq!(desk.get("/admin/webhooks").await.expect(200).json(), shown);
    assert_eq!(desk.app.send_webhooks().await, 0);

    // What stops a feed, or only looks at it, is not delayed.
    let disabled = json!({"state": "disabled"});
    desk.call(Method::PATCH, &path, &disabled).await.expect(200);

    let code = json!({"code": desk.admin.person.code(&desk.app)});
    let proved = step_up(&desk.app, &desk.admin.access_token, &code).await.expect(200);
    desk.admin.access_token = proved.text("/access_token");
    desk.call(Method::PATCH, &path, &json!({"state": "enabled"}))
        .await
        .expect(200);
    for (method, path, body) in &calls {
        let answer = desk.call(method.clone(), path, body).await;
        assert!(answer.status.is_success(), "{method} {path} {body}");
    }
    desk.app.send_webhooks().await;
    let told = second.had();
    assert!(
        told.iter().any(|message| message.is_signed_by(&secret)),
        "the replayed event, at the new URL"
    );
    for event in [
        "webhook_created",
        "webhook_updated",
        "webhook_secret_rotated",
        "webhook_replayed",
    ] {
        let recorded = &events(&desk.app, &desk.admin, event).await[0];
        assert_eq!(recorded["actor_id"], json!(desk.admin.person.id), "{event}");
    }
}

#[actix_web::test]
async fn administrators_are_mailed_what_leads_data_elsewhere_in_their_language() {
    let app = TestApp::new().await;
    for email in [
        "root@example.com",
        "ann@example.com",
        "gone@example.com",
        "jo@example.com",
    ] {
        Person::sign_up_verified(&app, email).await;
        set_roles(&app, email, "{admin}");
    }
    set_roles(&app, "jo@example.com", "{editor}");
    sql(&app, "UPDATE users SET locale = 'de' WHERE email = 'ann@example.com'");
    sql(
        &app,
        "UPDATE users SET status = 'disabled' WHERE email = 'gone@example.com'",
    );
    let unverified = administrator(&app, "new@example.com").await;
    app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
    let receiver = Receiver::start();
    let call = async |method, path: &str, body: Value| app.call_as(method, path, &unverified.access_token, &body).await;
    let made = call(Method::POST, "/admin/webhooks", json!({"url": receiver.url()})).await;
    let path = format!("/admin/webhooks/{}", made.expect(201).text("/id"));
    // Without consequences for what it tells, and where.
    for change in [
        json!({"events": ["user.created"]}),
        json!({"state": "disabled"}),
        json!({"state": "enabled"}),
    ] {
        call(Method::PATCH, &path, change).await.expect(200);
    }
    call(Method::PATCH, &path, json!({"include_addresses": true}))
        .await
        .expect(200);
    call(Method::PATCH, &path, json!({"include_addresses": true}))
        .await
        .expect(200);
    let elsewhere = json!({"url": "https://127.0.0.1:1234/a-secret-path"});
    call(Method::PATCH, &path, elsewhere).await.expect(200);
    app.post_as(&format!("{path}/rotate-secret"), &unverified.access_token)
        .await
        .expect(200);

    for email in ["root@example.com", "ann@example.com"] {
        let kinds = [
            "webhook_addresses_included",
            "webhook_created",
            "webhook_secret_rotated",
            "webhook_url_changed",
        ];
        assert_eq!(app.notification_kinds(email).await, kinds);
    }
    for email in ["gone@example.com", "jo@example.com", "new@example.com"] {
        assert_eq!(app.notification_kinds(email).await, Vec::<String>::new());
    }
    for (email, words) in [
        ("root@example.com", "the URL of a webhook"),
        ("ann@example.com", "die URL eines Webhooks"),
    ] {
        let mail = app.notification(email, "webhook_url_changed").await;
        let text = mail["text"].as_str().unwrap();
        for part in [words, "new@example.com", "https://127.0.0.1:1234"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!mail.to_string().contains("a-secret-path"));
    }
}

#[actix_web::test]
async fn the_twenty_oldest_administrators_are_mailed() {
    let app = TestApp::new().await;
    let address = |number: usize| format!("admin{number:02}@example.com");
    for number in 0..22 {
        let line = json!({"email": address(number), "email_verified": true});
        app.import(&line).await;
        app.clock.advance(1);
    }
    sql(&app, "UPDATE users SET roles = '{editor,admin}'");
    app.webhook(endpoint(&Receiver::start(), &[])).await;
    for number in 0..22 {
        let told = app.notification_kinds(&address(number)).await;
        assert_eq!(told.len(), usize::from(number < 20), "{number}");
    }
    let mail = app.notification(&address(0), "webhook_created").await;
    assert!(mail["text"].as_str().unwrap().contains("command line"), "{mail}");
}

/// The owner of an account is the first to know that another person used it, however young the account is.
#[actix_web::test]
async fn the_author_is_mailed_beside_twenty_older_administrators() {
    let app = TestApp::new().await;
    for number in 0..20 {
        let line = json!({"email": format!("admin{number:02}@example.com"), "email_verified": true});
        app.import(&line).await;
    }
    app.clock.advance(1);
    let mut root = Person::sign_up_verified(&app, "root@example.com").await;
    set_roles(&app, "root@example.com", "{admin}");
    sql(&app, "UPDATE users SET roles = '{admin}'");
    root.refresh(&app).await;
    for (url, addresses) in [("https://127.0.0.1/hooks", true), ("https://127.0.0.1/others", false)] {
        app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
        let body = json!({"url": url, "include_addresses": addresses});
        let made = app
            .call_as(Method::POST, "/admin/webhooks", &root.access_token, &body)
            .await;
        made.expect(201);
        let mail = app.notification("root@example.com", "webhook_created").await;
        let text = mail["text"].as_str().unwrap();
        assert!(text.contains("With the account root@example.com"), "{text}");
        assert_eq!(
            text.contains("with the addresses and the user names"),
            addresses,
            "{text}"
        );
        assert_eq!(app.notification_kinds("admin19@example.com").await.len(), 1);
    }
}

/// Merged notices show the last of them only: an attacker must not hide a destination among others.
#[actix_web::test]
async fn every_destination_is_in_a_mail() {
    let desk = Desk::open().await;
    sql(&desk.app, "UPDATE users SET email_verified_at = created_at");
    desk.app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
    let site = |number: usize| format!("https://127.0.0.1:{}", 2000 + number);
    for number in 0..3 {
        desk.create(&json!({"url": site(number)})).await;
    }
    let (path, _) = desk.create(&json!({"url": site(3)})).await;
    for number in 4..7 {
        let body = json!({"url": site(number)});
        desk.call(Method::PATCH, &path, &body).await.expect(200);
    }
    desk.app
        .bare_as(Method::DELETE, &path, &desk.admin.access_token)
        .await
        .expect(204);
    let mails = json!(desk.app.notifications("root@example.com").await).to_string();
    for number in 0..7 {
        assert!(mails.contains(&site(number)), "{number}: {mails}");
    }
    let mail = desk.app.notification("root@example.com", "webhook_deleted").await;
    assert!(mail["text"].as_str().unwrap().contains(&site(6)), "{mail}");

    // So many mails have a bound, beyond which nothing is changed in silence.
    let mut taken = 7;
    let refused = loop {
        let url = format!("https://127.0.0.1:{}", 3000 + taken);
        let made = desk.call(Method::POST, "/admin/webhooks", &json!({"url": url})).await;
        if made.status != 201 {
            break made;
        }
        let path = format!("/admin/webhooks/{}", made.text("/id"));
        desk.app
            .bare_as(Method::DELETE, &path, &desk.admin.access_token)
            .await
            .expect(204);
        taken += 1;
    };
    refused.expect_problem(429, "rate_limited");
    assert_eq!(taken, 60);
}
