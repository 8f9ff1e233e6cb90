//! `GET /me`

use actix_web::http::header;
use actix_web::test::TestRequest;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::actors::Person;
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_caller_sees_their_account() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (&me["id"], &me["email"]),
        (&json!(signed_in.person.id), &json!("jo@example.com"))
    );
    let factors = json!({"totp": true, "email": false, "phone": false, "recovery_codes_remaining": 10});
    assert_eq!(me["two_factor"], factors);
}

#[actix_web::test]
async fn without_credentials_the_challenge_names_no_error() {
    let app = TestApp::new().await;
    for request in [
        TestRequest::get().uri("/me"),
        TestRequest::get()
            .uri("/me")
            .insert_header((header::AUTHORIZATION, "Basic eA==")),
        TestRequest::get().uri("/me?access_token=x"),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answer.expect_problem(401, "invalid_token");
    }
}

#[actix_web::test]
async fn a_token_ends_with_its_time_its_session_and_its_account() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    let statements = [
        (
            "UPDATE users SET status = 'disabled'",
            "UPDATE users SET status = 'active'",
        ),
        (
            "UPDATE sessions SET idle_expires_at = '2026-03-01T12:00:00Z'",
            "UPDATE sessions SET idle_expires_at = expires_at",
        ),
        (
            "UPDATE sessions SET state = 'ended', ended_at = '2026-03-01T12:00:00Z', end_reason = 'logout'",
            "UPDATE sessions SET state = 'active', ended_at = NULL, end_reason = NULL",
        ),
    ];
    for (end, undo) in statements {
        app.get_as("/me", token).await.expect(200);
        app.database.connect().batch_execute(end).unwrap();
        app.get_as("/me", token).await.expect_problem(401, "invalid_token");
        app.database.connect().batch_execute(undo).unwrap();
    }
    app.clock.advance(599);
    app.get_as("/me", token).await.expect(200);
    app.clock.advance(1);
    app.get_as("/me", token).await.expect_problem(401, "invalid_token");
}
