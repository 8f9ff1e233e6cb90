//! What one account is answered from its registration to its deletion, and every problem, as files that a review reads.
//!
//! Each file in `answers/` has the name of its request. A change of a file is a change of the API: read it, then accept
//! it with `INSTA_UPDATE=always scripts/test --test it answers::`.

use actix_web::http::Method;
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::api::problem::{Code, Problem};

use crate::support::actors::{PASSWORD, Person, log_in, refresh, step_up, verify};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::response::TestResponse;

/// Members that are random; most of them would let a reader in.
const RANDOM: [&str; 8] = [
    "access_token",
    "refresh_token",
    "pre_auth_token",
    "recovery_codes",
    "secret",
    "otpauth_uri",
    "qr_code",
    "next_cursor",
];

/// Lists by time, in which the order of what happened at one moment differs each time.
const OF_ONE_MOMENT: [&str; 3] = ["events", "items", "sessions"];

/// Compares a value with the file of its name.
#[track_caller]
fn compare(name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("answers");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

/// Compares an answer's status and body with the file of its request.
#[track_caller]
fn compare_answer(request: &str, answer: &TestResponse) {
    let body = redacted("", answer.json());
    compare(request, &json!({"status": answer.status.as_u16(), "body": body}));
}

/// Replaces ids, times and secrets, which differ each time, by what they are.
fn redacted(member: &str, value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        _ if RANDOM.contains(&member) => json!(format!("[{member}]")),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = redacted(&name, value);
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(|item| redacted("", item)).collect();
            if OF_ONE_MOMENT.contains(&member) {
                items.sort_by_key(Value::to_string);
            }
            items.into()
        }
        Value::String(text) if Uuid::parse_str(&text).is_ok() => json!("[id]"),
        Value::String(text) if DateTime::parse_from_rfc3339(&text).is_ok() => json!("[time]"),
        Value::Number(_) if ["exp", "iat", "nbf", "auth_time"].contains(&member) => json!("[time]"),
        other => other,
    }
}

#[actix_web::test]
async fn an_account_is_answered_as_the_files_say() {
    let app = TestApp::new().await;
    let email = "jo@example.com";
    for (request, body) in [
        ("01-post-register-invalid", json!({"email": "jo", "password": PASSWORD})),
        (
            "02-post-register-weak-password",
            json!({"email": email, "password": "password"}),
        ),
        (
            "03-post-register-malformed",
            json!({"email": email, "password": PASSWORD, "role": "admin"}),
        ),
    ] {
        compare_answer(request, &app.post("/register", &body).await);
    }
    let answer = app
        .post("/register", &json!({"email": email, "password": PASSWORD}))
        .await;
    compare_answer("04-post-register", &answer);
    let jo = Person {
        id: answer.text("/user/id"),
        email: email.to_owned(),
        secret: answer.text("/totp/secret"),
        pre_auth_token: answer.text("/pre_auth_token"),
    };
    compare_answer("05-post-login-wrong", &log_in(&app, email, "another password").await);
    let answer = verify(&app, &jo.pre_auth_token, &jo.wrong_code(&app)).await;
    compare_answer("06-post-2fa-verify-wrong", &answer);
    let answer = verify(&app, &jo.pre_auth_token, &jo.code(&app)).await;
    compare_answer("07-post-2fa-verify-first", &answer);
    let (access, refresh_token) = (answer.text("/access_token"), answer.text("/refresh_token"));
    compare_answer("08-get-me", &app.get_as("/me", &access).await);
    compare_answer("09-get-2fa", &app.get_as("/2fa", &access).await);
    compare_answer("10-get-sessions", &app.get_as("/sessions", &access).await);
    compare_answer("11-get-token-validate", &app.get_as("/token/validate", &access).await);
    compare_answer("12-post-token-refresh", &refresh(&app, &refresh_token).await);

    app.clock.advance(60);
    let answer = log_in(&app, email, PASSWORD).await;
    compare_answer("13-post-login", &answer);
    let answer = verify(&app, &answer.text("/pre_auth_token"), &jo.code(&app)).await;
    compare_answer("14-post-2fa-verify", &answer);
    let access = answer.text("/access_token");

    app.clock.advance(301);
    let change = json!({"username": "jo.doe", "locale": "de"});
    let answer = app.call_as(Method::PATCH, "/me", &access, &change).await;
    compare_answer("15-patch-me-without-recent-proof", &answer);
    let answer = step_up(&app, &access, &json!({"code": jo.code(&app)})).await;
    compare_answer("16-post-step-up", &answer);
    let access = answer.text("/access_token");
    let answer = app.call_as(Method::PATCH, "/me", &access, &change).await;
    compare_answer("17-patch-me", &answer);
    app.clock.advance(1);
    let answer = app.post_as("/2fa/recovery-codes", &access).await;
    compare_answer("18-post-2fa-recovery-codes", &answer);
    compare_answer("19-get-me-events", &app.get_as("/me/events?limit=1", &access).await);
    compare_answer("20-get-me-export", &app.get_as("/me/export", &access).await);
    app.bare_as(Method::DELETE, "/me", &access).await.expect(204);
    compare_answer("21-get-me-deleted", &app.get_as("/me", &access).await);
}

#[test]
fn a_problem_is_what_its_file_says() {
    for code in Code::ALL {
        let body = Problem::of(*code).body(PUBLIC_URL, None);
        compare(&format!("problem-{}", code.as_str().replace('_', "-")), &body);
    }
}
