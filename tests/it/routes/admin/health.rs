//! `GET /admin/health`

use serde_json::json;

use super::{administrator, sql};
use crate::support::actors::Person;
use crate::support::app::TestApp;

#[actix_web::test]
async fn administrators_see_the_state_of_each_part_and_what_waits() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let seen = app
        .get_as("/admin/health", &admin.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
    for part in ["database", "migrations", "signing_key", "outbox"] {
        assert_eq!(seen["checks"][part]["status"], "ok", "{part}");
    }
    // A mail that verifies an address waits for its transport, which tests do not have.
    let none = json!({"pending": 0, "dead": 0});
    let one = json!({"pending": 1, "dead": 0});
    let queues = json!({"mails": one, "text_messages": none, "webhooks": none});
    assert_eq!(seen["queues"], queues);

    sql(&app, "UPDATE outbox SET state = 'dead', last_error = 'refused'");
    Person::sign_up(&app, "jo@example.com").await;
    let later = app
        .get_as("/admin/health", &admin.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(later["queues"]["mails"], json!({"pending": 1, "dead": 1}));
}
