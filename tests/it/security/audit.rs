//! What happened is written down in the transaction in which it happened, refusals included.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    success: bool,
    #[diesel(sql_type = Nullable<Text>)]
    ip: Option<String>,
}

#[actix_web::test]
async fn a_life_from_registration_to_sign_in_leaves_its_trail() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    log_in(&app, "jo@example.com", "wrong password").await.expect(401);
    let token = person.log_in(&app).await;
    verify(&app, &token, &person.wrong_code(&app)).await.expect(401);
    app.post(
        "/register",
        &serde_json::json!({"email": "jo@example.com", "password": PASSWORD}),
    )
    .await
    .expect(409);
    let events =
        diesel::sql_query("SELECT event AS name, success, host(ip) AS ip FROM audit_events ORDER BY occurred_at, id")
            .load::<Row>(&mut app.database.connect())
            .unwrap();
    let mut trail: Vec<(&str, bool)> = events
        .iter()
        .map(|event| (event.name.as_str(), event.success))
        .collect();
    // The clock stands still and ids are random within a millisecond, so only the set is known.
    trail.sort_unstable();
    assert_eq!(
        trail,
        [
            ("authn_login_fail", false),
            ("authn_login_success", true),
            ("authn_mfa_fail", false),
            ("authn_mfa_success", true),
            ("mfa_enrol_confirmed", true),
            ("mfa_enrol_started", true),
            ("recovery_codes_generated", true),
            ("session_created", true),
            ("user_created", true),
        ]
    );
    assert!(events.iter().all(|event| event.ip.as_deref() == Some("203.0.113.7")));
}
