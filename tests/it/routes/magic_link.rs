//! `POST /magic-link` `POST /magic-link/verify`

use serde_json::json;

use crate::support::actors::{PASSWORD, Person, claims, log_in, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

async fn mailed(app: &TestApp, email: &str) -> String {
    app.post("/magic-link", &json!({"email": email})).await.expect(202);
    app.mailed_token(email, "magic_link").await
}

async fn open(app: &TestApp, token: &str) -> TestResponse {
    app.post("/magic-link/verify", &json!({"token": token})).await
}

#[actix_web::test]
async fn a_magic_link_is_a_first_factor_only() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.verify_email("jo@example.com").await;
    let token = mailed(&app, "jo@example.com").await;
    let answer = open(&app, &token).await.expect(200);
    assert_eq!(answer.json()["status"], "second_factor_required");
    assert!(answer.json().get("access_token").is_none());
    app.clock.advance(30);
    let answer = verify(&app, &answer.text("/pre_auth_token"), &person.code(&app))
        .await
        .expect(200);
    let claims = claims(&answer.text("/access_token"));
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("aal1"), &json!(["email", "otp"]))
    );
    open(&app, &token).await.expect_problem(400, "invalid_link_token");
}

#[actix_web::test]
async fn each_mail_counts_for_ten_minutes_until_one_is_used() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    let older = mailed(&app, "jo@example.com").await;
    app.clock.advance(1);
    let newer = mailed(&app, "jo@example.com").await;
    app.clock.advance(598);
    open(&app, &older).await.expect(200);
    open(&app, &newer).await.expect_problem(400, "invalid_link_token");
    let late = mailed(&app, "jo@example.com").await;
    app.clock.advance(600);
    open(&app, &late).await.expect_problem(400, "invalid_link_token");
}

#[actix_web::test]
async fn a_link_and_a_mailed_code_are_one_mail_box() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    let answer = open(&app, &mailed(&app, "jo@example.com").await).await.expect(200);
    let pre_auth_token = answer.text("/pre_auth_token");
    // A code in the same mailbox as the link is not a second factor.
    let methods = answer.json()["methods"].clone();
    assert_eq!(
        methods,
        json!([{"type": "totp"}, {"type": "recovery_code", "remaining": 10}])
    );
    let body = json!({"pre_auth_token": pre_auth_token, "method": "email"});
    app.post("/2fa/challenge", &body)
        .await
        .expect_problem(422, "validation_failed");
    let body = json!({"pre_auth_token": pre_auth_token, "code": "12345678", "method": "email"});
    app.post("/2fa/verify", &body).await.expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn a_magic_link_that_verifies_an_address_resets_what_a_stranger_set_up() {
    let app = TestApp::new().await;
    let mallory = Person::sign_up(&app, "jo@example.com").await;
    let answer = open(&app, &mailed(&app, "jo@example.com").await).await.expect(200);
    assert_eq!(answer.json()["status"], "enrolment_required");
    app.get_as("/me", &mallory.access_token).await.expect(401);
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    let secret = app
        .post_as("/2fa/totp", &answer.text("/pre_auth_token"))
        .await
        .expect(201)
        .text("/secret");
    let jo = Person {
        secret,
        ..mallory.person
    };
    verify(&app, &answer.text("/pre_auth_token"), &jo.code(&app))
        .await
        .expect(200);
}

#[actix_web::test]
async fn where_no_second_factor_is_required_it_signs_in_alone() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    let token = mailed(&app, "jo@example.com").await;
    let body = json!({"token": token, "delivery": "cookie"});
    let answer = app.post("/magic-link/verify", &body).await.expect(200);
    assert!(answer.header("set-cookie").is_some());
    assert_eq!(
        (&answer.json()["session"]["acr"], &answer.json()["session"]["amr"]),
        (&json!("aal1"), &json!(["email"]))
    );
}

#[actix_web::test]
async fn other_tokens_do_not_open_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let verification = app.mailed_token("jo@example.com", "email_verification").await;
    for token in [
        "",
        "vml_x",
        &verification,
        &verification.replacen("vev_", "vml_", 1),
        &signed_in.person.pre_auth_token,
    ] {
        open(&app, token).await.expect_problem(400, "invalid_link_token");
    }
    let body = json!({"token": mailed(&app, "jo@example.com").await, "delivery": "pigeon"});
    app.post("/magic-link/verify", &body)
        .await
        .expect_problem(422, "validation_failed");
}
