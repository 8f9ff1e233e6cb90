//! `POST /email/verify` `POST /email/verify/request` `POST /email/change` `POST /email/change/cancel`

use actix_web::http::Method;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

async fn verify_address(app: &TestApp, token: &str) -> TestResponse {
    app.post("/email/verify", &json!({"token": token, "password": PASSWORD}))
        .await
}

async fn verify_address_as(app: &TestApp, token: &str, bearer: &str) -> TestResponse {
    app.call_as(Method::POST, "/email/verify", bearer, &json!({"token": token}))
        .await
}

async fn change(app: &TestApp, token: &str, email: &str) -> TestResponse {
    app.call_as(Method::POST, "/email/change", token, &json!({"email": email}))
        .await
}

#[actix_web::test]
async fn the_mail_of_the_registration_proves_the_address_within_a_day() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email_verified"], false);
    let token = app.mailed_token("jo@example.com", "email_verification").await;
    verify_address(&app, &token).await.expect(204);
    // A second press of the button gets the same answer.
    verify_address(&app, &token).await.expect(204);
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email_verified"], true);

    Person::register(&app, "mo@example.com").await;
    let late = app.mailed_token("mo@example.com", "email_verification").await;
    app.clock.advance(86_400);
    verify_address(&app, &late)
        .await
        .expect_problem(400, "invalid_link_token");
    app.post("/email/verify/request", &json!({"email": "mo@example.com"}))
        .await
        .expect(202);
    app.verify_email("mo@example.com").await;
}

#[actix_web::test]
async fn the_mail_is_sent_again_to_a_user_who_asks_for_their_own_address() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let older = app.mailed_token("jo@example.com", "email_verification").await;
    app.clock.advance(1);
    app.post_as("/email/verify/request", &signed_in.access_token)
        .await
        .expect(202);
    // A stranger may have requested the newer link: so the older one stays valid, and using one ends the others.
    let newer = app.mailed_token("jo@example.com", "email_verification").await;
    verify_address(&app, &older).await.expect(204);
    verify_address(&app, &newer)
        .await
        .expect_problem(400, "invalid_link_token");
    // There is no address to verify any longer.
    let before = app.notifications("jo@example.com").await.len();
    app.post_as("/email/verify/request", &signed_in.access_token)
        .await
        .expect(202);
    assert_eq!(app.notifications("jo@example.com").await.len(), before);
    app.post("/email/verify/request", &json!({}))
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn an_address_changes_on_proof_and_both_are_notified() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    change(&app, &signed_in.access_token, "Jo@Example.ORG")
        .await
        .expect(202);
    app.notification("jo@example.com", "email_change_requested").await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["email"], "jo@example.com", "not before it is verified");
    app.verify_new_email("jo@example.org", &signed_in.access_token).await;
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (&me["email"], &me["email_verified"]),
        (&json!("jo@example.org"), &json!(true))
    );
    app.notification("jo@example.com", "email_changed").await;
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
    let token = app.mailed_token("ann@example.com", "email_change").await;
    Person::register(&app, "ann@example.com").await;
    verify_address(&app, &token)
        .await
        .expect_problem(400, "invalid_link_token");
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
    // This is the most that is mailed to one address in an hour.
    for number in 0..3 {
        let signed_in = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        change(&app, &signed_in.access_token, "new@example.com")
            .await
            .expect(202);
        app.clock.advance(1);
        tokens.push(app.mailed_token("new@example.com", "email_change").await);
    }
    let answers = futures_util::future::join_all(tokens.iter().map(|token| verify_address(&app, token))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400, 400]);
}

#[actix_web::test]
async fn where_it_is_required_no_login_completes_before_the_address_is_verified() {
    let app = TestApp::with(&[("EMAIL_VERIFICATION", "required")]).await;
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/register", &body)
        .await
        .expect_problem(422, "validation_failed");
    let person = Person::register(&app, "jo@example.com").await;
    verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect_problem(403, "email_not_verified");
    // The login sends the mail again.
    app.clock.advance(1);
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(403, "email_not_verified");
    log_in(&app, "jo@example.com", "another password")
        .await
        .expect_problem(401, "invalid_credentials");
    app.verify_email("jo@example.com").await;
    // The refused attempts used nothing up.
    verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect(200);
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn a_session_a_pending_login_or_the_password_shows_whose_account_it_is() {
    let app = TestApp::new().await;
    for (number, by) in ["access token", "pre-auth token", "password"].into_iter().enumerate() {
        let email = format!("jo{number}@example.com");
        let jo = Person::sign_up(&app, &email).await;
        let token = app.mailed_token(&email, "email_verification").await;
        let answer = match by {
            "access token" => verify_address_as(&app, &token, &jo.access_token).await,
            "pre-auth token" => verify_address_as(&app, &token, &jo.person.log_in(&app).await).await,
            _ => verify_address(&app, &token).await,
        };
        answer.expect(204);
        let me = app.get_as("/me", &jo.access_token).await.expect(200).json();
        assert_eq!(me["email_verified"], true, "{by}");
    }
}

/// If a stranger registered with an address, its owner must not confirm the stranger's account by a click.
#[actix_web::test]
async fn a_link_without_a_proof_of_the_account_confirms_nothing_and_stays_good() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let stranger = Person::sign_up(&app, "stranger@example.com").await;
    let token = app.mailed_token("jo@example.com", "email_verification").await;
    let bare = json!({"token": token});
    app.post("/email/verify", &bare)
        .await
        .expect_problem(401, "proof_required");
    verify_address_as(&app, &token, &stranger.access_token)
        .await
        .expect_problem(401, "proof_required");
    let login = stranger.person.log_in(&app).await;
    verify_address_as(&app, &token, &login)
        .await
        .expect_problem(401, "proof_required");
    verify_address_as(&app, &token, "x")
        .await
        .expect_problem(401, "invalid_token");
    verify_address_as(&app, &token, "vpa_x")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    verify_address_as(&app, &token, &jo.person.pre_auth_token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    app.post(
        "/email/verify",
        &json!({"token": token, "password": "another password"}),
    )
    .await
    .expect_problem(401, "invalid_credentials");
    let me = app.get_as("/me", &jo.access_token).await.expect(200).json();
    assert_eq!(me["email_verified"], false);
    verify_address(&app, &token).await.expect(204);
    // Sent once more without a proof, the link reveals nothing.
    app.post("/email/verify", &bare)
        .await
        .expect_problem(401, "proof_required");
}

#[actix_web::test]
async fn wrong_passwords_beside_a_link_count_as_at_the_login() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    let token = app.mailed_token("jo@example.com", "email_verification").await;
    let wrong = json!({"token": token, "password": "another password"});
    for number in 0..5 {
        // Half of them here, half at the login: they share one count.
        if number % 2 == 0 {
            log_in(&app, "jo@example.com", "another password")
                .await
                .expect_problem(401, "invalid_credentials");
        } else {
            app.post("/email/verify", &wrong)
                .await
                .expect_problem(401, "invalid_credentials");
        }
    }
    let waits = verify_address(&app, &token).await;
    assert!(waits.header("retry-after").is_some());
    waits.expect_problem(429, "rate_limited");
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(30);
    verify_address(&app, &token).await.expect(204);
}

#[actix_web::test]
async fn a_link_that_was_used_is_worth_nothing_for_an_address_that_is_not_the_accounts() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let own = app.mailed_token("jo@example.com", "email_verification").await;
    change(&app, &jo.access_token, "jo@example.org").await.expect(202);
    // The two mails have different purposes: a change is not a confirmation, and a confirmation is not a change.
    let other = app.notification("jo@example.org", "email_change").await;
    assert!(
        other["text"].as_str().unwrap().contains("signed in to an account"),
        "{other}"
    );
    app.verify_new_email("jo@example.org", &jo.access_token).await;
    app.verify_new_email("jo@example.org", &jo.access_token).await;
    verify_address(&app, &own)
        .await
        .expect_problem(400, "invalid_link_token");
}

/// The attack: a change was requested in a stolen session, and took effect after the owner had ended that session.
#[actix_web::test]
async fn a_change_of_address_ends_with_the_session_that_asked_for_it() {
    let app = TestApp::new().await;
    let stolen = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    change(&app, &stolen.access_token, "mallory@example.org")
        .await
        .expect(202);
    let token = app.mailed_token("mallory@example.org", "email_change").await;
    app.post("/email/verify", &json!({"token": token}))
        .await
        .expect_problem(401, "proof_required");
    app.post_as("/logout", &stolen.access_token).await.expect(204);
    let owner = stolen.person.sign_in_again(&app).await;
    verify_address(&app, &token)
        .await
        .expect_problem(400, "invalid_link_token");
    verify_address_as(&app, &token, &owner)
        .await
        .expect_problem(400, "invalid_link_token");
    let me = app.get_as("/me", &owner).await.expect(200).json();
    assert_eq!(me["email"], "jo@example.com");
}

#[actix_web::test]
async fn the_old_address_stops_a_change_and_ends_all_sessions() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    // An unverified address gets no notice.
    change(&app, &jo.access_token, "first@example.org").await.expect(202);
    assert!(
        !app.notification_kinds("jo@example.com")
            .await
            .contains(&"email_change_requested".to_owned())
    );
    app.verify_email("jo@example.com").await;
    change(&app, &jo.access_token, "second@example.org").await.expect(202);
    let cancellation = app.mailed_token("jo@example.com", "email_change_requested").await;
    app.clock.advance(1);
    // Another change does not end the link in the first mail.
    change(&app, &jo.access_token, "third@example.org").await.expect(202);
    let token = app.mailed_token("third@example.org", "email_change").await;
    let cancel = async |token: &str| app.post("/email/change/cancel", &json!({"token": token})).await;
    for other in ["", "x", token.as_str(), &token.replacen("vev_", "vec_", 1)] {
        cancel(other).await.expect_problem(400, "invalid_link_token");
    }
    cancel(&cancellation).await.expect(204);
    cancel(&cancellation).await.expect_problem(400, "invalid_link_token");
    verify_address(&app, &token)
        .await
        .expect_problem(400, "invalid_link_token");
    app.get_as("/me", &jo.access_token)
        .await
        .expect_problem(401, "invalid_token");
    let owner = jo.person.sign_in_again(&app).await;
    let events = app.get_as("/me/events", &owner).await.expect(200).json();
    let reasons = events["items"].as_array().unwrap().iter().map(|event| &event["reason"]);
    assert!(reasons.into_iter().any(|reason| reason == "email_change_cancelled"));
}
