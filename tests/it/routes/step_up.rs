//! `POST /step-up`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, challenge, claims, refresh, verify_by};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

async fn step_up(app: &TestApp, token: &str, proof: &Value) -> TestResponse {
    app.call_as(Method::POST, "/step-up", token, proof).await
}

#[actix_web::test]
async fn a_proof_renews_auth_time_in_the_same_session_and_kills_the_old_refresh_token() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let before = claims(&signed_in.access_token);
    app.clock.advance(301);
    let token = &signed_in.access_token;
    app.post_as("/2fa/recovery-codes", token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let answer = step_up(&app, token, &json!({"code": signed_in.person.code(&app)}))
        .await
        .expect(200);
    let after = claims(&answer.text("/access_token"));
    assert_eq!((&after["sid"], &after["amr"]), (&before["sid"], &before["amr"]));
    assert_eq!(
        after["auth_time"].as_i64().unwrap() - before["auth_time"].as_i64().unwrap(),
        301
    );
    assert_ne!(after["jti"], before["jti"]);
    app.post_as("/2fa/recovery-codes", &answer.text("/access_token"))
        .await
        .expect(200);
    app.clock.advance(11);
    refresh(&app, &answer.text("/refresh_token")).await.expect(200);
    app.clock.advance(11);
    refresh(&app, &signed_in.refresh_token).await.expect(401);
}

#[actix_web::test]
async fn a_password_or_any_factor_is_a_proof() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(301);
    let token = &signed_in.access_token;
    step_up(&app, token, &json!({"password": PASSWORD})).await.expect(200);
    let body = json!({"method": "sms"});
    app.call_as(Method::POST, "/2fa/challenge", token, &body)
        .await
        .expect(202);
    let code = app.sent_code(PHONE).await;
    step_up(&app, token, &json!({"code": code, "method": "sms"}))
        .await
        .expect(200);
    step_up(&app, token, &json!({"code": code, "method": "sms"}))
        .await
        .expect_problem(401, "invalid_code");
    let answer = step_up(&app, token, &json!({"code": signed_in.recovery_codes[0]}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        answer["session"]["amr"],
        json!(["pwd", "otp", "sms", "recovery", "mfa"])
    );
    assert_eq!(answer["session"]["acr"], "aal2");
}

#[actix_web::test]
async fn a_further_factor_raises_the_assurance() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    let low = verify_by(&app, &token, &code, "email")
        .await
        .expect(200)
        .text("/access_token");
    // The mail box was just read, but the account has more than that.
    app.post_as("/2fa/recovery-codes", &low)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let answer = step_up(&app, &low, &json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(answer.json()["session"]["acr"], "aal1");
    let answer = step_up(&app, &low, &json!({"code": signed_in.person.code(&app)}))
        .await
        .expect(200);
    assert_eq!(answer.json()["session"]["acr"], "aal2");
    app.post_as("/2fa/recovery-codes", &answer.text("/access_token"))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_wrong_proof_renews_nothing() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = &signed_in.access_token;
    app.clock.advance(30);
    for (proof, code) in [
        (json!({"code": signed_in.person.wrong_code(&app)}), "invalid_code"),
        (json!({"password": "another password"}), "invalid_credentials"),
    ] {
        step_up(&app, token, &proof).await.expect_problem(401, code);
    }
    for proof in [
        json!({}),
        json!({"password": PASSWORD, "code": "123456"}),
        json!({"password": PASSWORD, "method": "totp"}),
        json!({"code": "12"}),
        json!({"method": "totp"}),
    ] {
        step_up(&app, token, &proof)
            .await
            .expect_problem(422, "validation_failed");
    }
    // A used code is no proof either.
    let code = signed_in.person.code(&app);
    step_up(&app, token, &json!({"code": code})).await.expect(200);
    step_up(&app, token, &json!({"code": code}))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn the_cookie_follows() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let body = json!({"pre_auth_token": person.pre_auth_token, "code": person.code(&app), "delivery": "cookie"});
    let answer = app.post("/2fa/verify", &body).await.expect(200);
    let token = answer.text("/access_token");
    let answer = step_up(&app, &token, &json!({"password": PASSWORD})).await.expect(200);
    assert!(
        answer
            .header("set-cookie")
            .unwrap()
            .starts_with("__Host-vestibule_refresh=")
    );
    assert_eq!(answer.json().get("refresh_token"), None);
}

#[actix_web::test]
async fn where_the_password_is_the_only_factor_it_is_enough() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    let login = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200);
    let token = login.text("/access_token");
    app.post_as("/2fa/totp", &token).await.expect(201);
    app.clock.advance(301);
    let problem = app.post_as("/2fa/totp", &token).await;
    assert_eq!(
        problem.expect_problem(401, "insufficient_user_authentication")["acr_values"],
        "aal1"
    );
    let token = step_up(&app, &token, &json!({"password": PASSWORD}))
        .await
        .expect(200)
        .text("/access_token");
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let person = Person {
        secret,
        id: String::new(),
        email: "jo@example.com".to_owned(),
        pre_auth_token: String::new(),
    };
    let body = json!({"code": person.code(&app)});
    let answer = app
        .call_as(Method::POST, "/2fa/totp/confirm", &token, &body)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["recovery_codes"].as_array().unwrap().len(), 10);
    let login = crate::support::actors::log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect(200)
        .json();
    assert_eq!(login["status"], "second_factor_required");
}
