//! `POST /2fa/challenge`

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, PHONE, Person, challenge, claims, log_in, verify, verify_by};
use crate::support::app::TestApp;

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];

#[actix_web::test]
async fn a_texted_code_completes_a_login_with_two_factors() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    assert_eq!(
        login.json()["methods"],
        json!([{"type": "totp"}, {"type": "recovery_code", "remaining": 10}, {"type": "sms", "hint": "•••78"}])
    );
    let token = login.text("/pre_auth_token");
    let sent = challenge(&app, &token, "sms").await.expect(202).json();
    assert_eq!(
        sent,
        json!({"method": "sms", "hint": "•••78", "expires_in": 300, "resend_after": 60})
    );
    let notification = app.notification(PHONE, "second_factor_code").await;
    assert_eq!(notification["channel"], "sms");
    let code = notification["code"].as_str().unwrap();
    assert!(code.len() == 6 && notification["text"].as_str().unwrap().contains(code));
    let answer = verify_by(&app, &token, code, "sms").await.expect(200);
    let claims = claims(&answer.text("/access_token"));
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("aal2"), &json!(["pwd", "sms", "mfa"]))
    );
}

#[actix_web::test]
async fn a_mailed_code_completes_a_login_but_is_not_a_second_factor() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    assert_eq!(
        login.json()["methods"][2],
        json!({"type": "email", "hint": "j***@e***.com"})
    );
    let token = login.text("/pre_auth_token");
    let sent = challenge(&app, &token, "email").await.expect(202).json();
    assert_eq!((&sent["expires_in"], &sent["method"]), (&json!(600), &json!("email")));
    let code = app.sent_code("jo@example.com").await;
    assert_eq!(code.len(), 8);
    let answer = verify_by(&app, &token, &code, "email").await.expect(200);
    let access_token = answer.text("/access_token");
    let claims = claims(&access_token);
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("aal1"), &json!(["pwd", "email"]))
    );
    // Mail alone does not allow changes that require two factors.
    let demanded = app.post_as("/2fa/totp", &access_token).await;
    assert_eq!(
        demanded.expect_problem(401, "insufficient_user_authentication")["acr_values"],
        "aal2"
    );
}

#[actix_web::test]
async fn a_code_counts_once_for_its_login_its_channel_and_its_time() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    let other = signed_in.person.log_in(&app).await;
    verify_by(&app, &other, &code, "sms")
        .await
        .expect_problem(401, "invalid_code");
    // Six digits without a method are an authenticator's code.
    verify(&app, &token, &code).await.expect_problem(401, "invalid_code");
    verify_by(&app, &token, &format!(" {} {}", &code[..3], &code[3..]), "sms")
        .await
        .expect(200);
    verify_by(&app, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");

    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    app.clock.advance(300);
    verify_by(&app, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn an_enrolment_code_completes_no_login_and_a_login_code_enrols_nothing() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(60);
    let body = json!({"phone_number": "+4915112345679"});
    app.call_as(Method::PUT, "/2fa/phone", &signed_in.access_token, &body)
        .await
        .expect(202);
    let enrolling = app.confirmation_code("+4915112345679").await;
    let body = json!({"method": "sms"});
    app.call_as(Method::POST, "/2fa/challenge", &signed_in.access_token, &body)
        .await
        .expect(202);
    let stepping_up = app.sent_code(PHONE).await;
    let body = json!({"code": enrolling, "method": "sms"});
    app.call_as(Method::POST, "/step-up", &signed_in.access_token, &body)
        .await
        .expect_problem(401, "invalid_code");
    app.call_as(
        Method::POST,
        "/2fa/phone/confirm",
        &signed_in.access_token,
        &json!({"code": stepping_up}),
    )
    .await
    .expect_problem(401, "invalid_code");
    app.call_as(
        Method::POST,
        "/2fa/phone/confirm",
        &signed_in.access_token,
        &json!({"code": enrolling}),
    )
    .await
    .expect(204);
}

#[actix_web::test]
async fn a_code_is_sent_again_after_the_cool_down_and_attempts_are_not_reset() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let first = app.sent_code(PHONE).await;
    let wrong = if first == "000000" { "000001" } else { "000000" };
    let problem = verify_by(&app, &token, wrong, "sms")
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(problem["attempts_remaining"], 4);
    app.clock.advance(20);
    let early = challenge(&app, &token, "sms").await;
    assert_eq!(early.header("retry-after"), Some("40"));
    early.expect_problem(429, "rate_limited");
    assert_eq!(app.notifications(PHONE).await.len(), 2, "one to enrol, one to sign in");
    app.clock.advance(40);
    challenge(&app, &token, "sms").await.expect(202);
    let second = app.sent_code(PHONE).await;
    if first != second {
        let problem = verify_by(&app, &token, &first, "sms")
            .await
            .expect_problem(401, "invalid_code");
        assert_eq!(problem["attempts_remaining"], 3, "another code gives no more guesses");
    }
    verify_by(&app, &token, &second, "sms").await.expect(200);
}

#[actix_web::test]
async fn sends_are_bounded_for_an_account_over_all_its_logins() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    for _ in 0..5 {
        let token = signed_in.person.log_in(&app).await;
        challenge(&app, &token, "sms").await.expect(202);
    }
    let token = signed_in.person.log_in(&app).await;
    let refused = challenge(&app, &token, "sms").await;
    assert_eq!(refused.header("retry-after"), Some("3600"));
    refused.expect_problem(429, "rate_limited");
    assert_eq!(app.notifications(PHONE).await.len(), 6, "and the one to enrol");
    app.clock.advance(3600);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
}

#[actix_web::test]
async fn sends_to_one_phone_are_bounded_over_all_accounts() {
    let app = TestApp::with(ALL).await;
    let mut refused = 0;
    for number in 0..11 {
        let person = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        let body = json!({"phone_number": PHONE});
        let answer = app
            .call_as(Method::PUT, "/2fa/phone", &person.access_token, &body)
            .await;
        refused += u32::from(answer.status == 429);
    }
    assert_eq!((refused, app.notifications(PHONE).await.len()), (1, 10));
}

#[actix_web::test]
async fn what_is_not_set_up_is_not_sent() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let token = signed_in.person.log_in(&app).await;
    for method in ["sms", "email", "totp", "recovery_code", ""] {
        let problem = challenge(&app, &token, method)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/method");
    }
    challenge(&app, "vpa_x", "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    challenge(&app, &signed_in.access_token, "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    app.post("/2fa/challenge", &json!({"method": "sms"}))
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_method_that_the_deployment_gives_up_is_not_offered_but_still_required() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,sms"), ("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(30);
    let body = json!({"password": PASSWORD, "code": signed_in.person.code(&app)});
    app.call_as(Method::DELETE, "/2fa/totp", &signed_in.access_token, &body)
        .await
        .expect(204);
    let without = app.sibling(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let login = log_in(&without, "jo@example.com", PASSWORD).await.expect(200);
    // Neither `authenticated` nor `enrolment_required`: either would be a way around the second factor.
    assert_eq!(login.json()["status"], "second_factor_required");
    assert_eq!(
        login.json()["methods"],
        json!([{"type": "recovery_code", "remaining": 10}])
    );
    assert_eq!(login.json()["default_method"], "recovery_code");
    let token = login.text("/pre_auth_token");
    without
        .post_as("/2fa/totp", &token)
        .await
        .expect_problem(403, "forbidden");
    challenge(&without, &token, "sms")
        .await
        .expect_problem(422, "validation_failed");
    let delete = "DELETE FROM recovery_codes";
    app.database.connect().batch_execute(delete).unwrap();
    let login = log_in(&without, "jo@example.com", PASSWORD).await.expect(200);
    let (status, methods) = (&login.json()["status"], &login.json()["methods"]);
    assert_eq!((status, methods), (&json!("second_factor_required"), &json!([])));
    assert!(login.json().get("default_method").is_none());
}

#[actix_web::test]
async fn wrong_codes_of_all_kinds_and_logins_make_one_count() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(30);
    let person = &signed_in.person;
    person.log_in_with(&app, &person.wrong_code(&app)).await.expect(401);
    person
        .log_in_with(&app, "0000-0000-0000-0000-0000-0000")
        .await
        .expect(401);
    let token = person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let wrong = if app.sent_code(PHONE).await == "000000" {
        "000001"
    } else {
        "000000"
    };
    verify_by(&app, &token, wrong, "sms").await.expect(401);
    for _ in 0..2 {
        let token = person.log_in(&app).await;
        verify(&app, &token, &person.wrong_code(&app)).await.expect(401);
    }
    // The fifth was the last that is checked. The right code is not checked, whichever login it is for.
    let locked = person.log_in_with(&app, &person.code(&app)).await;
    assert_eq!(locked.header("retry-after"), Some("30"));
    locked.expect_problem(429, "rate_limited");
    challenge(&app, &person.log_in(&app).await, "sms")
        .await
        .expect_problem(429, "rate_limited");
    let token = person.log_in(&app).await;
    app.clock.advance(29);
    verify(&app, &token, &person.code(&app))
        .await
        .expect_problem(429, "rate_limited");
    // The refused attempts did not prolong the wait and were not counted. After the wait the code is accepted.
    app.clock.advance(1);
    let answer = verify(&app, &token, &person.code(&app)).await.expect(200).json();
    assert_eq!(answer["session"]["acr"], "aal2");
}

#[actix_web::test]
async fn a_second_factor_that_was_removed_does_not_take_the_code_that_was_sent() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    app.bare_as(Method::DELETE, "/2fa/phone", &signed_in.access_token)
        .await
        .expect(204);
    verify_by(&app, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn without_a_way_to_send_what_needs_it_is_unavailable() {
    let app = TestApp::serving_with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let body = json!({"phone_number": PHONE});
    app.call_as(Method::PUT, "/2fa/phone", &signed_in.access_token, &body)
        .await
        .expect_problem(503, "service_unavailable");
    let state: Value = app.get_as("/2fa", &signed_in.access_token).await.expect(200).json();
    assert_eq!(state["factors"].as_array().unwrap().len(), 1);
}
