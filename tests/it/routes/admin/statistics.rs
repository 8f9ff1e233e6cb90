//! `GET /admin/statistics`

use serde_json::{Value, json};
use vestibule::domain::policy::numbers::ADMINISTRATOR_STATISTICS;

use super::administrator;
use crate::support::actors::{Person, SignedIn, log_in};
use crate::support::app::TestApp;

async fn counted(app: &TestApp, admin: &SignedIn, query: &str) -> Vec<Value> {
    let uri = format!("/admin/statistics?{query}");
    let counted = app.get_as(&uri, &admin.access_token).await.expect(200).json();
    counted["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn what_happened_is_counted_in_its_hour_and_in_its_day() {
    let app = TestApp::new().await;
    let mut admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(3600);
    // Five wrong passwords, of which the last begins a wait, and a wrong code.
    for _ in 0..5 {
        log_in(&app, "jo@example.com", "wrong").await.expect(401);
    }
    log_in(&app, "jo@example.com", "wrong").await.expect(429);
    app.clock.advance(3600);
    jo.person.sign_in_again(&app).await;
    admin.refresh(&app).await;

    let hours = counted(&app, &admin, "steps=4").await;
    let hour = |since: &str, [registrations, sign_ins, failures, waits]: [u64; 4]| {
        json!({
            "since": format!("2026-03-01T{since}:00:00Z"), "registrations": registrations, "sign_ins": sign_ins,
            "failures": failures, "waits": waits,
        })
    };
    let expected = [
        hour("11", [0, 0, 0, 0]),
        hour("12", [2, 2, 0, 0]),
        hour("13", [0, 0, 5, 1]),
        hour("14", [0, 1, 0, 0]),
    ];
    assert_eq!(hours, expected);
    let days = counted(&app, &admin, "step=day&steps=2").await;
    assert_eq!(days[0]["since"], "2026-02-28T00:00:00Z");
    let today = json!({
        "since": "2026-03-01T00:00:00Z", "registrations": 2, "sign_ins": 3, "failures": 5, "waits": 1,
    });
    assert_eq!(days[1], today);
    assert_eq!(counted(&app, &admin, "").await.len(), 24);
    // What is older than the span is in no step.
    app.clock.advance(30 * 86_400);
    let token = admin.person.sign_in_again(&app).await;
    let later = app
        .get_as("/admin/statistics?step=day&steps=30", &token)
        .await
        .expect(200)
        .json();
    let sign_ins: u64 = later["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["sign_ins"].as_u64().unwrap())
        .sum();
    assert_eq!(sign_ins, 1);
}

#[actix_web::test]
async fn a_span_has_a_limit() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for (query, pointer) in [
        ("step=week", "/step"),
        ("steps=73", "/steps"),
        ("step=day&steps=31", "/steps"),
        ("steps=0", "/steps"),
        ("steps=-1", "/steps"),
        ("steps=many", "/steps"),
    ] {
        let answer = app
            .get_as(&format!("/admin/statistics?{query}"), &admin.access_token)
            .await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
    }
    for query in ["steps=72", "step=day&steps=30"] {
        counted(&app, &admin, query).await;
    }
}

#[actix_web::test]
async fn each_administrator_may_read_them_so_often() {
    let app = TestApp::serving().await;
    let admin = administrator(&app, "root@example.com").await;
    let other = administrator(&app, "other@example.com").await;
    let again = admin.person.sign_in_again(&app).await;
    let uri = "/admin/statistics?steps=1";
    for _ in 0..ADMINISTRATOR_STATISTICS.most {
        app.get_as(uri, &admin.access_token).await.expect(200);
    }
    let refused = app.get_as(uri, &admin.access_token).await;
    assert_eq!(refused.header("retry-after"), Some("3"));
    refused.expect_problem(429, "rate_limited");
    // Another session of the administrator does not help, and no other administrator waits.
    app.get_as(uri, &again).await.expect_problem(429, "rate_limited");
    app.get_as(uri, &other.access_token).await.expect(200);
    app.clock.advance(3);
    app.get_as(uri, &admin.access_token).await.expect(200);
}
