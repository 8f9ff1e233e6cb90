//! `GET /admin/keys` `POST /admin/keys/rotate`

use serde_json::{Value, json};

use super::{administrator, events};
use crate::support::app::TestApp;

fn states(keys: &Value) -> Vec<&str> {
    let items = keys["items"].as_array().unwrap();
    let mut states: Vec<&str> = items.iter().map(|key| key["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    states
}

fn kid<'a>(keys: &'a Value, state: &str) -> &'a Value {
    let mut items = keys["items"].as_array().unwrap().iter();
    &items.find(|key| key["state"] == state).unwrap()["kid"]
}

#[actix_web::test]
async fn keys_are_listed_and_rotated_once_verifiers_know_the_next_one() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let listed = app.get_as("/admin/keys", &admin.access_token).await.expect(200);
    assert!(!listed.json().to_string().contains("private"));
    assert_eq!(states(&listed.json()), ["current", "next"]);
    let next = kid(&listed.json(), "next").clone();

    let early = app.post_as("/admin/keys/rotate", &admin.access_token).await;
    let problem = early.expect_problem(409, "conflict");
    assert!(
        problem["detail"].as_str().unwrap().contains("2026-03-01T12:06:00"),
        "{problem}"
    );

    app.clock.advance(361);
    let rotated = app.post_as("/admin/keys/rotate", &admin.access_token).await.expect(200);
    assert_eq!(states(&rotated.json()), ["current", "next", "retired"]);
    assert_eq!(kid(&rotated.json(), "current"), &next);
    // No user is signed out.
    app.get_as("/me", &admin.access_token).await.expect(200);

    let done = &events(&app, &admin, "signing_key_rotated").await[0];
    assert_eq!(
        (&done["actor_id"], &done["reason"]),
        (&json!(admin.person.id), &json!("by_operator"))
    );
    let action = &events(&app, &admin, "authz_admin").await[0];
    assert_eq!(
        (&action["user_id"], &action["reason"]),
        (&Value::Null, &json!("key_rotated"))
    );
}
