//! What one account sends and is answered from its registration to its deletion, what an administrator of webhooks is
//! answered, and every problem, as files that a review reads.
//!
//! Each file in `answers/` has the name of its request. A change of a file is a change of the API: read it, then accept
//! it with `INSTA_UPDATE=always scripts/test --test it answers::`.

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::api::problem::{Code, Problem};

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, Person, step_up};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::response::TestResponse;

/// Members that are random; most of them would let a reader in.
const RANDOM: &[&str] = &[
    "access_token",
    "refresh_token",
    "pre_auth_token",
    "recovery_codes",
    "secret",
    "otpauth_uri",
    "qr_code",
    "next_cursor",
];

/// Members of requests that are random.
const RANDOM_IN_REQUESTS: [&str; 2] = ["code", "token"];

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

/// Sends a body, and compares it and the answer with the file of the request.
async fn exchange(app: &TestApp, name: &str, path: &str, body: Value) -> TestResponse {
    let answer = app.post(path, &body).await;
    compare_exchange(name, body, &answer);
    answer
}

/// The same as a signed-in user.
async fn exchange_as(token: &str, app: &TestApp, name: &str, call: (Method, &str), body: Value) -> TestResponse {
    let (method, path) = call;
    let answer = app.call_as(method, path, token, &body).await;
    compare_exchange(name, body, &answer);
    answer
}

fn compare_exchange(name: &str, request: Value, answer: &TestResponse) {
    let mut request = redacted("", request);
    for member in RANDOM_IN_REQUESTS {
        if let Some(value) = request.get_mut(member) {
            *value = json!(format!("[{member}]"));
        }
    }
    let body = match answer.body[..] {
        [] => Value::Null,
        _ => redacted("", answer.json()),
    };
    let exchange = json!({"request": request, "status": answer.status.as_u16(), "body": body});
    compare(name, &exchange);
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
    for (name, body) in [
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
        exchange(&app, name, "/register", body).await;
    }
    let body = json!({"email": email, "password": PASSWORD});
    let answer = exchange(&app, "04-post-register", "/register", body).await;
    let jo = Person {
        id: answer.text("/user/id"),
        email: email.to_owned(),
        secret: answer.text("/totp/secret"),
        pre_auth_token: answer.text("/pre_auth_token"),
    };
    let body = json!({"email": email, "password": "another password"});
    exchange(&app, "05-post-login-wrong", "/login", body).await;
    let body = json!({"pre_auth_token": jo.pre_auth_token, "code": jo.wrong_code(&app)});
    exchange(&app, "06-post-2fa-verify-wrong", "/2fa/verify", body).await;
    let body = json!({"pre_auth_token": jo.pre_auth_token, "code": jo.code(&app)});
    let answer = exchange(&app, "07-post-2fa-verify-first", "/2fa/verify", body).await;
    let (access, refresh_token) = (answer.text("/access_token"), answer.text("/refresh_token"));
    compare_answer("08-get-me", &app.get_as("/me", &access).await);
    compare_answer("09-get-2fa", &app.get_as("/2fa", &access).await);
    compare_answer("10-get-sessions", &app.get_as("/sessions", &access).await);
    compare_answer("11-get-token-validate", &app.get_as("/token/validate", &access).await);
    let body = json!({"refresh_token": refresh_token});
    exchange(&app, "12-post-token-refresh", "/token/refresh", body).await;

    app.clock.advance(60);
    let body = json!({"email": email, "password": PASSWORD});
    let answer = exchange(&app, "13-post-login", "/login", body).await;
    let body = json!({"pre_auth_token": answer.text("/pre_auth_token"), "code": jo.code(&app)});
    let answer = exchange(&app, "14-post-2fa-verify", "/2fa/verify", body).await;
    let access = answer.text("/access_token");

    app.clock.advance(301);
    let change = json!({"username": "jo.doe", "locale": "de"});
    let name = "15-patch-me-without-recent-proof";
    exchange_as(&access, &app, name, (Method::PATCH, "/me"), change.clone()).await;
    let body = json!({"code": jo.code(&app)});
    let answer = exchange_as(&access, &app, "16-post-step-up", (Method::POST, "/step-up"), body).await;
    let access = answer.text("/access_token");
    exchange_as(&access, &app, "17-patch-me", (Method::PATCH, "/me"), change).await;
    app.clock.advance(1);
    let answer = app.post_as("/2fa/recovery-codes", &access).await;
    compare_answer("18-post-2fa-recovery-codes", &answer);
    compare_answer("19-get-me-events", &app.get_as("/me/events?limit=1", &access).await);
    compare_answer("20-get-me-export", &app.get_as("/me/export", &access).await);
    app.bare_as(Method::DELETE, "/me", &access).await.expect(204);
    compare_answer("21-get-me-deleted", &app.get_as("/me", &access).await);
}

#[actix_web::test]
async fn a_new_password_is_answered_as_the_files_say() {
    let app = TestApp::new().await;
    let email = "jo@example.com";
    Person::sign_up_verified(&app, email).await;
    exchange(
        &app,
        "22-post-password-forgot",
        "/password/forgot",
        json!({"email": email}),
    )
    .await;
    let token = app.mailed_token(email, "password_reset").await;
    let body = json!({"token": token, "new_password": "Blaue Fenster im Schnee"});
    exchange(&app, "23-post-password-reset", "/password/reset", body).await;
}

#[actix_web::test]
async fn an_administrator_of_webhooks_is_answered_as_the_files_say() {
    let app = TestApp::new().await;
    let mut admin = administrator(&app, "root@example.com").await;
    app.clock.advance(301);
    let hooks = "/admin/webhooks";
    let body = json!({"url": "https://127.0.0.1/hooks", "events": ["user.created"], "include_addresses": true});
    let create = (Method::POST, hooks);
    let name = "24-post-admin-webhooks-without-recent-proof";
    exchange_as(&admin.access_token, &app, name, create.clone(), body.clone()).await;
    let code = json!({"code": admin.person.code(&app)});
    let proved = step_up(&app, &admin.access_token, &code).await.expect(200);
    admin.access_token = proved.text("/access_token");
    let token = &admin.access_token;
    let wrong = json!({"url": "hooks.example.com", "events": ["user.born"], "format": "xml"});
    exchange_as(token, &app, "25-post-admin-webhooks-invalid", create.clone(), wrong).await;
    let made = exchange_as(token, &app, "26-post-admin-webhooks", create, body).await;
    let one = format!("{hooks}/{}", made.text("/id"));
    let [deliveries, replay] = ["deliveries", "replay"].map(|part| format!("{one}/{part}"));
    let change = json!({"events": [], "include_addresses": false});
    exchange_as(token, &app, "27-patch-admin-webhook", (Method::PATCH, &one), change).await;
    let rotated = app.post_as(&format!("{one}/rotate-secret"), token).await;
    compare_answer("28-post-admin-webhook-rotate-secret", &rotated);
    compare_answer("29-get-admin-webhook", &app.get_as(&one, token).await);
    compare_answer("30-get-admin-webhooks", &app.get_as(hooks, token).await);
    let tested = app.post_as(&format!("{one}/test"), token).await;
    compare_answer("31-post-admin-webhook-test", &tested);
    compare_answer("32-get-admin-webhook-deliveries", &app.get_as(&deliveries, token).await);
    let since = json!({"since": app.now() - TimeDelta::days(1)});
    exchange_as(
        token,
        &app,
        "33-post-admin-webhook-replay",
        (Method::POST, &replay),
        since,
    )
    .await;
    let disable = json!({"state": "disabled"});
    exchange_as(
        token,
        &app,
        "34-patch-admin-webhook-disabled",
        (Method::PATCH, &one),
        disable,
    )
    .await;
    let tested = app.post_as(&format!("{one}/test"), token).await;
    compare_answer("35-post-admin-webhook-test-disabled", &tested);
    app.bare_as(Method::DELETE, &one, token).await.expect(204);
    compare_answer("36-get-admin-webhook-deleted", &app.get_as(&one, token).await);
}

#[test]
fn a_problem_is_what_its_file_says() {
    for code in Code::ALL {
        let body = Problem::of(*code).body(PUBLIC_URL, None);
        compare(&format!("problem-{}", code.as_str().replace('_', "-")), &body);
    }
}
