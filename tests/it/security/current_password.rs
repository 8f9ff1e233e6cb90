//! The current password in a session: during a wait no route that takes it reveals anything about it, and none computes
//! a hash.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::races::execute;
use crate::support::actors::{PASSWORD, Person, log_in, step_up};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const EMAIL: &str = "jo@example.com";
const NEW: &str = "heftklammer im regen";
const WRONG: &str = "another password";

/// Sends a password to each route that takes one in a session.
async fn every_way(app: &TestApp, token: &str, password: &str) -> Vec<TestResponse> {
    let requests: [(Method, &str, Value); 4] = [
        (Method::POST, "/step-up", json!({"password": password})),
        (
            Method::POST,
            "/password/change",
            json!({"current_password": password, "new_password": NEW}),
        ),
        // A new password that breaks a rule.
        (
            Method::POST,
            "/password/change",
            json!({"current_password": password, "new_password": "short"}),
        ),
        (
            Method::DELETE,
            "/2fa/totp",
            json!({"password": password, "code": "123456"}),
        ),
    ];
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        answers.push(app.call_as(method, path, token, &body).await);
    }
    answers
}

#[actix_web::test]
async fn in_a_wait_right_and_wrong_ones_are_answered_alike_and_none_is_hashed() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up(&app, EMAIL).await;
    let token = &signed_in.access_token;
    for _ in 0..5 {
        step_up(&app, token, &json!({"password": WRONG}))
            .await
            .expect_problem(401, "invalid_credentials");
    }
    // With this key id no hash can be computed: a request that tries fails.
    execute(&app, "UPDATE users SET password_key_id = 99");
    app.clock.advance(29);
    let right = every_way(&app, token, PASSWORD).await;
    let wrong = every_way(&app, token, WRONG).await;
    for (right, wrong) in right.into_iter().zip(wrong) {
        assert_eq!(right.header("retry-after"), Some("1"));
        let (right, wrong) = (right.expect_problem(429, "rate_limited"), wrong.expect(429).json());
        assert_eq!(right["detail"], wrong["detail"]);
    }
    // The first request after the wait does compute a hash.
    app.clock.advance(1);
    step_up(&app, token, &json!({"password": PASSWORD}))
        .await
        .expect_problem(500, "internal_error");
}

#[actix_web::test]
async fn at_sign_in_and_beside_a_mailed_token_nothing_is_hashed_in_a_wait() {
    let app = TestApp::new().await;
    Person::sign_up(&app, EMAIL).await;
    let token = app.mailed_token(EMAIL, "email_verification").await;
    for _ in 0..5 {
        log_in(&app, EMAIL, WRONG)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    execute(&app, "UPDATE users SET password_key_id = 99");
    for password in [PASSWORD, WRONG] {
        log_in(&app, EMAIL, password).await.expect_problem(429, "rate_limited");
        let body = json!({"token": token, "password": password});
        app.post("/email/verify", &body)
            .await
            .expect_problem(429, "rate_limited");
    }
}

#[actix_web::test]
async fn the_new_password_is_checked_after_the_current_one_was_verified() {
    let app = TestApp::new().await;
    let token = &Person::sign_up(&app, EMAIL).await.access_token;
    let change = async |current: &str| {
        let body = json!({"current_password": current, "new_password": "short"});
        app.call_as(Method::POST, "/password/change", token, &body).await
    };
    for _ in 0..4 {
        change(WRONG).await.expect_problem(401, "invalid_credentials");
    }
    // A right password resets the failures before it, even if the new password is refused.
    change(PASSWORD).await.expect_problem(422, "password_rejected");
    for _ in 0..5 {
        change(WRONG).await.expect_problem(401, "invalid_credentials");
    }
    change(PASSWORD).await.expect_problem(429, "rate_limited");
}
