//! `POST /email/verify` `POST /email/verify/request` `POST /email/change`

use actix_web::http::Method;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

async fn prove(app: &TestApp, token: &str) -> TestResponse {
    app.post("/email/verify", &json!({"token": token})).await
}

async fn change(app: &TestApp, token: &str, email: &str) -> TestResponse {
    app.call_as(Method::POST, "/email/change", token, &json!({"email": email}))
        .await
}

#[actix_web::test]
async fn the_mail_of_the_registration_proves_the_address_once_within_a_day() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email_verified"], false);
    let token = app.mailed_token("jo@example.com", "email_verification").await;
    prove(&app, &token).await.expect(204);
    prove(&app, &token).await.expect_problem(400, "invalid_link_token");
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email_verified"], true);

    Person::register(&app, "mo@example.com").await;
    let late = app.mailed_token("mo@example.com", "email_verification").await;
    app.clock.advance(86_400);
    prove(&app, &late).await.expect_problem(400, "invalid_link_token");
    app.post("/email/verify/request", &json!({"email": "mo@example.com"}))
        .await
        .expect(202);
    app.verify_email("mo@example.com").await;
}

#[actix_web::test]
async fn the_mail_is_sent_anew_to_whoever_asks_for_their_own_address() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let older = app.mailed_token("jo@example.com", "email_verification").await;
    app.clock.advance(1);
    app.post_as("/email/verify/request", &signed_in.access_token)
        .await
        .expect(202);
    prove(&app, &older).await.expect_problem(400, "invalid_link_token");
    app.verify_email("jo@example.com").await;
    // Nothing is left to prove.
    let before = app.letters("jo@example.com").await.len();
    app.post_as("/email/verify/request", &signed_in.access_token)
        .await
        .expect(202);
    assert_eq!(app.letters("jo@example.com").await.len(), before);
    app.post("/email/verify/request", &json!({}))
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn an_address_changes_on_proof_and_both_are_told() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    change(&app, &signed_in.access_token, "Jo@Example.ORG")
        .await
        .expect(202);
    app.letter("jo@example.com", "email_change_requested").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email"], "jo@example.com", "not before it is proven");
    app.verify_email("jo@example.org").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (&me["email"], &me["email_verified"]),
        (&json!("jo@example.org"), &json!(true))
    );
    app.letter("jo@example.com", "email_changed").await;
    log_in(&app, "jo@example.com", PASSWORD).await.expect(401);
    log_in(&app, "jo@example.org", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn an_address_that_another_account_has_is_refused_also_at_the_last_moment() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    Person::register(&app, "mo@example.com").await;
    change(&app, &signed_in.access_token, "mo@example.com")
        .await
        .expect_problem(409, "email_taken");
    change(&app, &signed_in.access_token, "ann@example.com")
        .await
        .expect(202);
    let token = app.mailed_token("ann@example.com", "email_verification").await;
    Person::register(&app, "ann@example.com").await;
    prove(&app, &token).await.expect_problem(400, "invalid_link_token");
    for text in ["", "jo", "jö@example.com"] {
        change(&app, &signed_in.access_token, text)
            .await
            .expect_problem(422, "validation_failed");
    }
}

#[actix_web::test]
async fn two_who_want_the_same_address_at_once_get_it_once() {
    let app = TestApp::new().await;
    let mut tokens = Vec::new();
    for number in 0..5 {
        let signed_in = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        change(&app, &signed_in.access_token, "new@example.com")
            .await
            .expect(202);
        app.clock.advance(1);
        tokens.push(app.mailed_token("new@example.com", "email_verification").await);
    }
    let answers = futures_util::future::join_all(tokens.iter().map(|token| prove(&app, token))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400, 400, 400, 400]);
}

#[actix_web::test]
async fn where_it_is_demanded_nobody_gets_in_before_the_address_is_proven() {
    let app = TestApp::with(&[("EMAIL_VERIFICATION", "required")]).await;
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/register", &body)
        .await
        .expect_problem(422, "validation_failed");
    let person = Person::register(&app, "jo@example.com").await;
    verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect_problem(403, "email_not_verified");
    // The login sends the mail anew.
    app.clock.advance(1);
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(403, "email_not_verified");
    log_in(&app, "jo@example.com", "another password")
        .await
        .expect_problem(401, "invalid_credentials");
    app.verify_email("jo@example.com").await;
    // Nothing was spent meanwhile.
    verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect(200);
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}
