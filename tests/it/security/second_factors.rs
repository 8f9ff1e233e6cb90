//! Ways around the second factor: a proof in one place must be worth nothing in another.

use actix_web::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use vestibule::domain::clock::Clock;

use crate::races::execute;
use crate::support::actors::{
    PASSWORD, PHONE, Person, SignedIn, challenge, claims, log_in, refresh, verify, verify_by,
};
use crate::support::app::TestApp;
use crate::support::oath;
use crate::support::passkeys::{sign_in_by_passkey, sign_in_challenge};
use crate::support::response::TestResponse;

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];
const OTHER_PHONE: &str = "+4915112345699";

async fn post(app: &TestApp, path: &str, token: &str, body: Value) -> TestResponse {
    app.call_as(Method::POST, path, token, &body).await
}

async fn put_phone(app: &TestApp, token: &str, number: &str) -> TestResponse {
    app.call_as(Method::PUT, "/2fa/phone", token, &json!({"phone_number": number}))
        .await
}

/// Every change of the ways to sign in, with a valid body.
fn sensitive_changes() -> [(Method, &'static str, Option<Value>); 10] {
    let code = || Some(json!({"code": "123456"}));
    [
        (Method::POST, "/2fa/totp", None),
        (Method::POST, "/2fa/totp/confirm", code()),
        (
            Method::DELETE,
            "/2fa/totp",
            Some(json!({"password": PASSWORD, "code": "123456"})),
        ),
        (Method::POST, "/2fa/recovery-codes", None),
        (Method::PUT, "/2fa/email", None),
        (Method::POST, "/2fa/email/confirm", Some(json!({"code": "12345678"}))),
        (Method::DELETE, "/2fa/email", None),
        (Method::PUT, "/2fa/phone", Some(json!({"phone_number": PHONE}))),
        (Method::POST, "/2fa/phone/confirm", code()),
        (Method::DELETE, "/2fa/phone", None),
    ]
}

async fn try_every_change(app: &TestApp, token: &str, status: u16, code: &str) {
    for (method, path, body) in sensitive_changes() {
        let answer = match body {
            Some(body) => app.call_as(method, path, token, &body).await,
            None => app.bare_as(method, path, token).await,
        };
        answer.expect_problem(status, code);
    }
}

#[actix_web::test]
async fn neither_a_stale_nor_a_weak_session_changes_anything() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    let weak = verify_by(&app, &token, &code, "email")
        .await
        .expect(200)
        .text("/access_token");
    try_every_change(&app, &weak, 401, "insufficient_user_authentication").await;
    app.clock.advance(241);
    try_every_change(&app, &signed_in.access_token, 401, "insufficient_user_authentication").await;
    let factors = app.get_as("/2fa", &signed_in.access_token).await.expect(200).json();
    assert_eq!(factors["factors"].as_array().unwrap().len(), 2, "{factors}");
}

#[actix_web::test]
async fn a_session_that_ended_changes_nothing_although_its_token_has_not_expired() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    put_phone(&app, &signed_in.access_token, PHONE).await.expect(202);
    let code = app.confirmation_code(PHONE).await;
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    post(
        &app,
        "/2fa/phone/confirm",
        &signed_in.access_token,
        json!({"code": code}),
    )
    .await
    .expect_problem(401, "invalid_token");
    try_every_change(&app, &signed_in.access_token, 401, "invalid_token").await;
}

#[actix_web::test]
async fn a_disabled_account_is_shut_out_between_any_two_steps() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    execute(&app, "UPDATE users SET status = 'disabled'");
    verify_by(&app, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    app.clock.advance(60);
    challenge(&app, &token, "sms")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    app.post_as("/2fa/totp", &token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    post(&app, "/step-up", &signed_in.access_token, json!({"password": PASSWORD}))
        .await
        .expect_problem(401, "invalid_token");
    try_every_change(&app, &signed_in.access_token, 401, "invalid_token").await;
}

#[actix_web::test]
async fn a_phone_is_confirmed_only_by_the_code_that_it_got() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let other = signed_in.person.sign_in_again(&app).await;
    put_phone(&app, &signed_in.access_token, PHONE).await.expect(202);
    let code = app.confirmation_code(PHONE).await;
    // Another session replaces the pending number by another one.
    put_phone(&app, &other, OTHER_PHONE).await.expect(202);
    post(
        &app,
        "/2fa/phone/confirm",
        &signed_in.access_token,
        json!({"code": code}),
    )
    .await
    .expect_problem(401, "invalid_code");
    let me = app.get_as("/me", &signed_in.access_token).await.expect(200).json();
    assert_eq!(me["two_factor"]["phone"], false);
    let code = app.confirmation_code(OTHER_PHONE).await;
    post(&app, "/2fa/phone/confirm", &other, json!({"code": code}))
        .await
        .expect(204);
}

#[actix_web::test]
async fn a_code_on_a_phone_that_was_replaced_since_opens_nothing() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    signed_in.set_up_phone(&app, OTHER_PHONE).await;
    verify_by(&app, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn a_code_in_a_mail_box_that_is_not_known_to_be_the_owners_any_more_opens_nothing() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    for change in [
        "UPDATE users SET email_verified_at = NULL",
        "UPDATE users SET email_verified_at = created_at, email = 'mo@example.com';
         UPDATE account_names SET name = 'mo@example.com'",
    ] {
        execute(&app, change);
        verify_by(&app, &token, &code, "email")
            .await
            .expect_problem(401, "invalid_code");
    }
    execute(&app, "UPDATE users SET email_verified_at = NULL");
    let login = log_in(&app, "mo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["methods"].as_array().unwrap().len(), 2, "not offered: {login}");
}

#[actix_web::test]
async fn a_code_of_a_channel_that_the_deployment_gave_up_opens_nothing() {
    let app = TestApp::with(ALL).await;
    let without = app.sibling(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let token = signed_in.person.log_in(&app).await;
    challenge(&app, &token, "sms").await.expect(202);
    let code = app.sent_code(PHONE).await;
    verify_by(&without, &token, &code, "sms")
        .await
        .expect_problem(401, "invalid_code");
    verify_by(&app, &token, &code, "sms").await.expect(200);
}

#[actix_web::test]
async fn a_code_is_for_the_login_that_asked_and_no_other() {
    let app = TestApp::with(ALL).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, PHONE).await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    mo.set_up_phone(&app, OTHER_PHONE).await;
    app.clock.advance(60);
    let token = jo.person.log_in(&app).await;
    let body = json!({"method": "sms", "pre_auth_token": token});
    post(&app, "/2fa/challenge", &mo.access_token, body).await.expect(202);
    assert_eq!(app.notifications(OTHER_PHONE).await.len(), 1, "the enrolment only");
    let code = app.sent_code(PHONE).await;
    let proof = json!({"code": code, "method": "sms"});
    for stranger in [&mo.access_token, &jo.access_token] {
        post(&app, "/step-up", stranger, proof.clone())
            .await
            .expect_problem(401, "invalid_code");
    }
    verify_by(&app, &token, &code, "sms").await.expect(200);
}

#[actix_web::test]
async fn a_replacement_authenticator_completes_no_login_before_it_is_confirmed() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let secret = app
        .post_as("/2fa/totp", &signed_in.access_token)
        .await
        .expect(201)
        .text("/secret");
    app.clock.advance(30);
    let code = oath::code_at(&secret, app.clock.now());
    let token = signed_in.person.log_in(&app).await;
    verify(&app, &token, &code).await.expect_problem(401, "invalid_code");
    post(&app, "/step-up", &signed_in.access_token, json!({"code": code}))
        .await
        .expect_problem(401, "invalid_code");
    let body = json!({"password": PASSWORD, "code": code});
    app.call_as(Method::DELETE, "/2fa/totp", &signed_in.access_token, &body)
        .await
        .expect_problem(401, "invalid_code");
    // The same if the phone is the only factor left.
    let body = json!({"password": PASSWORD, "code": signed_in.recovery_codes[0]});
    app.call_as(Method::DELETE, "/2fa/totp", &signed_in.access_token, &body)
        .await
        .expect(204);
    let secret = app
        .post_as("/2fa/totp", &signed_in.access_token)
        .await
        .expect(201)
        .text("/secret");
    let code = oath::code_at(&secret, app.clock.now());
    verify(&app, &token, &code).await.expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn stepping_up_never_prolongs_a_session_past_its_end() {
    let app = TestApp::with(&[("SESSION_IDLE_TTL", "2000"), ("SESSION_ABSOLUTE_TTL", "4000")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let end = claims(&signed_in.access_token)["iat"].as_i64().unwrap() + 4000;
    let (mut access, mut refresh_token) = (signed_in.access_token, signed_in.refresh_token);
    for _ in 0..7 {
        app.clock.advance(550);
        let answer = post(&app, "/step-up", &access, json!({"password": PASSWORD}))
            .await
            .expect(200);
        access = answer.text("/access_token");
        refresh_token = answer.text("/refresh_token");
        assert!(claims(&access)["exp"].as_i64().unwrap() <= end);
        let idle: chrono::DateTime<chrono::Utc> = answer.text("/session/idle_expires_at").parse().unwrap();
        assert!(idle.timestamp() <= end && idle - app.clock.now() <= TimeDelta::seconds(2000));
    }
    app.clock.advance(150);
    post(&app, "/step-up", &access, json!({"password": PASSWORD}))
        .await
        .expect_problem(401, "invalid_token");
    refresh(&app, &refresh_token).await.expect(401);
}

#[actix_web::test]
async fn bodies_of_another_shape_are_refused_by_the_members_name() {
    let app = TestApp::with(ALL).await;
    let token = Person::sign_up(&app, "jo@example.com").await.access_token;
    for (method, path, good) in [
        (
            Method::POST,
            "/2fa/challenge",
            json!({"method": "sms", "pre_auth_token": "vpa_x"}),
        ),
        (Method::POST, "/2fa/totp/confirm", json!({"code": "123456"})),
        (
            Method::DELETE,
            "/2fa/totp",
            json!({"password": PASSWORD, "code": "123456"}),
        ),
        (Method::POST, "/2fa/email/confirm", json!({"code": "12345678"})),
        (Method::PUT, "/2fa/phone", json!({"phone_number": PHONE})),
        (Method::POST, "/2fa/phone/confirm", json!({"code": "123456"})),
        (Method::POST, "/step-up", json!({"code": "123456", "method": "totp"})),
        (
            Method::POST,
            "/2fa/verify",
            json!({"pre_auth_token": "vpa_x", "code": "123456", "method": "totp"}),
        ),
    ] {
        let members: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        for member in members {
            for wrong in [json!(123_456), json!(["123456"]), json!({}), json!(true)] {
                let mut body = good.clone();
                body[&member] = wrong;
                let answer = app.call_as(method.clone(), path, &token, &body).await;
                let problem = answer.expect_problem(400, "malformed_request");
                assert!(
                    problem["detail"].as_str().unwrap().contains(&format!("\"{member}\"")),
                    "{path}: {problem}"
                );
            }
        }
        let mut body = good.clone();
        body["timestamp"] = json!("hunter2");
        let answer = app.call_as(method.clone(), path, &token, &body).await;
        let problem = answer.expect_problem(400, "malformed_request");
        assert!(
            problem["detail"].as_str().unwrap().contains("\"timestamp\""),
            "{problem}"
        );
        assert!(!problem.to_string().contains("hunter2"));
        let answer = app.call_as(method, path, &token, &json!([good])).await;
        answer.expect_problem(400, "malformed_request");
    }
}

#[actix_web::test]
async fn an_authenticator_that_waits_is_confirmed_by_no_other_way_than_its_own() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let person = Person::register(&app, "jo@example.com").await;
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
    let token = login.text("/access_token");
    app.clock.advance(301);
    // The session is too old for any change, and a step-up does not enrol a factor.
    post(&app, "/step-up", &token, json!({"code": person.code(&app)}))
        .await
        .expect_problem(401, "invalid_code");
    let me = app.get_as("/me", &token).await.expect(200).json();
    assert_eq!(
        me["two_factor"],
        json!({"passkey": false, "totp": false, "email": false, "phone": false, "recovery_codes_remaining": 0})
    );
    let token = post(&app, "/step-up", &token, json!({"password": PASSWORD}))
        .await
        .expect(200)
        .text("/access_token");
    // Another session does not confirm what the registration started, either.
    post(&app, "/2fa/totp/confirm", &token, json!({"code": person.code(&app)}))
        .await
        .expect_problem(401, "invalid_code");
    let secret = app.post_as("/2fa/totp", &token).await.expect(201).text("/secret");
    let person = Person { secret, ..person };
    let answer = post(&app, "/2fa/totp/confirm", &token, json!({"code": person.code(&app)})).await;
    assert_eq!(
        answer.expect(200).json()["recovery_codes"].as_array().unwrap().len(),
        10
    );
}

/// The number is how often the same token will still be checked, regardless of other waits of the account.
#[actix_web::test]
async fn the_attempts_told_are_those_of_the_token() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let token = person.log_in(&app).await;
        for remaining in [4, 3] {
            assert_eq!(remaining_after(&app, &token, &person.wrong_code(&app)).await, remaining);
        }
        tokens.push(token);
    }
    // The fifth wrong one makes the account wait, which does not end the token.
    let token = &tokens[0];
    assert_eq!(remaining_after(&app, token, &person.wrong_code(&app)).await, 2);
    for (wait, remaining) in [("30", 1), ("60", 0)] {
        let locked = verify(&app, token, &person.code(&app)).await;
        assert_eq!(locked.header("retry-after"), Some(wait));
        locked.expect_problem(429, "rate_limited");
        app.clock.advance(wait.parse().unwrap());
        assert_eq!(remaining_after(&app, token, &person.wrong_code(&app)).await, remaining);
    }
    // None left: the token has ended, and does not merely wait.
    app.clock.advance(120);
    verify(&app, token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn a_replayed_code_has_the_answers_of_a_wrong_one() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let used = person.code(&app);
    person.log_in_with(&app, &used).await.expect(200);
    let (replayed, wrong) = (person.log_in(&app).await, person.log_in(&app).await);
    for remaining in [4, 3] {
        assert_eq!(remaining_after(&app, &replayed, &used).await, remaining);
        assert_eq!(remaining_after(&app, &wrong, &person.wrong_code(&app)).await, remaining);
    }
}

async fn remaining_after(app: &TestApp, token: &str, code: &str) -> i64 {
    let problem = verify(app, token, code).await.expect_problem(401, "invalid_code");
    problem["attempts_remaining"].as_i64().unwrap()
}

/// What an owner does whose factor a thief may have.
#[derive(Clone, Copy, Debug)]
enum Farewell {
    RemoveAuthenticator,
    ReplaceAuthenticator,
    RemovePhone,
    ReplacePhone,
    RenewRecoveryCodes,
}

/// The session that makes a change does not say which factor a thief has, and the others do not say which one it was.
#[actix_web::test]
async fn with_a_factor_that_is_removed_or_replaced_go_the_proofs_by_its_kind_in_other_sessions() {
    for farewell in [
        Farewell::RemoveAuthenticator,
        Farewell::ReplaceAuthenticator,
        Farewell::RemovePhone,
        Farewell::ReplacePhone,
        Farewell::RenewRecoveryCodes,
    ] {
        let app = TestApp::with(&[("SECOND_FACTORS", "totp,email,sms,passkey")]).await;
        let jo = Person::sign_up_verified(&app, "jo@example.com").await;
        jo.set_up_phone(&app, PHONE).await;
        let (mut key, _) = jo.add_passkey(&app).await;
        let kind = match farewell {
            Farewell::RemoveAuthenticator | Farewell::ReplaceAuthenticator => "totp",
            Farewell::RemovePhone | Farewell::ReplacePhone => "sms",
            Farewell::RenewRecoveryCodes => "recovery_code",
        };
        let thief = sign_in_by(&app, &jo, kind).await;
        let beside = key.assert(&sign_in_challenge(&app).await);
        let beside = sign_in_by_passkey(&app, &beside).await.expect(200);
        bid_farewell(&app, &jo, farewell).await;
        let token = thief.text("/access_token");
        app.get_as("/me", &token).await.expect(200);
        app.post_as("/2fa/passkeys/options", &token)
            .await
            .expect_problem(401, "insufficient_user_authentication");
        let next = refresh(&app, &thief.text("/refresh_token")).await.expect(200);
        let shown = claims(&next.text("/access_token"));
        assert_eq!(
            (&shown["acr"], &shown["amr"]),
            (&json!("aal1"), &json!(["pwd"])),
            "{farewell:?}"
        );
        // Another kind of proof, and the session that made the change, are as before.
        for token in [&beside.text("/access_token"), &jo.access_token] {
            app.post_as("/2fa/passkeys/options", token).await.expect(200);
        }
    }
}

/// Signs in with the password and a second factor.
async fn sign_in_by(app: &TestApp, jo: &SignedIn, kind: &str) -> TestResponse {
    app.clock.advance(60);
    let pending = jo.person.log_in(app).await;
    let code = match kind {
        "totp" => jo.person.code(app),
        "sms" => {
            challenge(app, &pending, "sms").await.expect(202);
            app.sent_code(PHONE).await
        }
        _ => jo.recovery_codes[0].clone(),
    };
    let answer = verify_by(app, &pending, &code, kind).await.expect(200);
    assert_eq!(claims(&answer.text("/access_token"))["acr"], "aal2");
    answer
}

async fn bid_farewell(app: &TestApp, jo: &SignedIn, farewell: Farewell) {
    let token = &jo.access_token;
    app.clock.advance(60);
    match farewell {
        Farewell::RemoveAuthenticator => {
            let body = json!({"password": PASSWORD, "code": jo.person.code(app)});
            app.call_as(Method::DELETE, "/2fa/totp", token, &body).await.expect(204);
        }
        Farewell::ReplaceAuthenticator => {
            let secret = app.post_as("/2fa/totp", token).await.expect(201).text("/secret");
            let body = json!({"code": oath::code_at(&secret, app.clock.now())});
            post(app, "/2fa/totp/confirm", token, body).await.expect(200);
        }
        Farewell::RemovePhone => drop(app.bare_as(Method::DELETE, "/2fa/phone", token).await.expect(204)),
        Farewell::ReplacePhone => {
            put_phone(app, token, OTHER_PHONE).await.expect(202);
            let body = json!({"code": app.confirmation_code(OTHER_PHONE).await});
            post(app, "/2fa/phone/confirm", token, body).await.expect(204);
        }
        Farewell::RenewRecoveryCodes => drop(app.post_as("/2fa/recovery-codes", token).await.expect(200)),
    }
}
