//! What happened is written down in the transaction in which it happened, refusals included.

use actix_web::http::header;
use actix_web::test::TestRequest;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use vestibule::flows::signing_keys::Rotation;

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::{TestApp, service_client_id};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    success: bool,
    #[diesel(sql_type = Nullable<Text>)]
    ip: Option<String>,
}

#[derive(QueryableByName)]
struct OfClients {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    client: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Bool)]
    from_a_request: bool,
}

#[actix_web::test]
async fn what_operators_and_their_clients_do_names_them() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let credentials = app.service_client("api").await;
    let revoke = TestRequest::post()
        .uri("/token/revoke")
        .insert_header((header::AUTHORIZATION, credentials.clone()))
        .set_form([("token", &signed_in.access_token)]);
    app.send(revoke).await.expect(200);
    app.clock.advance(400);
    assert!(matches!(app.rotate_keys().await, Rotation::Rotated { .. }));
    app.clock.advance(90 * 24 * 3600);
    app.tend_keys().await;
    app.delete_service_client(&credentials).await;

    let events = diesel::sql_query(
        "SELECT event AS name, client_id::text AS client, reason, ip IS NOT NULL AS from_a_request FROM audit_events
         WHERE event ~ '^(service_client|signing_key|authn_token_revoked)' ORDER BY occurred_at, id",
    );
    let mut events = events.load::<OfClients>(&mut app.database.connect()).unwrap();
    // Of one moment, so that their order is not known.
    events[..2].sort_by_key(|event| std::cmp::Reverse(event.name.clone()));
    let id = service_client_id(&credentials);
    let id = Some(id.as_str());
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.name.as_str(), event.client.as_deref(), event.reason.as_deref()))
        .collect();
    let mut last = seen[3..].to_vec();
    last.sort_unstable();
    assert_eq!(
        [&seen[..3], &last].concat(),
        [
            ("service_client_created", id, None),
            ("authn_token_revoked", id, None),
            ("signing_key_rotated", None, Some("by_operator")),
            ("service_client_deleted", id, None),
            ("signing_key_rotated", None, Some("by_schedule")),
        ]
    );
    for event in &events {
        assert_eq!(event.from_a_request, event.name == "authn_token_revoked");
    }
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
