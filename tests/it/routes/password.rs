//! `POST /password/change` `POST /password/forgot` `POST /password/reset`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, log_in, refresh, step_up, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

/// Another password that is hard to guess.
const NEW: &str = "heftklammer im regen";

async fn change(app: &TestApp, token: &str, current: &str, new: &str) -> TestResponse {
    let body = json!({"current_password": current, "new_password": new});
    app.call_as(Method::POST, "/password/change", token, &body).await
}

async fn forgot(app: &TestApp, email: &str) -> TestResponse {
    app.post("/password/forgot", &json!({"email": email})).await
}

async fn reset(app: &TestApp, token: &str, new: &str) -> TestResponse {
    app.post("/password/reset", &json!({"token": token, "new_password": new}))
        .await
}

/// Requests a reset and returns the token.
async fn mailed(app: &TestApp, email: &str) -> String {
    forgot(app, email).await.expect(202);
    app.mailed_token(email, "password_reset").await
}

#[actix_web::test]
async fn a_change_ends_all_other_sessions_and_pending_logins() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let other = signed_in.person.sign_in_again(&app).await;
    let pending = signed_in.person.log_in(&app).await;
    change(&app, &signed_in.access_token, PASSWORD, NEW).await.expect(204);
    app.get_as("/me", &other).await.expect_problem(401, "invalid_token");
    app.get_as("/me", &signed_in.access_token).await.expect(200);
    refresh(&app, &signed_in.refresh_token).await.expect(200);
    app.clock.advance(30);
    verify(&app, &pending, &signed_in.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    log_in(&app, "jo@example.com", NEW).await.expect(200);
    app.notification("jo@example.com", "password_changed").await;
}

#[actix_web::test]
async fn a_change_takes_the_current_password_and_counts_wrong_ones() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    for _ in 0..5 {
        change(&app, token, "another password", NEW)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    change(&app, token, PASSWORD, NEW)
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(30);
    for (new, reason) in [
        ("short", "too_short"),
        ("password1", "common"),
        ("jo@example.com", "common"),
    ] {
        let problem = change(&app, token, PASSWORD, new)
            .await
            .expect_problem(422, "password_rejected");
        assert_eq!(problem["reason"], reason, "{new}");
    }
    let problem = change(&app, token, PASSWORD, &"x".repeat(129)).await;
    assert_eq!(problem.expect_problem(422, "password_rejected")["reason"], "too_long");
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}

/// A thief with a stolen token and the password must not shut the owner out.
#[actix_web::test]
async fn where_something_is_held_a_change_takes_a_recent_proof_of_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let other = signed_in.person.sign_in_again(&app).await;
    app.clock.advance(301);
    let token = &signed_in.access_token;
    for current in [PASSWORD, "another password"] {
        let demand = change(&app, token, current, NEW)
            .await
            .expect_problem(401, "insufficient_user_authentication");
        assert_eq!(
            (&demand["acr_values"], &demand["accepted_methods"]),
            (&json!("aal2"), &json!(["totp", "recovery_code"]))
        );
    }
    // The password does not prove possession of the second factor.
    let answer = step_up(&app, token, &json!({"password": PASSWORD})).await.expect(200);
    change(&app, &answer.text("/access_token"), PASSWORD, NEW)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    app.get_as("/me", &other).await.expect(200);
    let code = json!({"code": signed_in.person.code(&app)});
    let answer = step_up(&app, &answer.text("/access_token"), &code).await.expect(200);
    change(&app, &answer.text("/access_token"), PASSWORD, NEW)
        .await
        .expect(204);
    app.get_as("/me", &other).await.expect(401);
}

#[actix_web::test]
async fn where_nothing_is_held_the_current_password_is_enough() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    app.clock.advance(301);
    change(&app, &login.text("/access_token"), PASSWORD, NEW)
        .await
        .expect(204);
}

#[actix_web::test]
async fn a_reset_ends_everything_but_never_skips_the_second_factor() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    let pending = signed_in.person.log_in(&app).await;
    let token = mailed(&app, "jo@example.com").await;
    reset(&app, &token, NEW).await.expect(204);
    app.get_as("/me", &signed_in.access_token)
        .await
        .expect_problem(401, "invalid_token");
    refresh(&app, &signed_in.refresh_token).await.expect(401);
    app.clock.advance(30);
    verify(&app, &pending, &signed_in.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    log_in(&app, "jo@example.com", PASSWORD).await.expect(401);
    let login = log_in(&app, "jo@example.com", NEW).await.expect(200);
    assert_eq!(login.json()["status"], "second_factor_required");
    verify(&app, &login.text("/pre_auth_token"), &signed_in.person.code(&app))
        .await
        .expect(200);
    app.notification("jo@example.com", "password_was_reset").await;
    // The token works once.
    reset(&app, &token, "ein drittes langes wort")
        .await
        .expect_problem(400, "invalid_link_token");
}

#[actix_web::test]
async fn each_mail_counts_for_fifteen_minutes_until_one_is_used() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    let older = mailed(&app, "jo@example.com").await;
    app.clock.advance(1);
    let newer = mailed(&app, "jo@example.com").await;
    app.clock.advance(898);
    // A refused password does not use the token up. Nor does a newer mail, which a stranger may have requested.
    reset(&app, &older, "short")
        .await
        .expect_problem(422, "password_rejected");
    reset(&app, &older, NEW).await.expect(204);
    reset(&app, &newer, NEW).await.expect_problem(400, "invalid_link_token");
    let late = mailed(&app, "jo@example.com").await;
    app.clock.advance(900);
    reset(&app, &late, NEW).await.expect_problem(400, "invalid_link_token");
}

#[actix_web::test]
async fn tokens_of_other_kinds_and_forgeries_do_not_open_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let verification = app.mailed_token("jo@example.com", "email_verification").await;
    app.post("/magic-link", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let magic = app.mailed_token("jo@example.com", "magic_link").await;
    let right = mailed(&app, "jo@example.com").await;
    let changed = format!("{}A{}", &right[..20], &right[21..]);
    for token in [
        "",
        "x",
        &changed,
        &verification,
        &magic,
        &verification.replacen("vev_", "vpr_", 1),
        &magic.replacen("vml_", "vpr_", 1),
        &signed_in.access_token,
        &signed_in.refresh_token,
    ] {
        assert!(token != right);
        reset(&app, token, NEW).await.expect_problem(400, "invalid_link_token");
    }
    reset(&app, &right, NEW).await.expect(204);
}

#[actix_web::test]
async fn a_changed_password_or_address_kills_the_mailed_token() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = mailed(&app, "jo@example.com").await;
    change(&app, &signed_in.access_token, PASSWORD, NEW).await.expect(204);
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_link_token");
    let token = mailed(&app, "jo@example.com").await;
    let body = json!({"email": "jo@example.org"});
    app.call_as(Method::POST, "/email/change", &signed_in.access_token, &body)
        .await
        .expect(202);
    app.verify_new_email("jo@example.org", &signed_in.access_token).await;
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_link_token");
    forgot(&app, "jo@example.com").await.expect(202);
    assert!(
        app.notification_kinds("jo@example.com")
            .await
            .iter()
            .filter(|kind| *kind == "password_reset")
            .count()
            == 2
    );
}

#[actix_web::test]
async fn an_address_without_an_account_is_answered_the_same() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    for path in ["/password/forgot", "/magic-link", "/email/verify/request"] {
        let mut answers = Vec::new();
        // More requests than mails that are sent: the quota does not show either.
        for email in ["jo@example.com", "nobody@example.com"].repeat(5) {
            answers.push(app.post(path, &json!({"email": email})).await.expect(202).shown());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{path}");
    }
    assert_eq!(app.notifications("nobody@example.com").await, Vec::<Value>::new());
    let kinds = app.notification_kinds("jo@example.com").await;
    for kind in ["password_reset", "magic_link"] {
        assert_eq!(kinds.iter().filter(|found| *found == kind).count(), 3, "{kind}");
    }
    app.clock.advance(3600);
    forgot(&app, "jo@example.com").await.expect(202);
    assert_eq!(app.notification_kinds("jo@example.com").await.len(), kinds.len() + 1);
}

#[actix_web::test]
async fn a_password_reset_that_verifies_an_address_resets_what_a_stranger_set_up() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    // Mallory registers with Jo's address, and sets up every factor.
    let mallory = Person::sign_up(&app, "jo@example.com").await;
    mallory.set_up_phone(&app, PHONE).await;
    let pending = mallory.person.log_in(&app).await;
    // Jo cannot register, so Jo requests a new password.
    let token = mailed(&app, "jo@example.com").await;
    reset(&app, &token, NEW).await.expect(204);
    let login = log_in(&app, "jo@example.com", NEW).await.expect(200);
    assert_eq!(login.json()["status"], "enrolment_required");
    assert_eq!(login.json()["methods"], json!([]));
    app.get_as("/me", &mallory.access_token).await.expect(401);
    refresh(&app, &mallory.refresh_token).await.expect(401);
    app.clock.advance(30);
    for code in [mallory.person.code(&app), mallory.recovery_codes[0].clone()] {
        verify(&app, &pending, &code).await.expect(401);
        verify(&app, &login.text("/pre_auth_token"), &code).await.expect(401);
    }
    let secret = app
        .post_as("/2fa/totp", &login.text("/pre_auth_token"))
        .await
        .expect(201)
        .text("/secret");
    let jo = Person {
        secret,
        ..mallory.person
    };
    let answer = verify(&app, &login.text("/pre_auth_token"), &jo.code(&app))
        .await
        .expect(200);
    let me = app
        .get_as("/me", &answer.text("/access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&me["email_verified"], &me["two_factor"]["phone"]),
        (&json!(true), &json!(false))
    );
}

#[actix_web::test]
async fn without_a_mail_server_there_is_no_reset() {
    let app = TestApp::serving().await;
    forgot(&app, "jo@example.com")
        .await
        .expect_problem(503, "service_unavailable");
}
