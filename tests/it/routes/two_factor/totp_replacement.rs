//! `POST /2fa/totp/confirm` `DELETE /2fa/totp`

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, step_up, verify};
use crate::support::app::TestApp;

/// Starts the enrolment of a new authenticator and returns a user who has it.
async fn begin(app: &TestApp, signed_in: &SignedIn) -> Person {
    let answer = app.post_as("/2fa/totp", &signed_in.access_token).await.expect(201);
    Person {
        secret: answer.text("/secret"),
        id: signed_in.person.id.clone(),
        email: signed_in.person.email.clone(),
        pre_auth_token: String::new(),
    }
}

async fn confirm(app: &TestApp, signed_in: &SignedIn, code: &str) -> crate::support::response::TestResponse {
    let path = "/2fa/totp/confirm";
    app.call_as(Method::POST, path, &signed_in.access_token, &json!({"code": code}))
        .await
}

#[actix_web::test]
async fn the_old_authenticator_works_until_the_new_one_is_confirmed() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    let new = begin(&app, &signed_in).await;
    app.clock.advance(30);
    // The new authenticator does not complete a login yet, the old one does.
    let token = new.log_in(&app).await;
    verify(&app, &token, &new.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    verify(&app, &token, &signed_in.person.code(&app)).await.expect(200);
    let answer = confirm(&app, &signed_in, &new.code(&app)).await.expect(200).json();
    assert_eq!(answer.get("recovery_codes"), None, "the old codes still count");
    app.clock.advance(30);
    let token = new.log_in(&app).await;
    verify(&app, &token, &signed_in.person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    verify(&app, &token, &new.code(&app)).await.expect(200);
    let notice = app.notification_kinds("jo@example.com").await;
    assert_eq!(
        notice,
        ["authenticator_added", "authenticator_replaced", "email_verification"]
    );
}

#[actix_web::test]
async fn the_confirming_code_is_spent() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let new = begin(&app, &signed_in).await;
    confirm(&app, &signed_in, &new.code(&app)).await.expect(200);
    // A double click, however often, is not a guess: the session need not wait.
    for _ in 0..6 {
        confirm(&app, &signed_in, &new.code(&app))
            .await
            .expect_problem(401, "invalid_code");
    }
    let token = new.log_in(&app).await;
    verify(&app, &token, &new.code(&app))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn wrong_and_late_codes_change_nothing_and_are_counted() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let new = begin(&app, &signed_in).await;
    for _ in 0..5 {
        let problem = confirm(&app, &signed_in, &new.wrong_code(&app)).await;
        let problem = problem.expect_problem(401, "invalid_code");
        assert_eq!(problem.get("attempts_remaining"), None, "an access token is not spent");
    }
    let locked = confirm(&app, &signed_in, &new.code(&app)).await;
    assert_eq!(locked.header("retry-after"), Some("30"));
    locked.expect_problem(429, "rate_limited");
    app.clock.advance(30);
    for code in ["12345", "1234567", "12345x", ""] {
        confirm(&app, &signed_in, code)
            .await
            .expect_problem(422, "validation_failed");
    }
    confirm(&app, &signed_in, &new.code(&app)).await.expect(200);
    confirm(&app, &signed_in, &new.code(&app))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn a_new_secret_expires_and_the_old_one_stays() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let new = begin(&app, &signed_in).await;
    app.clock.advance(600);
    let access_token = signed_in.person.sign_in_again(&app).await;
    let body = json!({"code": new.code(&app)});
    app.call_as(Method::POST, "/2fa/totp/confirm", &access_token, &body)
        .await
        .expect_problem(401, "invalid_code");
    signed_in.person.sign_in_again(&app).await;
}

#[actix_web::test]
async fn another_session_confirms_what_one_began_but_another_user_does_not() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let stranger = Person::sign_up(&app, "mo@example.com").await;
    let new = begin(&app, &signed_in).await;
    confirm(&app, &stranger, &new.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    confirm(&app, &signed_in, &new.code(&app)).await.expect(200);
}

async fn remove(app: &TestApp, token: &str, password: &str, code: &str) -> crate::support::response::TestResponse {
    let body = json!({"password": password, "code": code});
    app.call_as(Method::DELETE, "/2fa/totp", token, &body).await
}

#[actix_web::test]
async fn the_last_factor_stays_where_every_account_requires_one() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let code = signed_in.person.code(&app);
    remove(&app, &signed_in.access_token, PASSWORD, &code)
        .await
        .expect_problem(409, "conflict");
    // The refused request used nothing up.
    signed_in.person.log_in_with(&app, &code).await.expect(200);
}

#[actix_web::test]
async fn where_the_policy_allows_it_the_authenticator_and_its_recovery_codes_go() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
    app.clock.advance(30);
    let code = signed_in.person.code(&app);
    let token = &signed_in.access_token;
    remove(&app, token, "another password", &code)
        .await
        .expect_problem(401, "invalid_credentials");
    let wrong = signed_in.person.wrong_code(&app);
    remove(&app, token, PASSWORD, &wrong)
        .await
        .expect_problem(401, "invalid_code");
    remove(&app, token, PASSWORD, "12")
        .await
        .expect_problem(422, "validation_failed");
    remove(&app, token, PASSWORD, &code).await.expect(204);
    remove(&app, token, PASSWORD, &code)
        .await
        .expect_problem(404, "not_found");
    let state = app.get_as("/2fa", token).await.expect(200).json();
    assert_eq!(
        (&state["factors"], &state["recovery_codes_remaining"]),
        (&json!([]), &json!(0))
    );
    // The password is enough now, and the login response says so.
    let answer = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["status"], "authenticated");
    assert_eq!(
        (&answer["session"]["acr"], &answer["session"]["amr"]),
        (&json!("aal1"), &json!(["pwd"]))
    );
    app.notification("jo@example.com", "authenticator_removed").await;
}

#[actix_web::test]
async fn with_another_factor_the_authenticator_may_go_and_recovery_codes_stay() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    remove(&app, &signed_in.access_token, PASSWORD, &signed_in.recovery_codes[0])
        .await
        .expect(204);
    let answer = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["status"], "second_factor_required");
    assert_eq!(answer["default_method"], "sms");
    let kinds: Vec<&Value> = answer["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| &method["type"])
        .collect();
    assert_eq!(kinds, ["recovery_code", "sms"]);
    // Now the phone is the last one.
    app.bare_as(Method::DELETE, "/2fa/phone", &signed_in.access_token)
        .await
        .expect_problem(409, "conflict");
}

/// The proof of a factor that the account has no more would stay the strongest, and nothing could renew it.
#[actix_web::test]
async fn without_a_factor_that_the_user_has_the_password_is_enough_again() {
    for with_mail in [false, true] {
        let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional"), ("SECOND_FACTORS", "totp,email")]).await;
        let signed_in = Person::sign_up_verified(&app, "jo@example.com").await;
        if with_mail {
            signed_in.set_up_email(&app).await;
            // Each recovery code is something that the user has, too.
            let set = "UPDATE recovery_codes SET used_at = created_at";
            app.database.connect().batch_execute(set).unwrap();
        }
        app.clock.advance(30);
        let code = signed_in.person.code(&app);
        remove(&app, &signed_in.access_token, PASSWORD, &code).await.expect(204);
        app.clock.advance(400);
        let change = json!({"username": "jo.doe"});
        let refused = app
            .call_as(Method::PATCH, "/me", &signed_in.access_token, &change)
            .await;
        let refused = refused.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(refused["accepted_methods"], json!(["password"]), "{with_mail}");
        let proof = json!({"password": PASSWORD});
        let fresh = step_up(&app, &signed_in.access_token, &proof).await.expect(200);
        app.call_as(Method::PATCH, "/me", &fresh.text("/access_token"), &change)
            .await
            .expect(200);
        let claims = app
            .get_as("/token/validate", &fresh.text("/access_token"))
            .await
            .expect(200);
        assert_eq!(claims.json()["acr"], "aal1");
    }
}
