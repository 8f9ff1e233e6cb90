//! Old rows are deleted, and nothing that is still needed. The audit trail has its own tests.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, claims, log_in};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn counts(app: &TestApp) -> [i64; 5] {
    ["sessions", "link_tokens", "outbox", "quotas", "throttles"].map(|table| {
        let query = format!("SELECT count(*) AS count FROM {table}");
        diesel::sql_query(query)
            .get_result::<Count>(&mut app.database.connect())
            .unwrap()
            .count
    })
}

#[actix_web::test]
async fn each_kind_of_row_goes_after_its_time_and_not_before() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    log_in(&app, "jo@example.com", "another password").await.expect(401);
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let [sessions, links, messages, quotas, throttles] = counts(&app);
    assert!(
        [sessions, links, messages, quotas, throttles]
            .iter()
            .all(|count| *count > 0)
    );
    app.delete_expired().await;
    assert_eq!(counts(&app), [sessions, links, messages, quotas, throttles]);
    let day = 86_400;
    for (days, left) in [
        (1, [sessions, links, messages, 0, throttles]),
        (1, [sessions, links, messages, 0, 0]),
        (1, [sessions, 0, messages, 0, 0]),
        (28, [sessions, 0, 0, 0, 0]),
        (89, [sessions, 0, 0, 0, 0]),
        (1, [0, 0, 0, 0, 0]),
    ] {
        app.clock.advance(days * day);
        app.delete_expired().await;
        assert_eq!(counts(&app), left, "{days} days later");
    }
    // The account is unchanged.
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn a_name_that_has_rested_is_forgotten_and_not_before() {
    let app = TestApp::new().await;
    let token = Person::sign_up(&app, "jo@example.com").await.access_token;
    for name in ["jo.doe", "jo.new"] {
        app.call_as(Method::PATCH, "/me", &token, &json!({"username": name}))
            .await
            .expect(200);
    }
    let resting = || {
        diesel::sql_query("SELECT count(*) AS count FROM account_names WHERE reserved_until IS NOT NULL")
            .get_result::<Count>(&mut app.database.connect())
            .unwrap()
            .count
    };
    app.clock.advance(30 * 86_400 - 1);
    app.delete_expired().await;
    assert_eq!(resting(), 1);
    app.clock.advance(1);
    app.delete_expired().await;
    assert_eq!(resting(), 0);
}

#[actix_web::test]
async fn a_locked_row_is_left_for_the_next_run_and_the_others_go() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    Person::sign_up(&app, "kim@example.com").await;
    let [sessions, ..] = counts(&app);
    app.clock.advance(121 * 86_400);
    let mut other = app.database.connect();
    let lock = format!(
        "SELECT id FROM sessions WHERE id = '{}' FOR UPDATE",
        claims(&jo.access_token)["sid"].as_str().unwrap()
    );
    other.batch_execute(&format!("BEGIN; {lock}")).unwrap();
    app.delete_expired().await;
    assert_eq!((sessions, counts(&app)[0]), (3, 1));
    other.batch_execute("COMMIT").unwrap();
    app.delete_expired().await;
    assert_eq!(counts(&app)[0], 0);
}
