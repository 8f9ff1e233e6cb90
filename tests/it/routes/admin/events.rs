//! `GET /admin/events`

use serde_json::{Value, json};

use super::administrator;
use crate::support::actors::{Person, SignedIn, log_in};
use crate::support::app::TestApp;

async fn list(app: &TestApp, admin: &SignedIn, query: &str) -> Vec<Value> {
    let page = app
        .get_as(&format!("/admin/events?{query}"), &admin.access_token)
        .await
        .expect(200);
    page.json()["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn events_are_found_by_account_name_and_time() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    log_in(&app, "jo@example.com", "wrong").await.expect(401);
    app.clock.advance(60);
    let failed = log_in(&app, "jo@example.com", "wrong").await.expect(401);
    let request_id = failed.header("x-request-id").unwrap().to_owned();

    let of_jo = list(&app, &admin, &format!("user_id={}", jo.person.id)).await;
    assert!(of_jo.len() > 3 && of_jo.iter().all(|event| event["user_id"] == json!(jo.person.id)));
    let failures = list(&app, &admin, "event=authn_login_fail").await;
    assert_eq!(failures.len(), 2);
    let newest = &failures[0];
    assert_eq!(
        (&newest["request_id"], &newest["success"]),
        (&json!(request_id), &json!(false))
    );
    assert_eq!(
        (&newest["ip"], &newest["actor_id"]),
        (&json!("203.0.113.7"), &Value::Null)
    );
    // To the second, and from that second on.
    for (since, count) in [("12:00:00", 2), ("12:00:01", 1), ("12:01:00", 1), ("12:01:01", 0)] {
        let query = format!("event=authn_login_fail&since=2026-03-01T{since}Z");
        assert_eq!(list(&app, &admin, &query).await.len(), count, "{since}");
    }
    let both = format!("user_id={}&event=authn_login_fail", admin.person.id);
    assert_eq!(list(&app, &admin, &both).await, Vec::<Value>::new());
    assert_eq!(
        list(&app, &admin, "event=of_a_newer_release").await,
        Vec::<Value>::new()
    );
}

#[actix_web::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for number in 0..7 {
        app.clock.advance(1);
        log_in(&app, &format!("nobody{number}@example.com"), "wrong")
            .await
            .expect(401);
    }
    let all = list(&app, &admin, "event=authn_login_fail").await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let uri = format!("/admin/events?event=authn_login_fail&limit=3{cursor}");
        let page = app.get_as(&uri, &admin.access_token).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen), (7, all));
}

/// Reads on from a place to the end for now. Returns the ids, and the next place.
async fn follow(app: &TestApp, admin: &SignedIn, filter: &str, after: &str) -> (Vec<Value>, String) {
    let (mut seen, mut after) = (Vec::new(), after.to_owned());
    loop {
        let uri = format!("/admin/events?limit=3&after={after}{filter}");
        let page = app.get_as(&uri, &admin.access_token).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|event| event["id"].clone()));
        page["next_cursor"].as_str().unwrap().clone_into(&mut after);
        if items.len() < 3 {
            return (seen, after);
        }
    }
}

#[actix_web::test]
async fn a_reader_that_follows_sees_everything_once_and_oldest_first() {
    const FAILURES: &str = "&event=authn_login_fail";
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    for number in 0..12 {
        for name in 0..(number % 5) {
            log_in(&app, &format!("nobody{number}{name}@example.com"), "wrong")
                .await
                .expect(401);
        }
        let (more, next) = follow(&app, &admin, FAILURES, &after).await;
        seen.extend(more);
        after = next;
        app.clock.advance(number);
    }
    // What is younger than the clocks of instances may differ is not shown yet.
    log_in(&app, "last@example.com", "wrong").await.expect(401);
    app.clock.advance(10);
    let (more, next) = follow(&app, &admin, FAILURES, &after).await;
    seen.extend(more);
    let mut all: Vec<Value> = list(&app, &admin, "event=authn_login_fail&limit=100").await;
    all.reverse();
    let all: Vec<Value> = all.iter().map(|event| event["id"].clone()).collect();
    assert_eq!(seen, all[..all.len() - 1]);
    app.clock.advance(1);
    assert_eq!(follow(&app, &admin, FAILURES, &next).await.0, all[all.len() - 1..]);
    // From the beginning it is the same, also with an earlier time; and a place stays where it is while nothing comes.
    assert_eq!(follow(&app, &admin, FAILURES, "").await.0, all);
    let since = format!("{FAILURES}&since=2026-01-01T00:00:00Z");
    let (none, place) = follow(&app, &admin, &since, &follow(&app, &admin, &since, "").await.1).await;
    assert!(none.is_empty());
    assert_eq!(follow(&app, &admin, &since, &place).await, (Vec::new(), place));
}

#[actix_web::test]
async fn what_webhooks_are_told_is_named() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let started = list(&app, &admin, "event=session_created").await;
    assert_eq!(started[0]["type"], "session.started");
    log_in(&app, "nobody@example.com", "wrong").await.expect(401);
    let failed = list(&app, &admin, "event=authn_login_fail").await;
    assert_eq!(failed[0].get("type"), None);
}

#[actix_web::test]
async fn what_cannot_be_looked_for_is_told() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for (bad, pointer) in [
        ("user_id=x", "/user_id"),
        ("event=AUTHN", "/event"),
        ("event=", "/event"),
        ("event=a%00", "/event"),
        ("since=yesterday", "/since"),
        ("since=1900-01-01T00:00:00Z", "/since"),
        ("limit=101", "/limit"),
        ("after=x", "/after"),
        ("after=&cursor=AZorPE1ef2CKGyw9Tl9gcQ", "/after"),
        ("after=&limit=0", "/limit"),
        ("event=a&event=b", ""),
    ] {
        let answer = app.get_as(&format!("/admin/events?{bad}"), &admin.access_token).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{bad}");
    }
}
