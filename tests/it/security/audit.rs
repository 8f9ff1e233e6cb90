//! Every event is written in the transaction in which it happens, including refusals.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use serde_json::json;
use vestibule::flows::maintenance::signing_keys::KeyRotation;

use crate::support::actors::{PASSWORD, PHONE, Person, challenge, log_in, refresh, verify};
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
    assert!(matches!(app.rotate_keys().await, KeyRotation::Rotated { .. }));
    app.clock.advance(90 * 24 * 3600);
    app.tend_keys().await;
    app.delete_service_client(&credentials).await;

    let events = diesel::sql_query(
        "SELECT event AS name, client_id::text AS client, reason, ip IS NOT NULL AS from_a_request FROM audit_events
         WHERE event ~ '^(client_|signing_key|authn_token_revoked)' ORDER BY occurred_at, id",
    );
    let mut events = events.load::<OfClients>(&mut app.database.connect()).unwrap();
    // Both have the same time, so their order is not known.
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
            ("client_created", id, None),
            ("authn_token_revoked", id, Some("by_client")),
            ("signing_key_rotated", None, Some("by_operator")),
            ("client_deleted", id, None),
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
            ("authn_login_successafterfail", true),
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

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts events: `condition` is a condition on their rows.
fn count(app: &TestApp, condition: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS count FROM audit_events WHERE {condition}"));
    query.get_result::<Count>(&mut app.database.connect()).unwrap().count
}

/// A client may send refused requests as often as it likes.
const OFTEN: usize = 5;

#[actix_web::test]
async fn an_expired_session_is_recorded_once_however_often_it_is_used() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(7 * 86_400);
    for _ in 0..OFTEN {
        refresh(&app, &signed_in.refresh_token).await.expect(401);
    }
    assert_eq!(
        count(
            &app,
            "event = 'session_expired' AND user_id IS NOT NULL AND session_id IS NOT NULL"
        ),
        1
    );
    assert_eq!(count(&app, "event = 'authn_token_reuse'"), 0);
}

#[actix_web::test]
async fn a_wait_is_written_down_when_it_begins_and_guesses_by_the_name_they_were_for() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com", "nobody2@example.com"] {
        for _ in 0..5 + OFTEN {
            log_in(&app, email, "another password").await;
        }
    }
    assert_eq!(count(&app, "event = 'authn_login_lock' AND reason = 'from_network'"), 3);
    assert_eq!(count(&app, "event = 'authn_login_lock' AND user_id IS NULL"), 2);
    assert_eq!(count(&app, "event = 'authn_login_fail'"), 15);
    let names = "event = 'authn_login_fail' AND identifier_hash = (SELECT identifier_hash FROM audit_events
                 WHERE event = 'authn_login_lock' ORDER BY id DESC LIMIT 1)";
    assert_eq!(count(&app, names), 5);
    assert_eq!(count(&app, "identifier_hash IS NOT NULL AND route <> 'POST /login'"), 0);
}

#[actix_web::test]
async fn what_may_be_tried_at_will_is_written_down_once_an_hour() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    let mut token = mo.access_token.clone();
    let session = app.get_as("/sessions", &jo.access_token).await.expect(200).json()[0]["id"].clone();
    jo.set_up_phone(&app, PHONE).await;
    let path = format!("/sessions/{}", session.as_str().unwrap());
    for hour in 1..=2 {
        for _ in 0..OFTEN {
            app.bare_as(Method::DELETE, &path, &token).await.expect(404);
            let login = jo.person.log_in(&app).await;
            app.post_as("/2fa/totp", &login).await;
            challenge(&app, &login, "sms").await;
            challenge(&app, &login, "sms").await;
        }
        for (event, reason) in [
            ("malicious_direct_reference", "session"),
            ("sequence_fail", "enrolment"),
            ("otp_suppressed", "sms"),
        ] {
            let rows = format!("event = '{event}' AND reason = '{reason}' AND NOT success");
            assert_eq!(count(&app, &rows), hour, "{event}");
        }
        app.clock.advance(3600);
        token = mo.person.sign_in_again(&app).await;
    }
}

#[actix_web::test]
async fn of_many_requests_for_a_mail_twenty_an_hour_leave_a_row_whether_or_not_there_is_an_account() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    for email in ["jo@example.com", "nobody@example.com"] {
        for _ in 0..20 + OFTEN {
            app.post("/password/forgot", &json!({"email": email})).await.expect(202);
        }
    }
    assert_eq!(
        count(
            &app,
            "event = 'password_reset_requested' AND success AND user_id IS NOT NULL"
        ),
        20
    );
    assert_eq!(
        count(
            &app,
            "event = 'password_reset_requested' AND NOT success AND user_id IS NULL"
        ),
        20
    );
}

#[actix_web::test]
async fn a_secret_that_does_not_open_is_written_down_although_the_request_fails() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let login = jo.person.log_in(&app).await;
    let spoil =
        "UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 20, 255 - get_byte(sealed_secret, 20))";
    app.database.connect().batch_execute(spoil).unwrap();
    let code = json!({"code": jo.person.code(&app)});
    for _ in 0..OFTEN {
        verify(&app, &login, &jo.person.code(&app))
            .await
            .expect_problem(500, "internal_error");
        app.call_as(Method::POST, "/step-up", &jo.access_token, &code)
            .await
            .expect(500);
    }
    // One for each of two sessions.
    assert_eq!(
        count(
            &app,
            "event = 'crypto_decrypt_fail' AND NOT success AND session_id IS NOT NULL"
        ),
        2
    );
}
