//! Old rows go, and nothing that is still of use.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, log_in};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn counts(app: &TestApp) -> [i64; 6] {
    [
        "sessions",
        "link_tokens",
        "outbox",
        "quotas",
        "throttles",
        "audit_events",
    ]
    .map(|table| {
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
    let [sessions, links, messages, quotas, throttles, events] = counts(&app);
    assert!(
        [sessions, links, messages, quotas, throttles, events]
            .iter()
            .all(|count| *count > 0)
    );
    app.sweep().await;
    assert_eq!(counts(&app), [sessions, links, messages, quotas, throttles, events]);
    let day = 86_400;
    for (days, left) in [
        (1, [sessions, links, messages, 0, throttles, events]),
        (1, [sessions, links, messages, 0, 0, events]),
        (1, [sessions, 0, messages, 0, 0, events]),
        (28, [sessions, 0, 0, 0, 0, events]),
        (89, [sessions, 0, 0, 0, 0, events]),
        (1, [0, 0, 0, 0, 0, events]),
        (279, [0, 0, 0, 0, 0, events]),
        (1, [0, 0, 0, 0, 0, 0]),
    ] {
        app.clock.advance(days * day);
        app.sweep().await;
        assert_eq!(counts(&app), left, "{days} days later");
    }
    // The account is as it was.
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}
