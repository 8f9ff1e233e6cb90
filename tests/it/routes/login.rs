//! `POST /login`

use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person, claims, log_in, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_right_password_begins_a_login_and_names_the_second_factors() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    let answer = log_in(&app, "Jo@Example.com", PASSWORD).await.expect(200).json();
    assert_eq!(answer["status"], "second_factor_required");
    assert_eq!(
        answer["methods"],
        json!([{"type": "totp"}, {"type": "recovery_code", "remaining": 10}])
    );
    assert_eq!(
        (&answer["default_method"], &answer["expires_in"]),
        (&json!("totp"), &json!(300))
    );
    assert!(answer["pre_auth_token"].as_str().unwrap().starts_with("vpa_"));
    assert_eq!(
        answer.as_object().unwrap().len(),
        5,
        "no access or refresh token is in it"
    );
}

#[actix_web::test]
async fn an_unconfirmed_account_must_enrol() {
    let app = TestApp::new().await;
    let person = Person::register(&app, "jo@example.com").await;
    let answer = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(answer["status"], "enrolment_required");
    assert_eq!(answer["methods"], json!([]));
    // Only the pre-auth token of the registration can confirm the registration's secret. A login gets its own secret.
    let token = answer["pre_auth_token"].as_str().unwrap();
    verify(&app, token, &person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    let secret = app.post_as("/2fa/totp", token).await.expect(201).text("/secret");
    let (first_code, first_token) = (person.code(&app), person.pre_auth_token.clone());
    let person = Person { secret, ..person };
    verify(&app, token, &person.code(&app)).await.expect(200);
    // The first code of one secret removes the other pending secrets of the account.
    verify(&app, &first_token, &first_code)
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn an_expired_enrolment_is_not_offered() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    app.clock.advance(600);
    let answer = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(
        (&answer["status"], &answer["methods"]),
        (&json!("enrolment_required"), &json!([]))
    );
}

#[actix_web::test]
async fn unknown_wrong_and_disabled_are_told_apart_by_nothing() {
    let app = TestApp::new().await;
    Person::sign_up(&app, "jo@example.com").await;
    Person::sign_up(&app, "gone@example.com").await;
    let disable = "UPDATE users SET status = 'disabled' WHERE email = 'gone@example.com'";
    app.database.connect().batch_execute(disable).unwrap();
    let mut answers = Vec::new();
    for (email, password) in [
        ("jo@example.com", "wrong password"),
        ("nobody@example.com", PASSWORD),
        ("gone@example.com", PASSWORD),
    ] {
        let answer = log_in(&app, email, password).await;
        let mut body = answer.json();
        body["request_id"] = json!(null);
        let headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((
            answer.status,
            body,
            headers.len(),
            answer.header("content-length").map(str::to_owned),
        ));
        answer.expect_problem(401, "invalid_credentials");
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[actix_web::test]
async fn exactly_one_name_is_required() {
    let app = TestApp::new().await;
    for body in [
        json!({"password": PASSWORD}),
        json!({"email": "jo@example.com", "username": "jo.doe", "password": PASSWORD}),
    ] {
        let problem = app.post("/login", &body).await.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "");
    }
    let body = json!({"email": "' OR 1=1--", "password": PASSWORD});
    let problem = app.post("/login", &body).await.expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/email");
}

#[actix_web::test]
async fn bodies_of_another_shape_are_malformed() {
    let app = TestApp::new().await;
    for body in [
        "",
        "[]",
        "null",
        "{",
        "[\"jo@example.com\",null,\"x\"]",
        r#"{"email":"jo@example.com"}"#,
        r#"{"email":"jo@example.com","password":null}"#,
        r#"{"email":"jo@example.com","password":12345678}"#,
        r#"{"email":"jo@example.com","password":"a","password":"b"}"#,
        r#"{"email":["jo@example.com"],"password":"a"}"#,
        r#"{"email":"jo@example.com","password":"a","aud":"x"}"#,
        r#"{"email":"jo@example.com","password":"a"}{}"#,
    ] {
        app.send_raw(actix_web::http::Method::POST, "/login", "application/json", body)
            .await
            .expect_problem(400, "malformed_request");
    }
}

#[actix_web::test]
async fn other_media_types_and_large_bodies_are_refused() {
    let app = TestApp::new().await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD}).to_string();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "application/jsonx",
        "",
    ] {
        app.send_raw(actix_web::http::Method::POST, "/login", media_type, &body)
            .await
            .expect_problem(415, "unsupported_media_type");
    }
    for media_type in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json; charset=\"utf-8\"",
    ] {
        app.send_raw(actix_web::http::Method::POST, "/login", media_type, &body)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    let large = format!(
        "{{\"email\":\"jo@example.com\",\"password\":\"{}\"}}",
        "x".repeat(16 * 1024)
    );
    app.send_raw(actix_web::http::Method::POST, "/login", "application/json", &large)
        .await
        .expect_problem(413, "payload_too_large");
}

#[actix_web::test]
async fn where_the_policy_is_optional_a_password_alone_signs_in_without_the_second_factor() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let person = Person::register(&app, "jo@example.com").await;
    let answer = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(
        (&answer["status"], &answer["token_type"]),
        (&json!("authenticated"), &json!("Bearer"))
    );
    let token = answer["access_token"].as_str().unwrap();
    let claims = claims(token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal1"), &json!(["pwd"])));
    app.get_as("/me", token).await.expect(200);
    // Once an authenticator is confirmed, the password alone is no longer enough, whatever the policy.
    person.confirm(&app).await;
    let answer = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(answer["status"], "second_factor_required");
}
